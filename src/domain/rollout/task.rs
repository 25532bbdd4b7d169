//! How a migration's task stands: started once for a rollout, done with exit code 0, and never started again where
//! that cannot be told.
//!
//! ECS shows a task for an hour after its end and knows a start by its token for a day. So that neither limit matters,
//! the end of all tasks of a wave is recorded before anything that serves is touched. What is left is a process that
//! was killed in between, and whoever takes up its rollout within the day may start again what cannot be found: the
//! token makes it the same task. Later than that, a person has to look.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::{Event, Phase, Rollout, Standing};
use crate::domain::ids::{ServiceKey, TaskArn};
use crate::domain::plan::Change;
use crate::domain::reason::Reason;
use crate::domain::snapshot::{TaskEnd, TaskSeen};

/// How long a start with the same token is sure to be the same start. ECS promises 24 hours (Developer Guide,
/// "Ensuring idempotency").
const REMEMBERED: SignedDuration = SignedDuration::from_hours(23);

/// A task that this process started, or found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Started {
    pub(super) task: TaskArn,
    pub(super) at: Timestamp,
}

impl Rollout {
    /// Says when the present wave began, for a rollout that was taken up from its records.
    pub fn note_begun(&mut self, at: Timestamp) {
        self.begun_before = Some(at);
    }

    /// Takes in tasks that are recorded to have run with the very image they are to run.
    pub fn note_ran(&mut self, tasks: BTreeSet<ServiceKey>) {
        self.ran = tasks;
    }

    /// Notes that this process started a task.
    pub fn note_started(&mut self, service: &ServiceKey, task: TaskArn, now: Timestamp) {
        self.started.insert(service.clone(), Started { task, at: now });
    }

    /// The task that was started for this change, if it is known.
    pub fn started(&self, service: &ServiceKey) -> Option<&TaskArn> {
        self.started.get(service).map(|started| &started.task)
    }

    /// The changes whose tasks the next decision needs to see. What nobody can have started is not looked for.
    pub fn tasks_to_look_at(&self) -> impl Iterator<Item = &Change> {
        let looks = matches!(self.phase, Phase::Deploying { .. }) && !self.tasks_done;
        let may_be_there = |change: &&Change| {
            change.is_migration()
                && !self.ran.contains(&change.service)
                && (self.begun_before.is_some() || self.started.contains_key(&change.service))
        };
        let migrations = self.watched.iter().filter(move |_| looks).filter(may_be_there);
        migrations.chain(self.smoke_tests_to_look_at())
    }

    /// How the task of `change` stands, seen at `now`.
    pub(super) fn task_standing(&self, change: &Change, seen: Option<&TaskSeen>, now: Timestamp) -> Standing {
        if self.tasks_done || self.ran.contains(&change.service) {
            return Standing::OnTarget;
        }
        let service = change.service.clone();
        let started = self.started.contains_key(&change.service);
        match seen {
            Some(TaskSeen::Ended(end)) if end.code == Some(0) && end.by_itself => Standing::OnTarget,
            Some(TaskSeen::Ended(end)) => Standing::Failed(Reason::TaskFailed { service, why: said(end) }),
            Some(TaskSeen::Running { .. }) => self.late(change, now).map_or(Standing::Moving, |_| {
                let minutes = self.plan.gate.deadline.as_mins();
                Standing::Failed(Reason::TaskLate { service, minutes })
            }),
            None if !started && self.begun_before.is_none() => Standing::AsBefore,
            Some(TaskSeen::NotFound) if !started => self.not_found(change, now),
            Some(TaskSeen::NotFound) => self.not_seen(change, "ECS does not show it", now),
            Some(TaskSeen::Unreachable { why }) => self.not_seen(change, why, now),
            None => self.not_seen(change, "it was not looked for", now),
        }
    }

    /// Nobody knows it and ECS shows none: it may be started where its token still makes that the same start.
    fn not_found(&self, change: &Change, now: Timestamp) -> Standing {
        match self.begun_before {
            Some(began) if now.duration_since(began) > REMEMBERED => Standing::Unknown(unknown(
                change,
                &format!("its wave began at {began:.0}, and whether it ran is forgotten"),
            )),
            Some(_) | None => Standing::AsBefore,
        }
    }

    fn not_seen(&self, change: &Change, why: &str, now: Timestamp) -> Standing {
        self.late(change, now).map_or(Standing::Moving, |_| Standing::Unknown(unknown(change, why)))
    }

    /// The event that all migrations of the wave have ended well, once they have.
    pub(super) fn tasks_ended(&self, wave: usize, standings: &[(&Change, Standing)]) -> Option<Event> {
        let mut tasks = standings.iter().filter(|(change, _)| change.is_migration()).peekable();
        let waits = !self.tasks_done && tasks.peek().is_some();
        (waits && tasks.all(|(_, standing)| *standing == Standing::OnTarget)).then_some(Event::TasksDone { wave })
    }

    /// Whether what serves still has to wait: the end of a task is recorded before anything is built on it.
    pub(super) fn waits_for_tasks(&self) -> bool {
        !self.tasks_done && self.watched.iter().any(Change::is_migration)
    }
}

fn unknown(change: &Change, why: &str) -> Reason {
    Reason::GateUnknown { what: format!("task of {}", change.service), why: why.to_owned() }
}

/// How a task ended that did not end well.
fn said(end: &TaskEnd) -> String {
    let how = match end.code {
        Some(code) if end.by_itself => format!("exit code {code}"),
        Some(code) => format!("stopped from outside, exit code {code}"),
        None => "it never ran".to_owned(),
    };
    if end.why.is_empty() { how } else { format!("{how}: {}", end.why) }
}
