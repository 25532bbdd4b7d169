//! One process between the engine and the world: it counts calls, makes faults happen to them, and dies.

use std::any::Any;
use std::collections::HashMap;
use std::future::Future;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;

use super::chance::Chance;
use super::checker::Checker;
use super::fault::{Beside, Class, Kind, Schedule};
use super::history::Call;
use crate::adapters::sim::Sim;
use crate::domain::lease::Owner;
use crate::ports::{Fault, PortError, PortResult};

/// Longer than a lease is trusted without being read, shorter than any deadline.
pub(super) const DELAY: SignedDuration = SignedDuration::from_mins(3);
/// What a client spends on a call that is throttled again and again.
const THROTTLED: SignedDuration = SignedDuration::from_secs(40);
/// How long a process is cut off from GitHub.
const CUT_OFF: SignedDuration = SignedDuration::from_mins(5);
/// How far the clock of another machine is ahead.
const JUMP: SignedDuration = SignedDuration::from_mins(4);

/// What all processes of a simulation share.
pub(super) struct Run {
    pub(super) schedule: Schedule,
    pub(super) calls: u32,
    /// More calls than any rollout can need.
    calls_max: u32,
    pub(super) history: Vec<Call>,
    pub(super) checker: Checker,
    pub(super) processes: Vec<State>,
    /// Decides who goes on at each call; none where there is one process.
    pub(super) turns: Option<Chance>,
    /// Answers that were given, where a later one may be stale.
    answers: Option<HashMap<String, Box<dyn Any + Send>>>,
    /// Faults that did happen.
    pub(super) happened: Vec<Kind>,
    /// From this call on faults stop.
    pub(super) quiet: bool,
    /// What every change so far was, as one number; and what it was when each process began, with the call.
    trace: u64,
    pub(super) beginnings: Vec<(u32, u64)>,
    /// How far the clock of whoever begins next is ahead.
    jumped: SignedDuration,
}

/// How a process is.
#[derive(Clone, Debug, Default)]
pub(super) struct State {
    pub(super) gone: bool,
    stopped: bool,
    cut_off_until: Option<Timestamp>,
    pub(super) jumped: SignedDuration,
    pub(super) sleeping_until: Option<Timestamp>,
}

impl Run {
    pub(super) fn new(schedule: Schedule, checker: Checker) -> Self {
        let may_be_stale = schedule
            .iter()
            .any(|(_, fault)| matches!(fault, super::fault::Fault::Any(_) | super::fault::Fault::Exactly(Kind::Stale)));
        Self {
            calls_max: 4_000 + 40 * u32::try_from(checker.keys.len()).unwrap(),
            schedule,
            calls: 0,
            history: Vec::new(),
            checker,
            processes: Vec::new(),
            turns: None,
            answers: may_be_stale.then(HashMap::new),
            happened: Vec::new(),
            quiet: false,
            trace: 0,
            beginnings: Vec::new(),
            jumped: SignedDuration::ZERO,
        }
    }

    /// A process begins. With equal numbers the world is the same, and so is all that can follow.
    pub(super) fn begins(&mut self, what: &str, now: Timestamp) -> u64 {
        let number = hash_of(&(self.trace, what, now));
        self.beginnings.push((self.calls, number));
        number
    }

    /// Whether a fault is still to happen.
    pub(super) fn is_anything_due(&self) -> bool {
        self.schedule.iter().any(|(call, _)| *call >= self.calls)
    }

    fn begin(&mut self, process: usize, class: Class, at: Timestamp) -> Option<Kind> {
        let number = self.calls;
        self.calls += 1;
        if self.calls == self.calls_max {
            self.checker.wrong(45, "more calls than any run needs");
        }
        let due = self.schedule.iter().find(|(call, _)| *call == number).map(|(_, fault)| *fault);
        let kind = due.filter(|_| !self.quiet).and_then(|fault| fault.of(class));
        self.happened.extend(kind);
        self.history.push(Call { number, process, at, class, kind, what: String::new() });
        self.checker.call = number;
        kind
    }
}

/// Whether a call is carried out for the second time, which is nobody's wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Again(pub(super) bool);

/// One process.
pub(super) struct Process {
    pub(super) sim: Arc<Sim>,
    pub(super) run: Arc<Mutex<Run>>,
    pub(super) id: usize,
    pub(super) owner: Owner,
    pub(super) stop: Notify,
    pub(super) crashed: Notify,
}

impl Process {
    /// A new process that lives.
    pub(super) fn start(sim: &Arc<Sim>, run: &Arc<Mutex<Run>>) -> Arc<Self> {
        let id = {
            let mut run = lock(run);
            let jumped = run.jumped;
            run.processes.push(State { jumped, ..State::default() });
            run.checker.process(jumped);
            run.processes.len() - 1
        };
        let number = u32::try_from(id).unwrap();
        let (run_id, attempt) = (Some(u64::from(number) + 100), Some(1));
        let owner =
            Owner { run: run_id, attempt, actor: "ana".to_owned(), host: "simulated".to_owned(), process: number };
        sim.world().living.push(owner.clone());
        let (sim, run) = (Arc::clone(sim), Arc::clone(run));
        Arc::new(Self { sim, run, id, owner, stop: Notify::new(), crashed: Notify::new() })
    }

    /// It has ended, by itself or not.
    pub(super) fn end(&self) {
        self.run().processes[self.id].gone = true;
        self.sim.world().living.retain(|owner| *owner != self.owner);
    }

