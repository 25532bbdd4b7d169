//! Each kind of drift on a small fleet, and that what could not be compared is never taken as none.

use jiff::Timestamp;

use super::*;
use crate::domain::directive::{Decided, Directive};
use crate::domain::fleet::Pin;
use crate::domain::ledger::{Entry, Intent, RolloutId};
use crate::domain::plan::Direction;
use crate::domain::planner::sample::{World, key, release, template, version};
use crate::domain::rollout::Event;

/// A fleet of three tenants on 1.0.0, by the records and live.
struct Fixture {
    world: World,
    rollouts: Vec<RolloutRecord>,
    decided: Vec<Decided>,
    release: Option<Release>,
}

impl Fixture {
    fn new() -> Self {
        let world = World::growing(3);
        let release = Some(release(&world.app, "1.0.0"));
        Self { world, rollouts: vec![record("1.0.0", vec![Event::Succeeded])], decided: Vec::new(), release }
    }

    fn drift(&self) -> Drift {
        let directives = Directives::fold(&self.decided);
        let fleet = directives.apply(self.world.fleet());
        let templates = self.world.templates.iter().map(|(key, template)| (key.clone(), template.hash())).collect();
        drift(Compared {
            app: &self.world.app,
            fleet: &fleet,
            directives: &directives,
            live: &self.world.live,
            templates: &templates,
            state: &self.world.state,
            rollouts: &self.rollouts,
            release: self.release.as_ref(),
            today: self.world.today,
        })
    }

    fn told(&self) -> Vec<String> {
        let drift = self.drift();
        let found = drift.found.iter().map(|found| {
            let service = found.service.as_ref().map(|service| format!("/{service}")).unwrap_or_default();
            format!("{} {}{service}: {}", found.kind, found.set, found.what)
        });
        found.chain(drift.unknown.iter().map(|unseen| format!("? {}: {}", unseen.what, unseen.why))).collect()
    }

    fn live(&mut self, of: &str) -> &mut Live {
        match self.world.live.get_mut(&key(of)) {
            Some(ServiceSeen::Live(live)) => live,
            other => panic!("{other:?}"),
        }
    }

    fn decide(&mut self, directive: Directive) {
        let seq = self.decided.len() as u32 + 1;
        let (by, why) = ("ana".to_owned(), "audit".to_owned());
        self.decided.push(Decided { seq, at: Timestamp::UNIX_EPOCH, by, why, directive });
    }
}

fn record(of: &str, events: Vec<Event>) -> RolloutRecord {
    let at = Timestamp::UNIX_EPOCH;
    let entries = events.into_iter().zip(1..).map(|(event, seq)| Entry { seq, at, event }).collect();
    let intent = Intent {
        fleet: "prod".parse().unwrap(),
        version: version(of),
        commit: "a".repeat(40).parse().unwrap(),
        plan: ContentHash::of(of.as_bytes()),
        direction: Direction::Deploy,
        waves: vec![("wave 1".to_owned(), 3)],
        run: None,
        by: None,
        approved: None,
    };
    RolloutRecord { id: RolloutId(7), opened_at: at, intent, entries }
}

#[test]
fn what_agrees_is_no_drift() {
    let drift = Fixture::new().drift();
    assert_eq!((drift.found, drift.unknown, drift.compared), (vec![], vec![], 10));
}

#[test]
fn a_foreign_image_and_a_foreign_configuration_are_told_apart() {
    let mut fixture = Fixture::new();
    let other = release(&fixture.world.app, "6.6.6");
    let wanted = fixture.world.state.clone();
    fixture.world.runs(&key("t00/api"), &other);
    fixture.world.templates.insert(key("t01/api"), template(&key("t01/api"), "512"));
    let same = release(&fixture.world.app, "1.0.0");
    fixture.world.runs(&key("t01/api"), &same);
    fixture.world.state = wanted;
    let told = fixture.told();
    assert_eq!(told.len(), 2, "{told:#?}");
    assert!(told[0].starts_with("foreign_change t00/api: t00-api:1 runs "), "{}", told[0]);
    assert!(told[0].contains("; recorded is 1.0.0 "), "{}", told[0]);
    assert_eq!(told[1], "template_changed t01/api: t01-api:1 runs the recorded image with another configuration");
    assert_eq!(fixture.drift().verdict(), Verdict::Drift);
}

