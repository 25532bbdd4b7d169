//! Gates that read metrics and alarms, on a simulated world: what a bad release meets, what keeps one from starting,
//! and what a person may accept.

use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::simulated::{app, beginning, push};
use crate::adapters::sim::{Fault, FaultKind, Sim, Traffic};
use crate::app::drive::End;
use crate::app::go_on::{Accept, accept, go_on};
use crate::app::metrics::{ExpectedBake, expected_bakes};
use crate::app::progress::{Observer, Progress};
use crate::app::promote::promote;
use crate::app::rollout::Outcome;
use crate::app::{App, Stop, plan};
use crate::cli::args::Command;
use crate::cli::context::{Context, GitHubEvent};
use crate::cli::exit::Exit;
use crate::cli::progress::Silent;
use crate::cli::run::act;
use crate::domain::approved::ApprovedPlan;
use crate::domain::directive::Directive;
use crate::domain::fleet::Fleet;
use crate::domain::gate::OnUnknown;
use crate::domain::ledger::RolloutRecord;
use crate::domain::manifest::{Source, read};
use crate::domain::plan::{Direction, Plan, Wave};
use crate::domain::reason::Reason;
use crate::domain::release::Release;
use crate::domain::rollout::Event;

const FLEET: &str = include_str!("../../fleet.yaml");

/// What the gates ask for beside the probes of fleet.yaml.
const GATES: &str = r#"
    alarms: { prefix: "accessos-{fleet}-{tenant}-" }
    errors: { good: 0.1%, bad: 1% }
    latency: { p99_max: 400ms }
    saturation: { memory_max: 90% }
    metrics: { bake_max: 2h }
    unknown: hold"#;

struct World {
    sim: Arc<Sim>,
    app: App,
}

impl World {
    /// A simulated AccessOS with one release of iam-service soaked in dev, which does these things wrong in prod.
    async fn with(flaws: &[FaultKind]) -> Self {
        let text = FLEET.replacen("\n    unknown: hold", GATES, 1);
        let file = Source { name: "fleet.yaml".to_owned(), bytes: text.into_bytes() };
        let application = read(&[file]).unwrap();
        let sim = Arc::new(Sim::new(&application, beginning()));
        let app = app(&sim, application, Arc::new(Silent));
        let world = Self { sim, app };
        let in_prod = |kind: &FaultKind| Fault { kind: *kind, fleet: "prod".parse().ok(), tenant: None };
        let faults: Vec<Fault> = flaws.iter().map(in_prod).collect();
        world.sim.world().commit(&[("services/iam", &faults)]);
        let context = Context { event: Some(push(1)), run_number: 1, ..Context::default() };
        act(&Command::Ci { approved_plan: None, fleet: None }, &world.app, &context).await;
        world.sim.world().advance(SignedDuration::from_mins(31));
        world
    }

    fn prod(&self) -> &Fleet {
        self.app.application.fleet(&"prod".parse().unwrap()).unwrap()
    }

    async fn release(&self) -> Release {
        let rollouts = self.app.readers.ledger.rollouts(&"dev".parse().unwrap()).await.unwrap();
        self.app.readers.ledger.release(&rollouts[0].intent.version).await.unwrap().unwrap()
    }

    async fn plan(&self) -> Plan {
        let (readers, release) = (&self.app.readers, self.release().await);
        plan::plan(readers, &self.app.application, self.prod(), &release, Direction::Deploy).await.unwrap()
    }

    async fn promote(&self) -> Result<Outcome, Stop> {
        let (planned, release) = (self.plan().await, self.release().await);
        promote(
            &self.app,
            self.prod(),
            &release,
            Some(&ApprovedPlan::on_the_command_line(planned.hash(), "ana", Timestamp::UNIX_EPOCH)),
            None,
        )
        .await
    }
}

fn end(outcome: Result<Outcome, Stop>) -> End {
    outcome.unwrap().end.unwrap()
}

