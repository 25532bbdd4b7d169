//! The scenarios, in the order of a full run. A new one is a file here and a variant below.

mod actions;
mod binary;
mod bootstrap;
mod breaker;
mod faults;
mod kills;
mod pause;
mod platform;
mod quarantine;
mod record;
mod release;
mod routing;
mod signals;
mod stage;
mod two;
mod update;
mod verdicts;

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
    Quarantine,
    Two,
    Signals,
    Pause,
    Platform,
    Routing,
    Kills,
    Faults,
    Verdicts,
}

const ALL: [Scenario; 15] = [
    Scenario::Bootstrap,
    Scenario::Binary,
    Scenario::Update,
    Scenario::Record,
    Scenario::Breaker,
    Scenario::Release,
    Scenario::Quarantine,
    Scenario::Two,
    Scenario::Signals,
    Scenario::Pause,
    Scenario::Platform,
    Scenario::Routing,
    Scenario::Kills,
    Scenario::Faults,
    Scenario::Verdicts,
];

/// What every change must pass; what is left out repeats under chance what is here already.
const BOUNDED: [Scenario; 9] = [
    Scenario::Bootstrap,
    Scenario::Binary,
    Scenario::Record,
    Scenario::Release,
    Scenario::Quarantine,
    Scenario::Two,
    Scenario::Signals,
    Scenario::Pause,
    Scenario::Routing,
];

/// What is played.
#[derive(Debug)]
pub(crate) struct Choice {
    pub(crate) scenarios: Vec<Scenario>,
    /// Whether those that repeat themselves do so less often.
    pub(crate) bounded: bool,
}

/// The scenarios of those names, the bounded set if the only word is `--ci`, or all if there is none.
pub(crate) fn choose(words: &[String]) -> Result<Choice> {
    let bounded = words.iter().any(|word| word == "--ci");
    let names: Vec<&String> = words.iter().filter(|word| *word != "--ci").collect();
    if names.is_empty() {
        let scenarios = if bounded { BOUNDED.to_vec() } else { ALL.to_vec() };
        return Ok(Choice { scenarios, bounded });
    }
    let known = || ALL.map(Scenario::name).join(", ");
    let find = |name: &String| ALL.into_iter().find(|scenario| scenario.name() == name);
    let found = names
        .iter()
        .map(|name| find(name).ok_or_else(|| Problem::new(format!("no scenario {name}; there are: {}", known()))));
    Ok(Choice { scenarios: found.collect::<Result<_>>()?, bounded })
}

impl Scenario {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bootstrap => "bootstrap",
            Self::Binary => "binary",
            Self::Update => "update",
            Self::Record => "record",
            Self::Breaker => "breaker",
            Self::Release => "release",
            Self::Quarantine => "quarantine",
            Self::Two => "two",
            Self::Signals => "signals",
            Self::Pause => "pause",
            Self::Platform => "platform",
            Self::Routing => "routing",
            Self::Kills => "kills",
            Self::Faults => "faults",
            Self::Verdicts => "verdicts",
        }
    }

    pub(crate) fn about(self) -> &'static str {
        match self {
            Self::Bootstrap => "every tenant's every service answers with the bootstrap version",
            Self::Binary => "the built tidegate starts, and dies when killed",
            Self::Update => "one service of one tenant moves to a new digest and nobody else does",
            Self::Record => "the proxy writes down what was asked, and tells reading from writing",
            Self::Breaker => "what ECS says while a broken image is rolled out",
            Self::Release => "the main job: merge, label, broken versions, rollback, SIGKILL, run again",
            Self::Quarantine => "broken for one tenant alone: it stays behind, the others go on",
            Self::Two => "two runs at once, and a run that is over",
            Self::Signals => "SIGINT, SIGTERM, finalize after SIGKILL, handing over",
            Self::Platform => "a release on what Terraform made, through the templates that it publishes",
            Self::Routing => {
                "the control plane in containers: each tenant at the shared hostname, through pause, move and rollback"
            }
            Self::Pause => "a tenant sleeps, is passed by, and wakes as it was",
            Self::Kills => "SIGKILL at moments by chance: the same end each time",
            Self::Verdicts => "what ECS and CloudWatch can show, each with its verdict, and none that passes wrongly",
            Self::Faults => "the main job while 5 % of all calls to AWS and GitHub go wrong",
        }
    }

    pub(crate) async fn play(self, story: &mut Story, world: &World, bounded: bool) -> Result<()> {
        match self {
            Self::Bootstrap => bootstrap::play(story, world).await,
            Self::Binary => binary::play(story, world).await,
            Self::Update => update::play(story, world).await,
            Self::Record => record::play(story, world).await,
            Self::Breaker => breaker::play(story, world).await,
            Self::Release => release::play(story, world).await,
            Self::Quarantine => quarantine::play(story, world).await,
            Self::Two => two::play(story, world).await,
            Self::Signals => signals::play(story, world).await,
            Self::Pause => pause::play(story, world).await,
            Self::Platform => platform::play(story, world).await,
            Self::Routing => routing::play(story, world).await,
            Self::Kills => kills::play(story, world, bounded).await,
            Self::Faults => faults::play(story, world).await,
            Self::Verdicts => verdicts::play(story, world).await,
        }
    }
}
