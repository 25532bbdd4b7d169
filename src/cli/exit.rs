//! Exit codes: documented, total, and the same for every command.

use std::process::ExitCode;

use crate::app::Stop;
use crate::app::drive::End;
use crate::app::rollout::Outcome;
use crate::domain::reason::{Kind, Reason};
use crate::ports;

/// How a run ended, as a shell sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done, or nothing to do.
    Done = 0,
    /// The input is wrong.
    BadInput = 2,
    /// A gate failed, and what the policy says was done.
    GateFailed = 3,
    /// Held, inconclusive, or waiting for approval.
    Held = 4,
    /// Another rollout, a stale plan, or a change by somebody else.
    Conflict = 5,
    /// Complete, but a tenant was left behind.
    Exceptions = 6,
    /// A rollback failed.
    RollbackFailed = 7,
    /// Something outside is unavailable.
    Unavailable = 69,
    /// tidegate itself went wrong.
    Bug = 70,
    /// Stopped by a signal.
    Interrupted = 130,
}

impl Exit {
    /// Of a verb that did not do its work.
    pub fn of_stop(stop: &Stop) -> Self {
        match stop {
            Stop::Refused(_) | Stop::AwaitsApproval(_) => {
                let reasons = stop.reasons();
                reasons.iter().map(|reason| Self::of_kind(reason.kind())).max_by_key(severity).unwrap_or(Self::Bug)
            }
            Stop::NoSuchFleet(_) | Stop::NoSuchCell(_) | Stop::NoSuchTenant { .. } | Stop::NoSuchTenantAnywhere(_) => {
                Self::BadInput
            }
            Stop::Port(error) => match error.fault {
                ports::Fault::Unavailable => Self::Unavailable,
                ports::Fault::Refused | ports::Fault::Conflict => Self::Conflict,
            },
            Stop::Record(_) => Self::Conflict,
            Stop::Bug(_) => Self::Bug,
        }
    }

    /// Of a rollout that was carried out. A failed rollback outweighs what it was for, and so does one that could not
    /// even begin: either way nobody is going back by themselves, and a person must act now.
    pub fn of_outcome(outcome: &Outcome) -> Self {
        let after = outcome.rollback.as_ref().map(|rollback| &rollback.end);
        match (&outcome.end, after) {
            _ if outcome.no_way_back.is_some() => Self::RollbackFailed,
            (_, Some(end)) if !matches!(end, None | Some(End::Succeeded)) => Self::RollbackFailed,
            (Some(End::Succeeded), _) if !outcome.quarantined.is_empty() => Self::Exceptions,
            (None | Some(End::Succeeded), _) => Self::Done,
            (Some(End::Held(Reason::Interrupted)), _) => Self::Interrupted,
            (Some(End::Held(Reason::LeaseLost { .. })), _) => Self::Conflict,
            (Some(End::Held(_)), _) => Self::Held,
            (Some(End::Halted { reason, .. }), _) => Self::of_kind(reason.kind()),
        }
    }

    fn of_kind(kind: Kind) -> Self {
        match kind {
            Kind::BadInput => Self::BadInput,
            Kind::GateFailed => Self::GateFailed,
            Kind::Held => Self::Held,
            Kind::Conflict => Self::Conflict,
            Kind::LeftOut => Self::Exceptions,
            Kind::RollbackFailed => Self::RollbackFailed,
            Kind::Interrupted => Self::Interrupted,
        }
    }
}

/// Of several reasons, the one that says most about what to do decides.
fn severity(exit: &Exit) -> u8 {
    match exit {
        Exit::Done => 0,
        Exit::Exceptions => 1,
        Exit::Held => 2,
        Exit::Conflict => 3,
        Exit::BadInput => 4,
        Exit::GateFailed => 5,
        Exit::RollbackFailed | Exit::Unavailable | Exit::Bug | Exit::Interrupted => 6,
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// The stable word for how a run ended, for the output `decision`.
pub fn decision(outcome: &Outcome) -> &'static str {
    match (&outcome.end, &outcome.rollback) {
        (None, _) => "nothing_to_do",
        (Some(End::Succeeded), _) if !outcome.quarantined.is_empty() => "succeeded_with_exceptions",
        (Some(End::Succeeded), _) => "succeeded",
        (Some(End::Held(_)), _) => "held",
        (Some(End::Halted { .. }), None) => "halted",
        (Some(End::Halted { .. }), Some(_)) => "rolled_back",
    }
}

/// Why a rollout ended other than well.
pub fn reason(outcome: &Outcome) -> Option<&Reason> {
    match &outcome.end {
        Some(End::Halted { reason, .. } | End::Held(reason)) => Some(reason),
        Some(End::Succeeded) | None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inv_43_codes_are_distinct() {
        use Exit as E;
        let all = [
            E::Done,
            E::BadInput,
            E::GateFailed,
            E::Held,
            E::Conflict,
            E::Exceptions,
            E::RollbackFailed,
            E::Unavailable,
            E::Bug,
            E::Interrupted,
        ];
        let codes: std::collections::BTreeSet<u8> = all.iter().map(|exit| *exit as u8).collect();
        assert_eq!(codes.len(), all.len());
    }

    #[test]
    fn inv_21_somebody_left_behind_is_no_plain_success() {
        let plan = serde_json::json!({
            "schema": 1, "app": "shop", "fleet": "prod", "replaces": null, "direction": "deploy",
            "release": {"version": "1.1.0", "commit": "a".repeat(40), "images": {}},
            "waves": [], "unchanged": [], "excluded": [], "on_failure": "stop",
            "gate": {"deadline": "PT15M", "stopped_tasks_max": 0, "targets_healthy": true, "probe": null,
                     "unknown": "hold"},
        });
        let plan = serde_json::from_value(plan).unwrap();
        let end = Some(End::Succeeded);
        let mut outcome = Outcome {
            plan,
            end,
            approved: None,
            quarantined: Vec::new(),
            gates: Vec::new(),
            rollback: None,
            no_way_back: None,
        };
        assert_eq!(Exit::of_outcome(&outcome), Exit::Done);
        let left = crate::domain::plan::Exclusion { set: "acme".parse().unwrap(), reason: Reason::Interrupted };
        outcome.quarantined.push(left);
        assert_eq!(Exit::of_outcome(&outcome), Exit::Exceptions);
        assert_eq!(decision(&outcome), "succeeded_with_exceptions");
    }

    #[test]
    fn a_refusal_that_waits_is_no_error() {
        let stop = Stop::from(Reason::Frozen { until: "2027-01-03".parse().unwrap(), why: "year end".to_owned() });
        assert_eq!(Exit::of_stop(&stop), Exit::Held);
        assert_eq!(Exit::of_stop(&Stop::Bug("x".to_owned())), Exit::Bug);
    }
}
