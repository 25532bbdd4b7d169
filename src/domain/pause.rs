//! How a paused service stands: what is still to be done to put it to sleep, or to wake it, and whether it is as it
//! was left. Beside it what stands around its services: the rule that answers in their place, and the databases that
//! nobody uses while they sleep. Pure, so that a pause or a resume that was cut off goes on from what is seen.

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::directive::{Directives, Paused, Running, Scaling};
use super::fleet::{Fleet, ServiceSet, SetState, Unlicensed};
use super::ids::{CellName, ServiceKey, SetId};
use super::reason::Reason;
use super::snapshot::{Live, ServiceSeen};

/// Where Terraform leaves the rule of 503 of the set in slot 1, beneath every route, so that it never matches
/// (`infra/stack/service-set/routing.tf`); the slot counts on from here.
const AT_REST: u32 = 40_000;
/// Where it lies over the routes: above them all, and below the rule that Terraform makes for `state: paused`.
const RAISED: u32 = 20;
/// Slots of a shard.
const SLOTS: u32 = 20;

/// In whose name a pause by the clock is recorded: no login of GitHub's has a blank in it.
pub const CLOCK: &str = "the clock";

/// A rule of a load balancer that answers 503 to whatever comes for a set. Terraform makes it and its answer; only
/// its priority is moved, so whoever may move it can send nobody's requests to anybody else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClosedRule {
    /// Its name at AWS.
    pub arn: String,
    /// Its priority; lower numbers are asked first.
    pub priority: u32,
}

/// The priority at which a rule that rests at this one lies over the routes; none if it is no place to rest.
pub fn raised(at_rest: u32) -> Option<u32> {
    let slot = at_rest.checked_sub(AT_REST).filter(|slot| (1..=SLOTS).contains(slot))?;
    Some(RAISED + slot)
}

impl ClosedRule {
    /// Where it rests, wherever it is now; none if it is at neither of its two places.
    pub fn rest(&self) -> Option<u32> {
        let slot = self.priority.checked_sub(RAISED).filter(|slot| (1..=SLOTS).contains(slot));
        slot.map(|slot| AT_REST + slot).or_else(|| raised(self.priority).map(|_| self.priority))
    }
}

/// What a load balancer does with requests for a set's host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Routes {
    /// Rules that answer 503 to all of them.
    pub closed: Vec<ClosedRule>,
    /// How many rules pass some of them on to tasks.
    pub forwards: usize,
}

impl Routes {
    /// The one rule that a pause moves; none where there is none, as without `infra/`.
    ///
    /// # Errors
    /// There are several, in words for a person.
    pub fn rule(&self) -> Result<Option<&ClosedRule>, String> {
        let mut ours = self.closed.iter().filter(|rule| rule.rest().is_some());
        match (ours.next(), ours.next()) {
            (Some(rule), Some(other)) => {
                Err(format!("two rules could be its 503, with priorities {} and {}", rule.priority, other.priority))
            }
            (rule, _) => Ok(rule),
        }
    }
}

/// The host at which a set's services answer also while its 503 lies over their routes: what a resume asks before
/// anybody else may. No tenant's own, since no id has two hyphens in a row. In a fleet of several cells it names the
/// cell, since a tenant that moves has two places.
pub fn wake_host(fleet: &Fleet, set: &SetId) -> String {
    match fleet.set(set).filter(|_| fleet.cells.len() > 1) {
        Some(of) => format!("{set}--wake--{}.{}", of.cell, fleet.domain),
        None => format!("{set}--wake.{}", fleet.domain),
    }
}

/// A database instance of a fleet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Database {
    /// Its identifier.
    pub id: String,
    /// Where.
    pub cell: CellName,
    /// Whose alone it is; none if every tenant of the fleet may use it.
    pub of: Option<SetId>,
    /// How it stands.
    pub state: DatabaseState,
}

/// How a database instance stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatabaseState {
    /// It answers.
    Available,
    /// It is stopped, and costs its storage. AWS starts it again after seven days (RDS User Guide, "Stopping an Amazon
    /// RDS DB instance temporarily").
    Stopped,
    /// On its way, or in a state from which it can be neither started nor stopped; in RDS's word.
    Other(String),
}

impl fmt::Display for DatabaseState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Available => "available",
            Self::Stopped => "stopped",
            Self::Other(word) => word,
        })
    }
}

impl Database {
    /// Whether one of these sets uses it.
    pub fn is_used_by(&self, sets: &BTreeSet<SetId>) -> bool {
        self.of.as_ref().map_or(!sets.is_empty(), |set| sets.contains(set))
    }
}