    pub(super) fn run(&self) -> MutexGuard<'_, Run> {
        lock(&self.run)
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.run().processes[self.id].stopped
    }

    fn is_gone(&self) -> bool {
        self.run().processes[self.id].gone
    }

    /// The process is no more: whatever it was doing never goes on.
    async fn crash(&self) {
        self.end();
        self.crashed.notify_one();
        self.hang().await;
    }

    pub(super) async fn hang(&self) {
        std::future::pending::<()>().await;
    }

    /// Lets others go first, as chance will have it; dead processes never come back from here.
    pub(super) async fn turn(&self) {
        let turns = self.run().turns.as_mut().map_or(0, |chance| chance.below(4));
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
        if self.is_gone() {
            self.hang().await;
        }
    }

    /// A call begins; answers what is to happen to it.
    pub(super) async fn arrive(&self, class: Class) -> Option<Kind> {
        self.turn().await;
        // Whatever comes after a wrong has no meaning.
        if self.run().checker.wrong.is_some() {
            self.crash().await;
        }
        let now = self.sim.world().now;
        let kind = self.run().begin(self.id, class, now);
        match kind {
            Some(Kind::CrashBefore) => self.crash().await,
            Some(Kind::Late) => self.pass(DELAY),
            Some(Kind::Throttled) => self.pass(THROTTLED),
            Some(Kind::Stop) => {
                self.run().processes[self.id].stopped = true;
                self.stop.notify_one();
            }
            Some(Kind::ClockJumps) => self.run().jumped += JUMP,
            Some(Kind::CutOff) => self.run().processes[self.id].cut_off_until = Some(now + CUT_OFF),
            Some(Kind::Beside(what)) => self.beside(what),
            _ => {}
        }
        let cut_off = self.run().processes[self.id].cut_off_until.is_some_and(|until| now < until);
        if class.github && cut_off && kind != Some(Kind::Throttled) { Some(Kind::Unavailable) } else { kind }
    }

    /// Its effect is there.
    pub(super) async fn leave(&self, kind: Option<Kind>) {
        match kind {
            Some(Kind::CrashAfter) => self.crash().await,
            Some(Kind::Slow) => self.pass(DELAY),
            _ => {}
        }
    }

    fn pass(&self, time: SignedDuration) {
        self.sim.world().advance(time);
        self.run().checker.delayed(time);
    }

    fn beside(&self, what: Beside) {
        let mut run = self.run();
        run.checker.beside(&mut self.sim.world(), what);
    }

    /// A call that only looks.
    pub(super) async fn ask<T, F>(&self, class: Class, key: &str, effect: impl FnOnce() -> F) -> PortResult<T>
    where
        T: Clone + Send + 'static,
        F: Future<Output = PortResult<T>>,
    {
        let kind = self.arrive(class).await;
        match kind {
            Some(Kind::Unavailable | Kind::Throttled) => return Err(unavailable(class)),
            Some(Kind::Refused) => return Err(refused(class)),
            Some(Kind::Stale) => {
                if let Some(known) = self.recall::<T>(class.name, key) {
                    self.run().checker.lied = true;
                    return Ok(known);
                }
            }
            _ => {}
        }
        let answer = effect().await;
        if let Ok(answer) = &answer {
            self.remember(class.name, key, answer);
        }
        self.leave(kind).await;
        answer
    }

    /// A call that changes something.
    pub(super) async fn change<T, F>(&self, class: Class, effect: impl Fn(Again) -> F) -> PortResult<T>
    where
        F: Future<Output = PortResult<T>>,
    {
        let kind = self.arrive(class).await;
        match kind {
            Some(Kind::Unavailable | Kind::Throttled) => return Err(unavailable(class)),
            Some(Kind::Refused) => return Err(refused(class)),
            _ => {}
        }
        let mut answer = effect(Again(false)).await;
        if kind == Some(Kind::Twice) {
            answer = effect(Again(true)).await;
        }
        self.leave(kind).await;
        match kind {
            Some(Kind::Lost) => Err(unavailable(class)),
            Some(Kind::Garbled) => Err(refused(class)),
            _ => answer,
        }
    }

    /// Keeps an answer, if a later one may be stale.
    pub(super) fn remember<T: Clone + Send + 'static>(&self, name: &str, key: &str, answer: &T) {
        if let Some(answers) = &mut self.run().answers {
            answers.insert(format!("{name} {key}"), Box::new(answer.clone()));
        }
    }

    pub(super) fn recall<T: Clone + 'static>(&self, name: &str, key: &str) -> Option<T> {
        self.run().answers.as_ref()?.get(&format!("{name} {key}"))?.downcast_ref::<T>().cloned()
    }

    pub(super) fn remembers(&self) -> bool {
        self.run().answers.is_some()
    }

    /// Says in the history what the present call is about.
    pub(super) fn say(&self, what: String) {
        let now = self.sim.world().now;
        let mut run = self.run();
        run.trace = hash_of(&(run.trace, &what, now));
        drop(run);
        if let Some(call) = self.run().history.iter_mut().rev().find(|call| call.process == self.id) {
            call.what = what;
        }
    }
}

fn hash_of(of: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}

pub(super) fn lock(run: &Mutex<Run>) -> MutexGuard<'_, Run> {
    run.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn unavailable(class: Class) -> PortError {
    PortError::new(Fault::Unavailable, class.name, "no answer")
}

pub(super) fn refused(class: Class) -> PortError {
    PortError::new(Fault::Refused, class.name, "the answer makes no sense")
}
