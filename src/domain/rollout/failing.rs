//! Everything that fails at the same time as what a rollout stops for: what a stop is explained by. One failure is
//! enough to stop, but who reads about it wants to know how many there are.

use jiff::Timestamp;

use super::{Phase, Rollout, Standing};
use crate::domain::gate::Verdict;
use crate::domain::ids::ServiceKey;
use crate::domain::snapshot::{ServiceSeen, Snapshot};

impl Rollout {
    /// The services of the present wave that have failed, or whose tasks keep failing while they are on their way, each
    /// in a few words. Those of a quarantined set are known already.
    pub fn failing(&self, seen: &Snapshot, now: Timestamp) -> Vec<(ServiceKey, String)> {
        let watched_out = match self.phase {
            Phase::Baking { wave, since } => Some(now >= self.bake_ends(wave, since)),
            _ => None,
        };
        let forward = self.watched.iter().filter(|change| !self.quarantined.contains_key(&change.service.set));
        let failing = forward.filter(|change| !change.is_task()).filter_map(|change| {
            let standing = self.standing(change, seen, now);
            let stopped = match seen.services.get(&change.service) {
                Some(ServiceSeen::Live(live)) if live.runs.hash == change.target.hash => live.failed_tasks,
                _ => 0,
            };
            let why = match (watched_out.map(|done| self.judge(change, &standing, seen, done)), standing) {
                (Some(Verdict::Fail(reason)), _) | (_, Standing::Failed(reason)) => reason.to_string(),
                (_, Standing::Moving) if stopped > 0 => format!("{stopped} of its tasks have stopped so far"),
                _ => return None,
            };
            Some((change.service.clone(), why))
        });
        failing.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{MINUTE, at, change, done, key, live, plan, seen};
    use super::*;
    use crate::domain::plan::{Plan, Wave};
    use crate::domain::reason::Reason;
    use crate::domain::rollout::Event;
    use crate::domain::snapshot::{Live, RolloutState};

    const TENANTS: [&str; 5] = ["acme/api", "globex/api", "hooli/api", "initech/api", "wayne/api"];

    fn rollout(more: &[Event]) -> Rollout {
        let changes = TENANTS.iter().map(|name| change(name, &[])).collect();
        let waves = vec![Wave { name: "all".to_owned(), bake: MINUTE * 5, changes }];
        let events = [Event::WaveStarted { wave: 0 }].into_iter().chain(more.iter().cloned());
        Rollout::replay(Plan { waves, ..plan() }, at(0), events, at(0)).unwrap()
    }

    fn names(failing: &[(ServiceKey, String)]) -> Vec<String> {
        failing.iter().map(|(service, why)| format!("{service}: {why}")).collect()
    }

    #[test]
    fn everybody_who_fails_or_is_about_to_is_named_and_those_left_behind_are_not() {
        let tries = |failed_tasks| Live { failed_tasks, ..live("new", "ecs-svc/2", RolloutState::InProgress) };
        let given_up = live("new", "ecs-svc/2", RolloutState::Failed);
        let states = [given_up.clone(), tries(3), tries(0), done("new"), given_up];
        let snapshot = seen(&TENANTS.iter().copied().zip(states).collect::<Vec<_>>());
        let set = key("wayne/api").set;
        let behind = [Event::Quarantined { wave: 0, set, reason: Reason::Interrupted }];
        assert_eq!(rollout(&[]).failing(&snapshot, at(1)).len(), 3);
        let failing = rollout(&behind).failing(&snapshot, at(1));
        let gave_up = "acme/api: ECS did not bring up the new version: the deployment failed and ECS gave no reason";
        assert_eq!(
            names(&failing),
            [format!("acme/api: {gave_up}"), "globex/api: 3 of its tasks have stopped so far".to_owned()]
        );
    }

    #[test]
    fn under_watch_those_that_a_gate_fails_are_named_too() {
        let rollout = rollout(&[Event::Baking { wave: 0, since: at(1) }]);
        let died = Live { failed_tasks: 9, ..done("new") };
        let states = [died, done("new"), done("old"), done("new"), done("new")];
        let failing = rollout.failing(&seen(&TENANTS.iter().copied().zip(states).collect::<Vec<_>>()), at(2));
        assert_eq!(
            failing.iter().map(|(service, _)| service.to_string()).collect::<Vec<_>>(),
            ["acme/api", "hooli/api"]
        );
    }
}
