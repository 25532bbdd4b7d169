//! The routing snapshot as a service follows it: pointer, object, signature, meaning, and what it would follow. Whatever
//! goes wrong, the one that was taken in stays.

use accessos_routing::{BYTES_MAX, Limits, POINTER, Pointer, Problem, Snapshot, TrustedKeys, succeed};

use crate::source::{Found, Source};

/// More bytes than this are no pointer.
const POINTER_MAX: usize = 1024;

/// As routers have it: a service that only reads has no reason to bear with more.
const LIMITS: Limits = Limits { lose_percent: 10, generation_min: 0 };

/// The snapshot that is followed.
#[derive(Debug)]
pub struct Routing {
    source: Source,
    keys: TrustedKeys,
    current: Option<Snapshot>,
    tag: Option<String>,
}

impl Routing {
    /// Follows what is published here under one of these keys.
    pub fn new(source: Source, keys: TrustedKeys) -> Self {
        Self { source, keys, current: None, tag: None }
    }

    /// Reaches its source with what the surroundings say.
    pub async fn reach(&mut self) {
        self.source = self.source.clone().reached().await;
    }

    /// The one that was taken in last.
    pub fn current(&self) -> Option<&Snapshot> {
        self.current.as_ref()
    }

    /// One look; true if there is a new one.
    ///
    /// # Errors
    /// It could not be read, or what is there may not be taken in; all of it in words.
    pub async fn look(&mut self) -> Result<bool, Vec<String>> {
        let one = |why: String| vec![why];
        let (bytes, tag) = match self.source.get(POINTER, self.tag.as_deref(), POINTER_MAX).await.map_err(one)? {
            Found::Same => return Ok(false),
            Found::Nothing => return Err(one(format!("there is no {POINTER}"))),
            Found::Is(bytes, tag) => (bytes, tag),
        };
        let pointer = Pointer::read(&bytes).map_err(|problem| one(problem.to_string()))?;
        let Found::Is(bytes, _) = self.source.get(&pointer.object, None, BYTES_MAX).await.map_err(one)? else {
            return Err(one(format!("there is no {}", pointer.object)));
        };
        if !pointer.is_of(&bytes) {
            return Err(one(format!("{} does not have the bytes that its name says", pointer.object)));
        }
        let told = |problems: Vec<Problem>| problems.iter().map(ToString::to_string).collect::<Vec<_>>();
        let (snapshot, _) = self.keys.open(&bytes).map_err(told)?;
        if snapshot.generation != pointer.generation {
            return Err(one(format!("the pointer names another generation than {}", snapshot.generation)));
        }
        let newer = succeed(self.current.as_ref(), &snapshot, LIMITS).map_err(told)?;
        self.tag = Some(tag);
        if newer {
            self.current = Some(snapshot);
        }
        Ok(newer)
    }
}
