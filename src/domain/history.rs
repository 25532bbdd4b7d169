//! What happened to a fleet: rollouts and decisions as one list, newest first.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::approved::Approved;
use super::directive::{Decided, Directive, Route};
use super::ids::{ContentHash, FleetName, Version};
use super::ledger::{RolloutRecord, Standing};
use super::plan::Direction;
use super::reason::Reason;
use super::rollout::Event;

/// A rollout or a decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Happening {
    /// When it was recorded.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// Where.
    #[schemars(with = "String")]
    pub fleet: FleetName,
    /// What kind.
    pub kind: Kind,
    /// In words, such as `release of 1.4.0` or `pin of acme to 1.3.2 until 2026-12-31`.
    pub what: String,
    /// Who did it; none where the records do not say.
    pub by: Option<String>,
    /// Why, in that person's words; of a rollout, none.
    pub why: Option<String>,
    /// What is known of a rollout alone.
    pub rollout: Option<RolloutSaid>,
}

/// What is known of a rollout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RolloutSaid {
    /// Its number: on GitHub, its deployment's id.
    pub id: u64,
    /// What was rolled out.
    #[schemars(with = "String")]
    pub version: Version,
    /// The workflow run that opened it.
    pub run: Option<u64>,
    /// Who approved the plan; none where the records do not tell.
    pub approved: Option<Approved>,
    /// Hash of the plan: what an approval was given for.
    #[schemars(with = "String")]
    pub plan: ContentHash,
    /// How it stands.
    pub result: RolloutResult,
    /// When it ended; none while it is open.
    #[schemars(with = "Option<String>")]
    pub ended: Option<Timestamp>,
    /// Why it is held or was stopped.
    pub reason: Option<Told>,
    /// Who accepted what the gates could not decide, with the wave's number from 1.
    pub accepted: Vec<Accepted>,
    /// Tenants that were left on what they ran before.
    pub left_behind: usize,
}

/// What the gates of a wave could not decide, and who called it good enough.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Accepted {
    /// The wave, from 1.
    pub wave: usize,
    /// Who.
    pub by: String,
    /// Why.
    pub why: String,
}

/// A reason as programs and people read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Told {
    /// The stable code.
    pub code: String,
    /// The sentence.
    pub message: String,
    /// What to do.
    pub hint: String,
}

/// Kinds of what happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A rollout forward.
    Release,
    /// A rollout that wakes tenants.
    Waking,
    /// A rollout back.
    Rollback,
    /// A person's decision.
    Decision,
}

/// How a rollout stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RolloutResult {
    /// Every wave passed.
    Succeeded,
    /// Every wave passed, without a tenant or more.
    SucceededWithExceptions,
    /// Not ended.
    Open,
    /// Not ended, and it does not go on by itself.
    Held,
    /// Stopped for good.
    Stopped,
}

impl RolloutResult {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::SucceededWithExceptions => "succeeded with exceptions",
            Self::Open => "open",
            Self::Held => "held",
            Self::Stopped => "stopped",
        }
    }
}

impl From<&Reason> for Told {
    fn from(reason: &Reason) -> Self {
        Self { code: reason.code(), message: reason.to_string(), hint: reason.hint().to_owned() }
    }
}

/// How a recorded rollout stands.
pub fn result(record: &RolloutRecord) -> RolloutResult {
    match record.standing() {
        Standing::Open(None) => RolloutResult::Open,
        Standing::Open(Some(_)) => RolloutResult::Held,
        Standing::Halted(_) => RolloutResult::Stopped,
        Standing::Succeeded(_) if left_behind(record) > 0 => RolloutResult::SucceededWithExceptions,
        Standing::Succeeded(_) => RolloutResult::Succeeded,
    }
}

/// When a recorded rollout ended; none while it is open.
pub fn ended(record: &RolloutRecord) -> Option<Timestamp> {
    let last = record.entries.last()?;
    matches!(last.event, Event::Succeeded | Event::Halted { .. }).then_some(last.at)
}