#[test]
fn tasks_that_are_not_there_and_tasks_that_should_not_be() {
    let mut fixture = Fixture::new();
    fixture.live("t00/api").desired = 0;
    fixture.world.set("t01").state = SetState::Paused;
    for key in fixture.world.keys_of(&"t01".parse().unwrap()) {
        fixture.live(&key.to_string()).desired = 0;
    }
    (fixture.live("t01/worker").desired, fixture.live("t01/worker").running) = (3, 3);
    fixture.world.live.insert(key("t02/api"), ServiceSeen::Missing);
    fixture.world.unborn(&key("t02/worker"), 2);
    assert_eq!(
        fixture.told(),
        [
            "at_zero t00/api: desired count is 0, and nothing says why",
            "awake t01/worker: 3 tasks should run, though it is paused",
            "missing t02/api: ECS has no active service of that name",
            "at_zero t02/worker: no release has started it yet",
        ]
    );
}

#[test]
fn a_set_on_another_version_is_named_unless_something_that_holds_says_so() {
    let mut fixture = Fixture::new();
    fixture.rollouts.insert(0, record("1.1.0", vec![Event::Succeeded]));
    fixture.release = Some(fixture.world.release.clone());
    let newer = fixture.world.release.clone();
    for key in fixture.world.keys().into_iter().filter(|key| key.set.as_str() != "t01" && key.set.as_str() != "t02") {
        fixture.world.runs(&key, &newer);
    }
    let pin = Pin {
        version: version("1.0.0"),
        owner: "@ops".to_owned(),
        why: "audit".to_owned(),
        until: "2026-12-31".parse().unwrap(),
    };
    fixture.world.set("t02").pin = Some(pin);
    let lags = "off_version t01: it is on 1.0.0 and the fleet on 1.1.0: api, search, worker";
    assert_eq!(fixture.told(), [lags]);
    fixture.world.today = "2027-01-01".parse().unwrap();
    let told = fixture.told();
    assert_eq!(told[0], "pin_expired t02: pinned to 1.0.0 by @ops until 2026-12-31: audit");
    assert_eq!(told[1..], [lags, &lags.replace("t01", "t02")]);
}

#[test]
fn a_pause_that_outlives_its_day_is_drift() {
    let mut fixture = Fixture::new();
    let keys = fixture.world.keys_of(&"t01".parse().unwrap());
    let was = keys.iter().map(|key| {
        let live = fixture.live(&key.to_string());
        let task_definition = live.runs.task_definition.clone();
        live.desired = 0;
        (key.clone(), crate::domain::directive::Running { desired: 2, task_definition, scaling: None })
    });
    let was = was.collect();
    fixture.decide(Directive::Pausing { was, until: Some("2026-11-24".parse().unwrap()), rules: BTreeMap::new() });
    assert_eq!(fixture.told(), Vec::<String>::new(), "its last day is not over");
    fixture.world.today = "2026-11-25".parse().unwrap();
    assert_eq!(fixture.told(), ["pause_expired t01: paused by ana until 2026-11-24: audit"]);
}

#[test]
fn unknown_is_said_and_is_not_none() {
    let mut fixture = Fixture::new();
    fixture.world.live.insert(key("t00/api"), ServiceSeen::Unreachable { why: "throttled".to_owned() });
    assert_eq!(fixture.told(), ["? t00/api: throttled"]);
    assert_eq!(fixture.drift().verdict(), Verdict::Unreachable);
    fixture.world.live.remove(&key("t00/api"));
    assert_eq!(fixture.drift().verdict(), Verdict::Unreachable);

    let mut fixture = Fixture::new();
    fixture.live("t00/api").running = 1;
    assert_eq!(fixture.told(), ["? t00/api: a deployment is in progress"]);
    assert_eq!(fixture.drift().verdict(), Verdict::Inconclusive);

    let mut fixture = Fixture::new();
    fixture.release = None;
    assert_eq!(fixture.told(), ["? who runs 1.0.0: no release of that version is recorded"]);
}

#[test]
fn what_differs_while_a_rollout_is_open_may_be_its_own_doing() {
    let mut fixture = Fixture::new();
    fixture.rollouts.insert(0, record("1.1.0", vec![Event::WaveStarted { wave: 0 }]));
    let (newer, recorded) = (fixture.world.release.clone(), fixture.world.state.clone());
    fixture.world.runs(&key("t00/api"), &newer);
    fixture.world.state = recorded;
    assert_eq!(
        fixture.told(),
        [
            "? t00/api: it differs from the records while rollout 7 is open",
            "? who runs 1.0.0: rollout 7 of 1.1.0 is open"
        ]
    );
    assert_eq!(fixture.drift().verdict(), Verdict::Inconclusive);
}