fn code(end: &End) -> String {
    match end {
        End::Held(reason) | End::Halted { reason, .. } => reason.code(),
        End::Succeeded => "succeeded".to_owned(),
    }
}

#[tokio::test]
async fn a_healthy_release_passes_every_gate() {
    let world = World::with(&[]).await;
    assert_eq!(end(world.promote().await), End::Succeeded);
    let calls = &world.sim.world().calls;
    assert!(calls["CloudWatch GetMetricData"] > 10 && calls["CloudWatch DescribeAlarms"] > 3, "{calls:?}");
}

/// Keeps when watches were said to end, and when the next thing was recorded.
#[derive(Default)]
struct Ends(Mutex<Vec<(Option<Timestamp>, Timestamp)>>);

impl Observer for Ends {
    fn note(&self, at: Timestamp, progress: &Progress) {
        if let Progress::Phase { until, .. } = progress {
            self.0.lock().unwrap().push((*until, at));
        }
    }
}

#[tokio::test]
async fn a_watch_is_said_to_end_when_its_last_minutes_can_be_read() {
    let mut world = World::with(&[]).await;
    let ends = Arc::new(Ends::default());
    world.app.readers.observer = Arc::clone(&ends) as _;
    assert_eq!(end(world.promote().await), End::Succeeded);
    let ends = ends.0.lock().unwrap().clone();
    let late: Vec<SignedDuration> =
        ends.windows(2).filter_map(|pair| Some(pair[1].1.duration_since(pair[0].0?))).collect();
    assert!(late.len() > 3, "a watch of each wave");
    let look = SignedDuration::from_secs(90);
    assert!(late.iter().all(|late| !late.is_negative() && *late < look), "{late:?}");
}

#[tokio::test]
async fn errors_that_no_probe_sees_stop_it_in_its_first_wave_and_take_it_back() {
    let world = World::with(&[FaultKind::FailsSome]).await;
    let outcome = world.promote().await.unwrap();
    let End::Halted { wave, reason } = outcome.end.clone().unwrap() else { panic!("{outcome:?}") };
    assert!(matches!(reason, Reason::ErrorRate { .. } | Reason::WaveErrorRate { .. }), "{reason:?}");
    assert!(wave <= 1, "wave {wave}");
    assert_eq!(outcome.rollback.unwrap().end, Some(End::Succeeded));
}

#[tokio::test]
async fn slow_answers_stop_it() {
    let world = World::with(&[FaultKind::Slower]).await;
    assert_eq!(code(&end(world.promote().await)), "above_ceiling");
}

#[tokio::test]
async fn inv_28_an_alarm_that_rings_before_the_start_keeps_everything_as_it_is() {
    let world = World::with(&[]).await;
    let plan = world.plan().await;
    let last = plan.changes().last().unwrap();
    world.sim.world().ringing.insert(format!("{}-5xx", last.ecs_service));
    let updates = world.sim.world().calls.get("ECS UpdateService").copied();
    assert_eq!(code(&end(world.promote().await)), "alarm_before_start");
    assert_eq!(world.sim.world().calls.get("ECS UpdateService").copied(), updates, "nothing was sent to prod");
    world.sim.world().ringing.clear();
    assert_eq!(end(go_on(&world.app, world.prod()).await), End::Succeeded, "when it has ended, it goes on");
}

#[tokio::test]
async fn an_alarm_that_rings_for_a_tenant_under_watch_stops_it() {
    let world = World::with(&[FaultKind::FailsSome]).await;
    // Errors are only watched here, so that the alarm is what stops it.
    let mut app = world.app.clone();
    let prod =
        Arc::make_mut(&mut app.application).fleets.iter_mut().find(|fleet| fleet.name.as_str() == "prod").unwrap();
    prod.gate.errors.as_mut().unwrap().observe = true;
    let world = World { sim: Arc::clone(&world.sim), app };
    world.sim.world().alarm_on_errors = true;
    assert_eq!(code(&end(world.promote().await)), "alarm_rings");
}

