//! What can go wrong between tidegate and AWS, by chance: the emulators never throttle, never fail and never lag,
//! so the proxy does it in their place.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use axum::http::HeaderMap;
use serde_json::json;

use super::chance::Chance;
use super::proxy::{Answer, Asked};

/// Reads of AWS lag by seconds, not by minutes: an answer that is older is not told again.
const STALE_MAX: Duration = Duration::from_secs(4);
/// The longest that an answer is kept back.
const LATE_MILLISECONDS: u64 = 2_000;

/// A way to go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum AwsFault {
    /// HTTP 400 with AWS's word for "too fast"; no effect.
    Throttled,
    /// HTTP 503; no effect.
    Unavailable,
    /// The connection is reset; no effect.
    Reset,
    /// The effect, and then the connection is reset.
    AnswerLost,
    /// The answer that the same read got a moment ago.
    Stale,
    /// The right answer, late.
    Late,
}

const KINDS: [AwsFault; 6] = [
    AwsFault::Throttled,
    AwsFault::Unavailable,
    AwsFault::Reset,
    AwsFault::AnswerLost,
    AwsFault::Stale,
    AwsFault::Late,
];

/// Faults in a share of all calls.
#[derive(Debug)]
pub(super) struct Faults {
    percent: u64,
    seed: u64,
    /// Each action has luck of its own, so that how often one is polled does not change what another meets.
    chances: HashMap<String, Chance>,
    earlier: HashMap<(String, String), (Instant, Answer)>,
    counts: BTreeMap<AwsFault, usize>,
}

/// What is done to one call.
#[derive(Clone, Debug)]
pub(super) struct Bent {
    pub(super) fault: AwsFault,
    pub(super) wait: Duration,
    /// What is answered without asking the emulator.
    pub(super) instead: Option<Answer>,
}

impl Faults {
    pub(super) fn new(seed: u64, percent: u64) -> Self {
        let (chances, earlier, counts) = (HashMap::new(), HashMap::new(), BTreeMap::new());
        Self { percent, seed, chances, earlier, counts }
    }

    pub(super) fn counts(&self) -> BTreeMap<AwsFault, usize> {
        self.counts.clone()
    }

    /// What happens to this call, if anything does.
    pub(super) fn strike(&mut self, asked: &Asked) -> Option<Bent> {
        let action = asked.action()?;
        let chance = self.chances.entry(action.to_owned()).or_insert_with(|| Chance::of(self.seed, action));
        let (hit, kind, wait) = (chance.below(100), chance.below(KINDS.len() as u64), chance.below(LATE_MILLISECONDS));
        let fault = KINDS.into_iter().nth(usize::try_from(kind).ok()?).filter(|_| hit < self.percent)?;
        let instead = match fault {
            AwsFault::Throttled => Some(refusal(asked, 400, "ThrottlingException", "Rate exceeded")),
            AwsFault::Unavailable => Some(refusal(asked, 503, "ServiceUnavailableException", "Try again")),
            AwsFault::Reset => Some(refusal(asked, 500, "Unread", "nobody will read this")),
            AwsFault::Stale => Some(self.earlier(asked)?),
            AwsFault::AnswerLost | AwsFault::Late => None,
        };
        let wait = if fault == AwsFault::Late { Duration::from_millis(wait) } else { Duration::ZERO };
        *self.counts.entry(fault).or_default() += 1;
        Some(Bent { fault, wait, instead })
    }

    /// Remembers the answer of a read.
    pub(super) fn remember(&mut self, asked: &Asked, answer: &Answer) {
        if let (Some(key), 200) = (key(asked), answer.status) {
            self.earlier.insert(key, (Instant::now(), answer.clone()));
        }
    }

    fn earlier(&self, asked: &Asked) -> Option<Answer> {
        let (at, answer) = self.earlier.get(&key(asked)?)?;
        (at.elapsed() < STALE_MAX).then(|| answer.clone())
    }
}

impl AwsFault {
    pub(super) fn cuts_connection(self) -> bool {
        matches!(self, Self::Reset | Self::AnswerLost)
    }
}

/// What makes two reads the same. Credentials are none: AWS gives them anew each time.
fn key(asked: &Asked) -> Option<(String, String)> {
    let call = asked.call.as_ref().filter(|call| !call.mutates() && call.action != "AssumeRoleWithWebIdentity")?;
    Some((call.action.clone(), call.body.to_string()))
}

/// A refusal in the caller's own protocol.
fn refusal(asked: &Asked, status: u16, code: &str, message: &str) -> Answer {
    let json = asked.headers.contains_key("x-amz-target");
    let (kind, body) = match json {
        true => ("application/x-amz-json-1.1", json!({"__type": code, "message": message}).to_string()),
        false => (
            "text/xml",
            format!(
                "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>\
                 <RequestId>fault</RequestId></ErrorResponse>"
            ),
        ),
    };
    let mut headers = HeaderMap::new();
    if let Ok(kind) = kind.parse() {
        headers.insert("content-type", kind);
    }
    Answer { status, headers, body: body.into() }
}
