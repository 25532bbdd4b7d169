//! Smoke tests: one-shot tasks that are started when everything of a wave is up, and whose exit code is a gate. One
//! that ends with 0 passes, one that ends with anything else fails; one that was not started, does not end in its
//! time or was stopped from outside says nothing, and that is unknown.
//!
//! It is a test, so it may be repeated: what nobody can find is started again, under the same token, which makes it
//! the same task as long as ECS knows the token. ECS shows a task for an hour after its end and a watch may be
//! longer, so an end that was seen is remembered, and that all of a wave ended well is recorded.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::{Decision, Event, Phase, Rollout, Standing};
use crate::domain::gate::{Evidence, Finding, GateName, SmokePolicy, Subject, Verdict};
use crate::domain::ids::ServiceKey;
use crate::domain::mutant::{Mutant, breaks};
use crate::domain::plan::Change;
use crate::domain::reason::Reason;
use crate::domain::snapshot::{Snapshot, TaskEnd, TaskSeen};

/// What is known of the smoke tests of the present wave.
#[derive(Clone, Debug, Default)]
pub(super) struct SmokeTests {
    /// Whether it is recorded that all have ended well.
    pub(super) done: bool,
    /// Whether another process may have started some.
    pub(super) of_others: bool,
    ended: BTreeMap<ServiceKey, TaskEnd>,
    not_started: BTreeMap<ServiceKey, String>,
}

/// How one stands.
enum Test {
    ToStart,
    Passed(String),
    Failed(String),
    /// It may still end well.
    Open(String),
    /// Waiting does not help.
    Lost(String),
}

impl Rollout {
    fn smoke_policy(&self) -> SmokePolicy {
        let usual = SmokePolicy { deadline: self.plan.gate.deadline, observe: false };
        self.plan.gate.smoke.unwrap_or(usual)
    }

    fn smoke_tests(&self) -> impl Iterator<Item = &Change> {
        self.watched.iter().filter(|change| change.is_smoke_test())
    }

    /// Notes that a smoke test could not be started, and why. Another process may try again.
    pub fn note_not_started(&mut self, service: &ServiceKey, why: String) {
        self.smoke.not_started.insert(service.clone(), why);
    }

    /// Takes in the ends of smoke tests: ECS will forget them.
    pub(super) fn note_smoke_tests(&mut self, seen: &BTreeMap<ServiceKey, TaskSeen>) {
        let tests: Vec<ServiceKey> = self.smoke_tests().map(|change| change.service.clone()).collect();
        for service in tests {
            if let Some(TaskSeen::Ended(end)) = seen.get(&service) {
                self.smoke.ended.insert(service, end.clone());
            }
        }
    }

    /// The smoke tests whose tasks the next decision needs to see.
    pub(super) fn smoke_tests_to_look_at(&self) -> impl Iterator<Item = &Change> {
        let looks = matches!(self.phase, Phase::Baking { .. }) && !self.smoke.done;
        let open = |change: &&Change| {
            let service = &change.service;
            !self.smoke.ended.contains_key(service)
                && !self.smoke.not_started.contains_key(service)
                && (self.smoke.of_others || self.started.contains_key(service))
        };
        self.smoke_tests().filter(move |_| looks).filter(open)
    }

    fn smoke_test(&self, change: &Change, seen: &Snapshot, now: Timestamp) -> Test {
        let (service, seen) = (&change.service, seen.tasks.get(&change.service));
        if self.smoke.done {
            return Test::Passed("it is recorded that it ended well".to_owned());
        }
        if let Some(end) = self.smoke.ended.get(service) {
            return of_end(end);
        }
        if let Some(why) = self.smoke.not_started.get(service) {
            return Test::Lost(format!("it was not started: {why}"));
        }
        let started = self.started.get(service).map(|started| started.at);
        let why = match (seen, started) {
            (Some(TaskSeen::Ended(end)), _) => return of_end(end),
            (Some(TaskSeen::NotFound), None) => return Test::ToStart,
            (None, None) if !self.smoke.of_others => return Test::ToStart,
            (Some(TaskSeen::Running { .. }), _) => "it has not ended",
            (Some(TaskSeen::NotFound), Some(_)) => "ECS does not show it",
            (Some(TaskSeen::Unreachable { why }), _) => why,
            (None, _) => "it was not looked for",
        };
        let time: SignedDuration = now.duration_since(started.unwrap_or(self.looking_since));
        match time > self.smoke_policy().deadline {
            true => Test::Lost(format!("{why} {:#} after it was started", SignedDuration::from_secs(time.as_secs()))),
            false => Test::Open(why.to_owned()),
        }
    }

    /// How the task of a smoke test stands.
    pub(super) fn smoke_test_standing(&self, change: &Change, seen: &Snapshot, now: Timestamp) -> Standing {
        match self.smoke_test(change, seen, now) {
            Test::Passed(_) => Standing::OnTarget,
            Test::ToStart | Test::Failed(_) | Test::Open(_) | Test::Lost(_) => Standing::Moving,
        }
    }

    /// Starts what is to be started, and records once that all have ended well.
    pub(super) fn next_of_smoke_tests(&self, wave: usize, seen: &Snapshot, now: Timestamp) -> Option<Decision> {
        let tests: Vec<(&Change, Test)> =
            self.smoke_tests().map(|change| (change, self.smoke_test(change, seen, now))).collect();
        let to_start = tests.iter().filter(|(_, test)| matches!(test, Test::ToStart));
        let to_start: Vec<ServiceKey> = to_start.map(|(change, _)| change.service.clone()).collect();
        if !to_start.is_empty() {
            return Some(Decision::Deploy(to_start));
        }
        let passed = tests.iter().all(|(_, test)| matches!(test, Test::Passed(_)));
        let record = !self.smoke.done && !tests.is_empty() && passed;
        record.then_some(Decision::Record(Event::TestsDone { wave }))
    }

    /// What the smoke tests of the wave found.
    pub(super) fn of_smoke_tests(&self, seen: &Snapshot, now: Timestamp) -> Vec<Finding> {
        let policy = self.smoke_policy();
        let judge = |change: &Change| {
            let service = change.service.clone();
            let open = |why: String| {
                let what = format!("smoke test {}", change.service);
                (Verdict::Unknown(Reason::GateUnknown { what, why: why.clone() }), why)
            };
            let (verdict, words) = match self.smoke_test(change, seen, now) {
                Test::Passed(how) => (Verdict::Pass, how),
                Test::Failed(why) if breaks(Mutant::SmokeIgnored) => (Verdict::Pass, why),
                Test::Failed(why) => (Verdict::Fail(Reason::SmokeTestFailed { service, why: why.clone() }), why),
                Test::Lost(why) => (Verdict::Unknown(Reason::SmokeTestUndecided { service, why: why.clone() }), why),
                Test::ToStart => open("it is about to be started".to_owned()),
                Test::Open(why) => open(why),
            };
            let subject = Subject::Service(change.service.clone());
            Finding::new(GateName::Smoke, subject, verdict, policy.observe, Evidence::words(words))
        };
        self.smoke_tests().map(judge).collect()
    }
}

fn of_end(end: &TaskEnd) -> Test {
    let said = |how: String| if end.why.is_empty() { how } else { format!("{how}: {}", end.why) };
    match end.code {
        Some(0) if end.by_itself => Test::Passed("exit code 0".to_owned()),
        Some(code) if end.by_itself => Test::Failed(said(format!("exit code {code}"))),
        Some(code) => Test::Lost(said(format!("it was stopped from outside, exit code {code}"))),
        None => Test::Lost(said("it never ran".to_owned())),
    }
}