#[tokio::test]
async fn without_requests_enough_it_is_held_and_a_person_may_accept_it() {
    let world = World::with(&[]).await;
    world.sim.world().traffic = Traffic { requests: 1, ..Traffic::default() };
    assert_eq!(world.prod().gate.unknown, OnUnknown::Hold);
    let held = end(world.promote().await);
    assert!(matches!(&held, End::Held(Reason::GateUnknown { .. })), "{held:?}");
    assert!(matches!(end(go_on(&world.app, world.prod()).await), End::Held(_)), "continue alone changes nothing");
    let answer = Accept { by: "ana", why: "night, nobody is there" };
    let waves = |rollouts: &[RolloutRecord]| {
        rollouts[0].entries.iter().filter(|entry| matches!(entry.event, Event::WaveStarted { .. })).count()
    };
    let rollouts = world.app.readers.ledger.rollouts(&world.prod().name).await.unwrap();
    assert_eq!(waves(&rollouts), 1);
    let next = end(accept(&world.app, world.prod(), answer).await);
    assert!(matches!(&next, End::Held(Reason::GateUnknown { .. })), "the next wave is not accepted yet: {next:?}");
    let rollouts = world.app.readers.ledger.rollouts(&world.prod().name).await.unwrap();
    assert_eq!(waves(&rollouts), 2);
    let decided = world.app.readers.ledger.decided(&world.prod().name).await.unwrap();
    assert!(decided.iter().any(|decided| decided.by == "ana" && decided.why.starts_with("night")), "{decided:?}");
}

#[tokio::test]
async fn a_workflow_dispatch_accepts_as_a_person_at_a_terminal_does_and_needs_the_right_to_push() {
    let world = World::with(&[]).await;
    world.sim.world().traffic = Traffic { requests: 1, ..Traffic::default() };
    assert!(matches!(end(world.promote().await), End::Held(_)));
    let dispatch = async |by: &str| {
        let inputs = json!({"command": "continue --accept", "fleet": "prod", "version": "", "why": "night"});
        let payload = json!({"inputs": inputs, "sender": {"login": by}});
        let event = Some(GitHubEvent { name: "workflow_dispatch".to_owned(), payload });
        act(&Command::Ci { approved_plan: None, fleet: None }, &world.app, &Context { event, ..Context::default() })
            .await
            .exit
    };
    let accepted = async || {
        let decided = world.app.readers.ledger.decided(&world.prod().name).await.unwrap();
        decided.into_iter().filter(|decided| matches!(decided.directive, Directive::Accept { .. })).collect::<Vec<_>>()
    };
    world.sim.world().people =
        [("tom", "triage"), ("ana", "write")].map(|(who, what)| (who.into(), what.into())).into();
    assert_eq!((dispatch("tom").await, accepted().await.len()), (Exit::BadInput, 0));
    assert_eq!(dispatch("ana").await, Exit::Held, "the next wave is not accepted yet");
    let accepted = accepted().await;
    assert_eq!((accepted.len(), accepted[0].by.as_str(), accepted[0].why.as_str()), (1, "ana", "night"));
}

#[tokio::test]
async fn a_plan_says_how_long_its_traffic_takes_to_show_that_it_is_well() {
    let world = World::with(&[]).await;
    let (readers, application) = (&world.app.readers, &world.app.application);
    let plan = world.plan().await;
    let bakes = expected_bakes(readers, application, world.prod(), &plan).await.unwrap();
    assert_eq!(bakes.len(), plan.waves.len());
    let lag = world.prod().gate.metrics.lag;
    let least = |(bake, wave): (&ExpectedBake, &Wave)| bake.time == wave.bake + lag;
    assert!(bakes.iter().zip(&plan.waves).all(least), "300 a minute are enough: {bakes:?}");
    world.sim.world().traffic = Traffic { requests: 4, ..Traffic::default() };
    let slow = expected_bakes(readers, application, world.prod(), &plan).await.unwrap();
    assert!(slow[0].time > SignedDuration::from_mins(90), "{slow:?}");
}
