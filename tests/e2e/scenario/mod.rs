//! The scenarios, in the order of a full run. A new one is a file here and a variant below.

mod binary;
mod bootstrap;
mod breaker;
mod record;
mod release;
mod update;

use crate::story::Story;
use crate::world::{Problem, Result, World};

/// Something that can be played in the world, which is put back to its first state afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scenario {
    Bootstrap,
    Binary,
    Update,
    Record,
    Breaker,
    Release,
}

const ALL: [Scenario; 6] =
    [Scenario::Bootstrap, Scenario::Binary, Scenario::Update, Scenario::Record, Scenario::Breaker, Scenario::Release];

/// The scenarios of those names, or all when none is named.
pub(crate) fn choose(names: &[String]) -> Result<Vec<Scenario>> {
    if names.is_empty() {
        return Ok(ALL.to_vec());
    }
    let known = || ALL.map(Scenario::name).join(", ");
    let find = |name: &String| ALL.into_iter().find(|scenario| scenario.name() == name);
    names
        .iter()
        .map(|name| find(name).ok_or_else(|| Problem::new(format!("no scenario {name}; there are: {}", known()))))
        .collect()
}

impl Scenario {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bootstrap => "bootstrap",
            Self::Update => "update",
            Self::Record => "record",
            Self::Breaker => "breaker",
            Self::Binary => "binary",
            Self::Release => "release",
        }
    }

    pub(crate) fn about(self) -> &'static str {
        match self {
            Self::Bootstrap => "every tenant's every service answers with the bootstrap version",
            Self::Update => "one service of one tenant moves to a new digest and nobody else does",
            Self::Record => "the proxy writes down what was asked, and tells reading from writing",
            Self::Breaker => "what ECS says while a broken image is rolled out",
            Self::Binary => "the built tidegate starts, and dies when killed",
            Self::Release => "the main job: merge, label, broken versions, rollback, SIGKILL, run again",
        }
    }

    pub(crate) async fn play(self, story: &mut Story, world: &World) -> Result<()> {
        match self {
            Self::Bootstrap => bootstrap::play(story, world).await,
            Self::Update => update::play(story, world).await,
            Self::Record => record::play(story, world).await,
            Self::Breaker => breaker::play(story, world).await,
            Self::Binary => binary::play(story, world).await,
            Self::Release => release::play(story, world).await,
        }
    }
}