/// The sets of a fleet that may have a task that uses a database: all but those that are paused, by the file or by a
/// decision. One on its way out still counts: its rows have to be saved.
pub fn awake(fleet: &Fleet, directives: &Directives) -> BTreeSet<SetId> {
    let tenants = fleet.sets.iter().filter(|set| !set.id.is_control_plane() && set.state != SetState::Paused);
    tenants.map(|set| set.id.clone()).filter(|set| !directives.paused.contains_key(set)).collect()
}

/// What the clock wants of a fleet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ByTheClock {
    /// These are to be put to sleep, for this reason.
    Sleep(BTreeSet<SetId>, &'static str),
    /// These are to be woken: it was the clock that put them to sleep.
    Wake(BTreeSet<SetId>),
    /// Whatever sleeps goes on sleeping.
    Nothing,
}

/// What the clock wants of a fleet now: who sleeps by its hours, and who for want of a licence. It depends on the time and
/// not on which run of a schedule this is: one that comes late, or never, is made good by the next. Whom a person paused,
/// only a person wakes.
pub fn by_the_clock(fleet: &Fleet, directives: &Directives, now: Timestamp) -> ByTheClock {
    if !fleet.has_a_clock() {
        return ByTheClock::Nothing;
    }
    let today = TimeZone::UTC.to_datetime(now).date();
    let active = |set: &&ServiceSet| {
        !set.id.is_control_plane() && set.state == SetState::Active && directives.being_moved(set).is_none()
    };
    let active: Vec<&ServiceSet> = fleet.sets.iter().filter(active).collect();
    let sleeps = |set: &ServiceSet| matches!(set.unlicensed(today, fleet.licences), Some((_, Unlicensed::Pause)));
    let unlicensed: BTreeSet<SetId> = active.iter().filter(|set| sleeps(set)).map(|set| set.id.clone()).collect();
    let open = fleet.awake.is_empty() || fleet.awake.iter().any(|window| window.covers(now));
    let (mut sets, why) = match open {
        true => (unlicensed.clone(), "it has no licence that counts"),
        false => (active.iter().map(|set| set.id.clone()).collect(), "by the hours in fleet.yaml"),
    };
    sets.retain(|set| !directives.paused.contains_key(set));
    if !sets.is_empty() {
        return ByTheClock::Sleep(sets, why);
    }
    let stays = |set: &SetId| fleet.set(set).is_none_or(|set| directives.being_moved(set).is_none());
    let ours = |set: &SetId, paused: &Paused| paused.by == CLOCK && !unlicensed.contains(set) && stays(set);
    let paused = directives.paused.iter().filter(|(set, paused)| ours(set, paused));
    let sets: BTreeSet<SetId> = paused.map(|(set, _)| set.clone()).collect();
    if open && !sets.is_empty() { ByTheClock::Wake(sets) } else { ByTheClock::Nothing }
}

/// What is live of a service that is to sleep or to wake.
#[derive(Clone, Debug)]
pub struct Sleeper<'a> {
    /// Which.
    pub service: &'a ServiceKey,
    /// How it ran before.
    pub was: &'a Running,
    /// As ECS describes it.
    pub seen: &'a ServiceSeen,
    /// Its autoscaling now.
    pub scaling: Option<Scaling>,
}

/// How a service runs now, to be recorded before it is changed. One of a tenant that `leaves` may have no tasks.
///
/// # Errors
/// It is not in a state that could be restored.
pub fn running(
    service: &ServiceKey,
    seen: &ServiceSeen,
    scaling: Option<Scaling>,
    leaves: bool,
) -> Result<Running, Reason> {
    let not_ready = |why: &str| Reason::NotReady { service: service.clone(), why: why.to_owned() };
    match seen {
        ServiceSeen::Live(live) if live.desired == 0 && !leaves => Err(not_ready("it is at zero tasks already")),
        ServiceSeen::Live(live) if !live.is_settled() => Err(not_ready("a deployment is in progress")),
        ServiceSeen::Live(live) => {
            Ok(Running { desired: live.desired, task_definition: live.runs.task_definition.clone(), scaling })
        }
        ServiceSeen::Missing => Err(not_ready("ECS has no active service of that name")),
        ServiceSeen::Unreachable { why } => Err(not_ready(why)),
    }
}

