//! What a person, or a job that is run again, does until a rollout has ended: looks at how the last run came out
//! and runs the next one. Bounded, because a tool that needs more patience than this is broken.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use super::chance::Chance;
use super::checker::{Checker, Ending, Wrong};
use super::fault::{Kind, Schedule};
use super::history::Call;
use super::process::{Process, Run, lock};
use super::scene::Scene;
use crate::adapters::sim::Sim;
use crate::app::drive::End;
use crate::app::go_on::go_on;
use crate::app::promote::promote;
use crate::app::rollback::{Back, rollback};
use crate::app::rollout::Outcome;
use crate::app::{App, Readers, Stop, Writers};
use crate::cli::progress::Silent;
use crate::domain::fleet::OnFailure;
use crate::domain::ledger::{RolloutRecord, Standing};
use crate::domain::plan::Direction;
use crate::domain::reason::{Kind as ReasonKind, Reason};
use crate::domain::rollout::Event;
use crate::ports::Fault;

/// Runs after which a rollout must have ended.
const RUNS_MAX: usize = 14;

/// What a process is started for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Promote,
    PromoteNewer,
    Continue,
    Rollback,
}

/// How a process ended.
enum Ended {
    Crashed,
    Told(Result<Outcome, Stop>),
}

/// How it all ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Finish {
    Succeeded,
    /// Whoever did it before did not hear of its end, or there is nothing that may be done.
    NothingToDo,
    Exceptions,
    RolledBack,
    /// Stopped where it is, as the policy says.
    Stopped(Reason),
    /// It waits for a person.
    Waiting(Reason),
    RollbackFailed(Reason),
    /// Another schedule led to the same world, in which no fault was left to happen either, and ended well.
    AsKnown,
}

/// What a simulation is for, which says how far it goes.
#[derive(Clone, Copy)]
pub(super) enum Purpose<'a> {
    /// To the end, and once more to see that nothing is left to do.
    Twice,
    /// To the end.
    Once,
    /// To the end, or to a world whose end is known.
    Shared(&'a Worlds),
}

/// Worlds in which a process began with no fault left to happen, and all went well.
#[derive(Default)]
pub(super) struct Worlds(Mutex<HashSet<u64>>);

impl Worlds {
    fn holds(&self, world: u64) -> bool {
        self.0.lock().unwrap().contains(&world)
    }

    /// Takes in the worlds that a schedule led to after its last fault. It must have ended well.
    pub(super) fn take_in(&self, schedule: &Schedule, report: &Report) {
        let last = schedule.iter().map(|(call, _)| *call).max();
        let after = report.beginnings.iter().filter(|(call, _)| last.is_none_or(|last| *call > last));
        self.0.lock().unwrap().extend(after.map(|(_, world)| *world));
    }
}

/// What came of a simulation.
pub(super) struct Report {
    pub(super) finish: Option<Finish>,
    pub(super) wrong: Option<Wrong>,
    pub(super) ending: Ending,
    pub(super) history: Vec<Call>,
    pub(super) happened: Vec<Kind>,
    /// For each process after the first its first call, and the number of the world it began in.
    pub(super) beginnings: Vec<(u32, u64)>,
}

impl Report {
    /// Whether the release runs everywhere.
    pub(super) fn is_done(&self) -> bool {
        matches!(self.finish, Some(Finish::Succeeded | Finish::NothingToDo))
    }

    /// Notes what is wrong, seen from outside.
    pub(super) fn complain(&mut self, invariant: u32, what: String) {
        let call = self.history.last().map_or(0, |call| call.number);
        self.wrong.get_or_insert(Wrong { invariant, call, what });
    }
}

/// A second process beside the first one, from this call on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Second {
    pub(super) from: u32,
    pub(super) verb: Verb,
    pub(super) turns: u64,
}

