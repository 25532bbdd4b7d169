//! Proof of the engine by deterministic simulation: the real verbs on the simulated world, with a fault at every
//! point where they wait. One thread, one seed, virtual time; every call is kept, and a checker that knows the
//! truth of the world judges each change before it is made.
//!
//! `fault` says what can happen to a call, `process` makes it happen, `reading`, `writing` and `passing` are the
//! ports; `scene` sets a world up, `operator` does what a person or a re-run would do until it has ended, `checker`
//! holds the invariants, `explore` tries out schedules of faults, and `watches` those of metrics, alarms and tests.

mod chance;
mod checker;
mod explore;
mod fault;
mod history;
mod lot;
mod mutants;
mod newcomer;
mod operator;
mod passing;
mod process;
mod reading;
mod regressions;
mod scene;
mod templates;
mod watches;
mod writing;