impl Sleeper<'_> {
    fn live(&self) -> Result<&Live, Reason> {
        match self.seen {
            ServiceSeen::Live(live) => Ok(live),
            ServiceSeen::Missing => Err(self.differs("ECS has no active service of that name".to_owned())),
            ServiceSeen::Unreachable { why } => Err(self.differs(why.clone())),
        }
    }

    fn differs(&self, why: String) -> Reason {
        Reason::NotAsPaused { service: self.service.clone(), why }
    }

    /// Whether all its tasks are gone and nothing can start one.
    pub fn sleeps(&self) -> bool {
        let scaling = self.scaling == self.was.scaling.map(Scaling::paused);
        scaling && self.live().is_ok_and(|live| live.desired == 0 && live.running == 0)
    }

    /// Whether nobody has changed it since it was put to sleep, but for a resume that was cut off.
    ///
    /// # Errors
    /// What differs.
    pub fn is_as_left(&self) -> Result<(), Reason> {
        let live = self.live()?;
        if live.desired != 0 && live.desired != self.was.desired {
            let why = format!("{} tasks are wanted, where 0 or {} should be", live.desired, self.was.desired);
            return Err(self.differs(why));
        }
        if self.scaling != self.was.scaling && self.scaling != self.was.scaling.map(Scaling::paused) {
            return Err(self.differs("its autoscaling was changed".to_owned()));
        }
        // Awake again, a resume that was cut off may have brought it to the fleet's release.
        if live.desired == 0 && live.runs.task_definition != self.was.task_definition {
            let runs = live.runs.task_definition.family_and_revision();
            return Err(self.differs(format!("it would run {runs}")));
        }
        Ok(())
    }

    /// Whether its tasks run again.
    pub fn is_awake(&self) -> bool {
        self.live().is_ok_and(|live| live.desired == self.was.desired && live.is_settled())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::ContentHash;
    use crate::domain::snapshot::{RolloutState, Runs, TaskStarts};

    fn live(desired: u32, running: u32, revision: u32) -> ServiceSeen {
        let arn = format!("arn:aws:ecs:eu-west-1:1:task-definition/f:{revision}");
        let runs = Runs { task_definition: arn.parse().unwrap(), hash: ContentHash::of(b"x"), digest: None };
        let (deployment, rollout) = ("ecs-svc/1".parse().unwrap(), RolloutState::Completed);
        let (began, starts, failed) = (jiff::Timestamp::UNIX_EPOCH, TaskStarts::default(), Vec::new());
        ServiceSeen::Live(Live { runs, deployment, began, rollout, desired, running, failed_tasks: 0, starts, failed })
    }

    fn scaling() -> Option<Scaling> {
        Some(Scaling { min: 2, max: 6, in_suspended: false, out_suspended: false, scheduled_suspended: false })
    }

    fn check(seen: &ServiceSeen, scaling_now: Option<Scaling>) -> (bool, Result<(), String>, bool) {
        let service = ServiceKey::try_from("acme/iam-service".to_owned()).unwrap();
        let was = running(&service, &live(2, 2, 1), scaling(), false).unwrap();
        let sleeper = Sleeper { service: &service, was: &was, seen, scaling: scaling_now };
        (sleeper.sleeps(), sleeper.is_as_left().map_err(|reason| reason.to_string()), sleeper.is_awake())
    }

    #[test]
    fn asleep_means_no_tasks_and_nothing_that_starts_one() {
        let paused = scaling().map(Scaling::paused);
        assert_eq!(check(&live(0, 0, 1), paused), (true, Ok(()), false));
        assert!(!check(&live(0, 1, 1), paused).0, "a task still runs");
        assert!(!check(&live(0, 0, 1), scaling()).0, "an alarm could wake it");
    }

    #[test]
    fn what_somebody_changed_meanwhile_is_named() {
        let paused = scaling().map(Scaling::paused);
        assert!(check(&live(5, 5, 1), paused).1.unwrap_err().contains("5 tasks are wanted"));
        assert!(check(&live(0, 0, 9), paused).1.unwrap_err().contains("it would run f:9"));
        let other = paused.map(|scaling| Scaling { max: 99, ..scaling });
        assert!(check(&live(0, 0, 1), other).1.unwrap_err().contains("autoscaling was changed"));
        assert_eq!(check(&live(2, 2, 9), paused), (false, Ok(()), true), "a resume that was cut off");
    }

    #[test]
    fn what_could_not_be_restored_is_not_paused() {
        let service = ServiceKey::try_from("acme/iam-service".to_owned()).unwrap();
        for seen in [live(0, 0, 1), live(2, 1, 1), ServiceSeen::Missing] {
            assert!(running(&service, &seen, None, false).is_err());
        }
    }
}