/// Carries out one schedule in a scene.
pub(super) async fn simulate(
    scene: &Scene,
    schedule: Schedule,
    second: Option<Second>,
    purpose: Purpose<'_>,
) -> Report {
    let mut run = Run::new(schedule, Checker::new(&scene.application, scene.fleet()));
    run.turns = second.map(|second| Chance::new(second.turns));
    let simulation = Simulation { scene, sim: Arc::new(Sim::of(scene.world.clone())), run: Arc::new(Mutex::new(run)) };
    let finish = simulation.operate(second, purpose).await;
    if finish != Some(Finish::AsKnown) {
        simulation.judge(finish.as_ref());
    }
    if matches!(purpose, Purpose::Twice) && matches!(finish, Some(Finish::Succeeded)) && second.is_none() {
        simulation.run_again().await;
    }
    let mut run = lock(&simulation.run);
    let ending = run.checker.ending(&simulation.sim.world());
    Report {
        finish,
        wrong: run.checker.wrong.take(),
        ending,
        history: std::mem::take(&mut run.history),
        happened: std::mem::take(&mut run.happened),
        beginnings: std::mem::take(&mut run.beginnings),
    }
}

struct Simulation<'a> {
    scene: &'a Scene,
    sim: Arc<Sim>,
    run: Arc<Mutex<Run>>,
}

