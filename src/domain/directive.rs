//! What people have decided about a fleet beside its rollouts: hold it, call a version bad, pin or pause a tenant.
//!
//! Decisions are a list that only grows, each with who and why. What is in force follows from folding it, so the
//! answer to "who said so, and when" is always there.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::ids::{ServiceKey, SetId, TaskDefinitionArn, Version};

/// One decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "directive", rename_all = "snake_case")]
pub enum Directive {
    /// Nothing goes forward in the fleet until it is lifted.
    Hold,
    /// Lifts the hold.
    Unhold,
    /// This version is never released to the fleet.
    MarkBad {
        /// Which.
        version: Version,
    },
    /// Takes that back.
    ClearBad {
        /// Which.
        version: Version,
    },
    /// The tenant keeps this version.
    Pin {
        /// Whose.
        set: SetId,
        /// Which.
        version: Version,
        /// Last day.
        until: Date,
    },
    /// Takes that back.
    Unpin {
        /// Whose.
        set: SetId,
    },
    /// The set is about to be scaled to zero; this is what it was, and what `Resumed` restores.
    Pausing {
        /// Which.
        set: SetId,
        /// What it was, service by service.
        was: BTreeMap<ServiceKey, Running>,
        /// When it is meant to come back, if that is known.
        until: Option<Date>,
    },
    /// The set runs again, as it was.
    Resumed {
        /// Which.
        set: SetId,
    },
}

/// How a service ran before it was paused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Running {
    /// Tasks that should run.
    pub desired: u32,
    /// What it ran.
    pub task_definition: TaskDefinitionArn,
    /// Its autoscaling; none if it has none.
    pub scaling: Option<Scaling>,
}

/// A scalable target as Application Auto Scaling has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scaling {
    /// Least tasks.
    pub min: u32,
    /// Most tasks.
    pub max: u32,
    /// `DynamicScalingInSuspended`.
    pub in_suspended: bool,
    /// `DynamicScalingOutSuspended`.
    pub out_suspended: bool,
    /// `ScheduledScalingSuspended`.
    pub scheduled_suspended: bool,
}

/// A decision as recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    /// Position, from 1.
    pub seq: u32,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: String,
    /// Why.
    pub why: String,
    /// What.
    #[serde(flatten)]
    pub directive: Directive,
}

/// What is in force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Directives {
    /// The hold, if there is one.
    pub hold: Option<Decided>,
    /// Bad versions.
    pub bad: BTreeMap<Version, Decided>,
    /// Pins by tenant.
    pub pins: BTreeMap<SetId, Decided>,
    /// Paused sets.
    pub paused: BTreeMap<SetId, Decided>,
    /// Number of the newest decision.
    pub seq: u32,
}

impl Directives {
    /// What is in force after these decisions, oldest first.
    pub fn fold<'a>(decided: impl IntoIterator<Item = &'a Decided>) -> Self {
        decided.into_iter().fold(Self::default(), Self::with)
    }

    fn with(mut self, decided: &Decided) -> Self {
        match &decided.directive {
            Directive::Hold => self.hold = Some(decided.clone()),
            Directive::Unhold => self.hold = None,
            Directive::MarkBad { version } => drop(self.bad.insert(version.clone(), decided.clone())),
            Directive::ClearBad { version } => drop(self.bad.remove(version)),
            Directive::Pin { set, .. } => drop(self.pins.insert(set.clone(), decided.clone())),
            Directive::Unpin { set } => drop(self.pins.remove(set)),
            Directive::Pausing { set, .. } => drop(self.paused.insert(set.clone(), decided.clone())),
            Directive::Resumed { set } => drop(self.paused.remove(set)),
        }
        self.seq = decided.seq;
        self
    }
}

impl Scaling {
    /// The same target while its service is paused. RegisterScalableTarget moves the present count into
    /// `[min, max]`, so the least must be 0; and no alarm or schedule may wake it.
    #[must_use]
    pub fn paused(self) -> Self {
        Self { min: 0, in_suspended: true, out_suspended: true, scheduled_suspended: true, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decided(seq: u32, directive: Directive) -> Decided {
        Decided { seq, at: Timestamp::UNIX_EPOCH, by: "ana".to_owned(), why: "test".to_owned(), directive }
    }

    #[test]
    fn the_newest_decision_is_in_force_and_says_who() {
        let version: Version = "1.4.0".parse().unwrap();
        let entries = [
            decided(1, Directive::Hold),
            decided(2, Directive::MarkBad { version: version.clone() }),
            decided(3, Directive::Unhold),
        ];
        let after_two = Directives::fold(&entries[..2]);
        assert_eq!(after_two.hold.as_ref().map(|hold| hold.by.as_str()), Some("ana"));
        let after_all = Directives::fold(&entries);
        assert_eq!((after_all.hold, after_all.seq), (None, 3));
        assert!(after_all.bad.contains_key(&version));
    }

    #[test]
    fn decisions_survive_being_written_down() {
        let entry = decided(1, Directive::Unpin { set: "acme".parse().unwrap() });
        let json = serde_json::to_string(&entry).unwrap();
        assert_eq!(serde_json::from_str::<Decided>(&json).unwrap(), entry);
    }

    #[test]
    fn a_paused_target_cannot_wake() {
        let scaling =
            Scaling { min: 2, max: 8, in_suspended: false, out_suspended: false, scheduled_suspended: true }.paused();
        let awake = Scaling { min: 0, max: 8, in_suspended: true, out_suspended: true, scheduled_suspended: true };
        assert_eq!(scaling, awake);
    }
}