/// What happened to a fleet, newest first and no more than `limit`. `rollouts` are newest first, `decided` oldest first,
/// as ledgers give them.
pub fn history(fleet: &FleetName, rollouts: &[RolloutRecord], decided: &[Decided], limit: usize) -> Vec<Happening> {
    let of_rollouts = rollouts.iter().map(|record| rollout(record, decided));
    // That a wave was accepted is told with its rollout. Of two within a second the later one stays the newer.
    let others = decided.iter().rev().filter(|decided| !matches!(decided.directive, Directive::Accept { .. }));
    let of_people = others.map(|decided| decision(fleet, decided));
    newest_first(of_rollouts.chain(of_people).collect(), limit)
}

/// The newest of several fleets' happenings.
pub fn newest_first(mut happenings: Vec<Happening>, limit: usize) -> Vec<Happening> {
    happenings.sort_by_key(|happening| std::cmp::Reverse(happening.at));
    happenings.truncate(limit);
    happenings
}

fn rollout(record: &RolloutRecord, decided: &[Decided]) -> Happening {
    let version = &record.intent.version;
    let (kind, what) = match record.intent.direction {
        Direction::Deploy => (Kind::Release, format!("release of {version}")),
        Direction::Wake => (Kind::Waking, format!("waking to {version}")),
        Direction::RollbackOf(_) | Direction::RollbackTo(_) => (Kind::Rollback, format!("rollback to {version}")),
    };
    let reason = match record.standing() {
        Standing::Open(reason) => reason,
        Standing::Halted(reason) => Some(reason),
        Standing::Succeeded(_) => None,
    };
    let accepted = decided.iter().filter_map(|decided| match decided.directive {
        Directive::Accept { rollout, wave } if rollout == record.id.0 => {
            Some(Accepted { wave: wave + 1, by: decided.by.clone(), why: decided.why.clone() })
        }
        _ => None,
    });
    Happening {
        at: record.opened_at,
        fleet: record.intent.fleet.clone(),
        kind,
        what,
        by: record.intent.by.clone(),
        why: None,
        rollout: Some(RolloutSaid {
            id: record.id.0,
            version: version.clone(),
            run: record.intent.run,
            approved: record.intent.approved.clone(),
            plan: record.intent.plan.clone(),
            result: result(record),
            ended: ended(record),
            reason: reason.map(Told::from),
            accepted: accepted.collect(),
            left_behind: left_behind(record),
        }),
    }
}

fn decision(fleet: &FleetName, decided: &Decided) -> Happening {
    Happening {
        at: decided.at,
        fleet: fleet.clone(),
        kind: Kind::Decision,
        what: words(&decided.directive),
        by: Some(decided.by.clone()),
        why: Some(decided.why.clone()),
        rollout: None,
    }
}

/// A decision in words.
fn words(directive: &Directive) -> String {
    let day = |until: &Option<jiff::civil::Date>| until.map(|until| format!(" until {until}")).unwrap_or_default();
    match directive {
        Directive::Hold => "hold".to_owned(),
        Directive::Unhold => "unhold".to_owned(),
        Directive::MarkBad { version } => format!("{version} is called bad"),
        Directive::ClearBad { version } => format!("{version} is called bad no more"),
        Directive::BrokeGlass { version, past } => format!("{version} goes past {}", past.join(", ")),
        Directive::Pin { set, version, until } => format!("pin of {set} to {version} until {until}"),
        Directive::Unpin { set } => format!("unpin of {set}"),
        Directive::Pausing { was, until, .. } => {
            let mut sets: Vec<&str> = was.keys().map(|key| key.set.as_str()).collect();
            sets.dedup();
            format!("pause of {}{}", some(&sets), day(until))
        }
        Directive::RoutedBack { generation, restores } => {
            format!("routers go back to the tenants of generation {restores}, by generation {generation}")
        }
        Directive::Routed { set, route } => match route {
            Route::Active => format!("requests of {set} are passed on"),
            Route::Maintenance => format!("maintenance of {set}"),
            Route::Moved(host) => format!("{set} has moved to {host}"),
        },
        Directive::Leaving { retain_until, holding } => format!("{} leaves, kept until {retain_until}", holding.set),
        Directive::Kept { set, kept } => format!("{} objects of {set} are kept", kept.objects),
        Directive::Removed { set, .. } => format!("{set} is given up"),
        Directive::Purging { set, .. } => format!("the data of {set} are being purged"),
        Directive::Purged { set } => format!("the data of {set} are gone"),
        Directive::Moving { set, step } => step.words(set),
        Directive::Accept { rollout, wave } => format!("wave {} of rollout {rollout} is accepted", wave + 1),
        Directive::Resumed { sets } => {
            format!("resume of {}", some(&sets.iter().map(|set| set.as_str()).collect::<Vec<_>>()))
        }
    }
}