impl Simulation<'_> {
    async fn operate(&self, second: Option<Second>, purpose: Purpose<'_>) -> Option<Finish> {
        let mut ended = match second {
            Some(second) => tokio::join!(self.process(Verb::Promote), self.beside(second)).0,
            None => self.process(Verb::Promote).await,
        };
        let (mut verb, mut last) = (Verb::Promote, String::new());
        for _ in 0..RUNS_MAX {
            let next = match self.after(verb, &ended) {
                // Somebody else's part may be left half-way.
                Next::Finished(_) if second.is_some() && !self.nothing_is_left() => Verb::Continue,
                Next::Finished(finish) => return Some(finish),
                Next::Run(verb) => verb,
                Next::Wait(reason, verb) => {
                    let again = std::mem::replace(&mut last, reason.code()) == reason.code();
                    if again && (verb == Verb::Continue || self.nothing_is_left()) {
                        return Some(Finish::Waiting(reason));
                    }
                    let verb = if again { Verb::Continue } else { verb };
                    self.sim.world().advance(jiff::SignedDuration::from_mins(1));
                    verb
                }
            };
            verb = next;
            if lock(&self.run).checker.wrong.is_some() {
                return None;
            }
            let now = self.sim.world().now;
            let world = lock(&self.run).begins(&format!("{verb:?} {last}"), now);
            if let (Purpose::Shared(known), false) = (purpose, lock(&self.run).is_anything_due())
                && known.holds(world)
            {
                return Some(Finish::AsKnown);
            }
            let faults = lock(&self.run).happened.len();
            ended = self.process(verb).await;
            if lock(&self.run).happened.len() > faults {
                last.clear();
            }
        }
        lock(&self.run).checker.wrong(45, format!("it has not ended after {RUNS_MAX} runs"));
        None
    }

    /// Whether the records say how everything ended, or why it has not.
    fn nothing_is_left(&self) -> bool {
        let world = self.sim.world();
        world.records().last().is_none_or(|newest| newest.standing() != Standing::Open(None))
    }

    /// Whether the newest rollout succeeded and left somebody behind.
    fn has_exceptions(&self) -> bool {
        let world = self.sim.world();
        let behind = |newest: &RolloutRecord| {
            newest.entries.iter().any(|entry| matches!(entry.event, Event::Quarantined { .. }))
        };
        world.records().last().is_some_and(|newest| behind(newest) && newest.succeeded_at().is_some())
    }

    /// Whether the newest rollout took something back.
    fn is_rolled_back(&self) -> bool {
        let world = self.sim.world();
        let back = |newest: &RolloutRecord| matches!(newest.intent.direction, Direction::RollbackOf(_));
        world.records().last().is_some_and(|newest| back(newest) && newest.succeeded_at().is_some())
    }

    /// What is to be done after a run.
    fn after(&self, verb: Verb, ended: &Ended) -> Next {
        let result = match ended {
            Ended::Crashed => return Next::Run(Verb::Continue),
            Ended::Told(result) => result,
        };
        match result {
            Ok(outcome) => after_outcome(outcome),
            Err(Stop::Refused(reasons)) => match &reasons[..] {
                [Reason::NothingToContinue { .. }, ..] if self.is_rolled_back() => Next::Finished(Finish::RolledBack),
                [Reason::NothingToContinue { .. }, ..] if self.has_exceptions() => Next::Finished(Finish::Exceptions),
                [Reason::NothingToContinue { .. }, ..] => Next::Run(Verb::Promote),
                [Reason::RolloutOpen { .. }, ..] => Next::Run(Verb::Continue),
                [Reason::WouldGoBack { .. }, ..] => Next::Finished(Finish::NothingToDo),
                [reason, ..] => Next::Wait(reason.clone(), verb),
                [] => Next::Run(verb),
            },
            Err(Stop::Port(error)) if error.fault == Fault::Unavailable => Next::Run(Verb::Continue),
            Err(Stop::Port(error)) => Next::Wait(refusal(&error.to_string()), Verb::Continue),
            Err(stop) => {
                lock(&self.run).checker.wrong(5, format!("a run ends with: {stop}"));
                Next::Run(Verb::Continue)
            }
        }
    }

    /// The second process; it begins when the first one has made so many calls.
    async fn beside(&self, second: Second) {
        for _ in 0..100_000 {
            if self.is_time_for(second) {
                break;
            }
            tokio::task::yield_now().await;
        }
        lock(&self.run).checker.person_rolls_back |= second.verb == Verb::Rollback;
        self.process(second.verb).await;
    }

    fn is_time_for(&self, second: Second) -> bool {
        let run = lock(&self.run);
        run.calls >= second.from || run.processes.first().is_some_and(|first| first.gone)
    }

    async fn process(&self, verb: Verb) -> Ended {
        let process = Process::start(&self.sim, &self.run);
        let app = app(&process, self.scene);
        let fleet = self.scene.fleet();
        let work = async {
            match verb {
                Verb::Promote => promote(&app, fleet, &self.scene.release, None, None).await,
                Verb::PromoteNewer => promote(&app, fleet, &self.scene.newer, None, None).await,
                Verb::Continue => go_on(&app, fleet).await,
                Verb::Rollback => rollback(&app, fleet, &Back::Last, "ben", "simulated").await,
            }
        };
        let ended = tokio::select! {
            biased;
            () = process.crashed.notified() => Ended::Crashed,
            told = work => Ended::Told(told),
        };
        process.end();
        ended
    }

    /// Whether what is said of the end is true.
    fn judge(&self, finish: Option<&Finish>) {
        let mut run = lock(&self.run);
        let world = self.sim.world();
        let checker = &mut run.checker;
        match finish {
            Some(Finish::Succeeded) => checker.succeeded(&world, None),
            Some(Finish::Exceptions) => checker.succeeded(&world, Some(true)),
            Some(Finish::RolledBack) => checker.rolled_back(&world),
            // A person has it taken back, or stops it.
            Some(Finish::Waiting(Reason::NotReady { .. })) if self.scene.never_settles() => {}
            // Or says that it is good enough.
            Some(Finish::Waiting(Reason::SmokeTestUndecided { .. })) if self.scene.never_ends() => {}
            Some(Finish::Waiting(reason)) if !checker.anything_beside() && !checker.person_rolls_back => {
                checker.wrong(45, format!("it waits, and nobody can help: {reason}"));
            }
            Some(Finish::Stopped(reason)) => {
                let owed = reason.kind() == ReasonKind::GateFailed && self.scene.fleet().on_failure != OnFailure::Stop;
                if owed {
                    checker.wrong(18, format!("a wave failed, and nothing is rolled back: {reason}"));
                }
            }
            Some(Finish::NothingToDo | Finish::Waiting(_) | Finish::RollbackFailed(_) | Finish::AsKnown) | None => {}
        }
        checker.nobody_half_way(&world);
    }

    /// A finished rollout that is run again changes nothing.
    async fn run_again(&self) {
        let counts = {
            let mut run = lock(&self.run);
            run.quiet = true;
            run.checker.counts
        };
        self.process(Verb::Promote).await;
        let mut run = lock(&self.run);
        if run.checker.counts != counts && !run.checker.anything_beside() {
            run.checker.wrong(41, "a finished rollout that is run again changes something");
        }
    }
}