/// A few names, or how many there are.
fn some(names: &[&str]) -> String {
    if names.len() > 5 { format!("{} tenants", names.len()) } else { names.join(", ") }
}

fn left_behind(record: &RolloutRecord) -> usize {
    record.entries.iter().filter(|entry| matches!(entry.event, Event::Quarantined { .. })).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ledger::{Entry, Intent, RolloutId};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn record(id: u64, opened: i64, direction: Direction, events: Vec<Event>) -> RolloutRecord {
        let entries = events.into_iter().zip(1..).map(|(event, seq)| Entry { seq, at: at(opened + 10), event });
        RolloutRecord {
            id: RolloutId(id),
            opened_at: at(opened),
            intent: Intent {
                fleet: "prod".parse().unwrap(),
                version: "1.4.0".parse().unwrap(),
                commit: "a".repeat(40).parse().unwrap(),
                plan: ContentHash::of(b"plan"),
                direction,
                waves: Vec::new(),
                run: Some(12),
                by: Some("ana".to_owned()),
                approved: None,
            },
            entries: entries.collect(),
        }
    }

    fn decided(seq: u32, second: i64, directive: Directive) -> Decided {
        Decided { seq, at: at(second), by: "bo".to_owned(), why: "because".to_owned(), directive }
    }

    fn lines(rollouts: &[RolloutRecord], decisions: &[Decided], limit: usize) -> Vec<String> {
        let happenings = history(&"prod".parse().unwrap(), rollouts, decisions, limit);
        let line = |h: Happening| {
            let result = h.rollout.map(|r| format!(": {}", r.result.words())).unwrap_or_default();
            format!("{} {} by {}{result}", h.at.as_second(), h.what, h.by.unwrap_or_default())
        };
        happenings.into_iter().map(line).collect()
    }

    #[test]
    fn rollouts_and_decisions_are_one_list_newest_first_and_bounded() {
        let set = "acme".parse().unwrap();
        let rollouts = [
            record(3, 300, Direction::Deploy, vec![Event::Held { wave: 0, reason: Reason::Interrupted }]),
            record(2, 200, Direction::RollbackTo("1.4.0".parse().unwrap()), vec![Event::Succeeded]),
            record(1, 100, Direction::Deploy, vec![Event::Halted { wave: 0, reason: Reason::Paused }]),
        ];
        let decisions = [decided(1, 150, Directive::Hold), decided(2, 250, Directive::Unpin { set })];
        let expected = [
            "300 release of 1.4.0 by ana: held",
            "250 unpin of acme by bo",
            "200 rollback to 1.4.0 by ana: succeeded",
            "150 hold by bo",
            "100 release of 1.4.0 by ana: stopped",
        ];
        assert_eq!(lines(&rollouts, &decisions, 10), expected);
        assert_eq!(lines(&rollouts, &decisions, 2), expected[..2]);
    }

    #[test]
    fn what_was_accepted_is_told_with_its_rollout() {
        let rollouts = [record(3, 300, Direction::Deploy, vec![Event::Succeeded])];
        let decisions = [
            decided(1, 310, Directive::Accept { rollout: 3, wave: 1 }),
            decided(2, 310, Directive::Accept { rollout: 2, wave: 0 }),
        ];
        let told = history(&"prod".parse().unwrap(), &rollouts, &decisions, 10);
        assert_eq!(told.len(), 1);
        let accepted = Accepted { wave: 2, by: "bo".to_owned(), why: "because".to_owned() };
        assert_eq!(told[0].rollout.as_ref().unwrap().accepted, [accepted]);
    }

    #[test]
    fn a_tenant_left_behind_is_no_plain_success() {
        let quarantined = Event::Quarantined { wave: 0, set: "acme".parse().unwrap(), reason: Reason::Paused };
        let mixed = record(1, 100, Direction::Deploy, vec![quarantined, Event::Succeeded]);
        assert_eq!(result(&mixed), RolloutResult::SucceededWithExceptions);
    }
}