/// What to do next.
enum Next {
    Finished(Finish),
    Run(Verb),
    /// The same again, once: what stood in the way may be gone.
    Wait(Reason, Verb),
}

fn after_outcome(outcome: &Outcome) -> Next {
    if let Some(rollback) = &outcome.rollback {
        return after_outcome(rollback);
    }
    let back = outcome.plan.is_rollback();
    match &outcome.end {
        None | Some(End::Succeeded) if back => Next::Finished(Finish::RolledBack),
        Some(End::Succeeded) if !outcome.quarantined.is_empty() => Next::Finished(Finish::Exceptions),
        Some(End::Succeeded) => Next::Finished(Finish::Succeeded),
        None => Next::Finished(Finish::NothingToDo),
        Some(End::Halted { reason, .. }) if reason.kind() == ReasonKind::RollbackFailed => {
            Next::Finished(Finish::RollbackFailed(reason.clone()))
        }
        Some(End::Halted { reason, .. }) => Next::Finished(Finish::Stopped(reason.clone())),
        Some(End::Held(reason)) => Next::Wait(reason.clone(), Verb::Continue),
    }
}

fn refusal(why: &str) -> Reason {
    Reason::GateUnknown { what: "a call".to_owned(), why: why.to_owned() }
}

fn app(process: &Arc<Process>, scene: &Scene) -> App {
    let readers = Readers {
        source: Arc::clone(&process.sim) as _,
        images: Arc::clone(process) as _,
        fleet: Arc::clone(process) as _,
        manifests: Arc::clone(process) as _,
        probes: Arc::clone(process) as _,
        targets: Arc::clone(process) as _,
        metrics: Arc::clone(process) as _,
        commands: Arc::clone(&process.sim) as _,
        way_back: Arc::clone(process) as _,
        scaling: Arc::clone(process) as _,
        routes: Arc::clone(&process.sim) as _,
        snapshots: Arc::clone(&process.sim) as _,
        databases: Arc::clone(&process.sim) as _,
        archive: Arc::clone(&process.sim) as _,
        data_tasks: Arc::clone(&process.sim) as _,
        tasks: Arc::clone(process) as _,
        quotas: Arc::clone(&process.sim) as _,
        ledger: Arc::clone(process) as _,
        people: Arc::clone(&process.sim) as _,
        pulls: Arc::clone(&process.sim) as _,
        leases: Arc::clone(process) as _,
        clock: Arc::clone(process) as _,
        stop: Arc::clone(process) as _,
        observer: Arc::new(Silent),
    };
    let writers = Writers {
        builder: Arc::clone(&process.sim) as _,
        tagger: Arc::clone(process) as _,
        fleet: Arc::clone(process) as _,
        scaling: Arc::clone(process) as _,
        routes: Arc::clone(&process.sim) as _,
        snapshots: Arc::clone(&process.sim) as _,
        databases: Arc::clone(&process.sim) as _,
        archive: Arc::clone(&process.sim) as _,
        data_tasks: Arc::clone(&process.sim) as _,
        tasks: Arc::clone(process) as _,
        ledger: Arc::clone(process) as _,
        leases: Arc::clone(process) as _,
        pulls: Arc::clone(&process.sim) as _,
        releases: Arc::clone(&process.sim) as _,
    };
    let (application, owner) = (Arc::clone(&scene.application), process.owner.clone());
    App { application, readers, writers, owner, signing_key: None, hand_over_at: None }
}
