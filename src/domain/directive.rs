//! What people have decided about a fleet beside its rollouts: hold it, call a version bad, pin or pause a tenant.
//!
//! Decisions are a list that only grows, each with who and why. What is in force follows from folding it, so the
//! answer to "who said so, and when" is always there.

mod moves;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::fleet::{Fleet, Pin, Rds, SetState};
use super::ids::{CellName, ContentHash, FleetName, ServiceKey, SetId, TaskDefinitionArn, Version};
use super::mutant::{Mutant, breaks};
use super::reason::Reason;

pub use moves::{Ended, Move, Moving, Way};

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
    /// Somebody released this version past what stood in the way.
    BrokeGlass {
        /// Which.
        version: Version,
        /// Codes of the reasons that it went past.
        past: Vec<String>,
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
    /// These services are about to be scaled to zero; this is how they ran, and what resuming restores.
    Pausing {
        /// How they ran.
        was: BTreeMap<ServiceKey, Running>,
        /// The priority of each set's rule that answers 503, which is about to be laid over its routes.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        rules: BTreeMap<SetId, u32>,
        /// When it is meant to come back, if that is known.
        until: Option<Date>,
    },
    /// What the gates of a wave could not decide is good enough.
    Accept {
        /// Of which rollout, by the number of its deployment.
        rollout: u64,
        /// Index of the wave.
        wave: usize,
    },
    /// These sets run again, as they did.
    Resumed {
        /// Which.
        sets: BTreeSet<SetId>,
    },
    /// How the edge routers treat a tenant from now on.
    Routed {
        /// Whose requests.
        set: SetId,
        /// How.
        route: Route,
    },
    /// The routers were given the tenants of an earlier generation.
    RoutedBack {
        /// The generation that did so.
        generation: u64,
        /// Whose tenants it brought back.
        restores: u64,
    },
    /// A tenant leaves for good.
    Leaving {
        /// The last day on which everything is kept.
        retain_until: Date,
        /// What it has, by name: its line, which would tell, goes before its data.
        holding: Holding,
    },
    /// What must be kept of a tenant that leaves is kept.
    Kept {
        /// Whose.
        set: SetId,
        /// What.
        #[serde(flatten)]
        kept: Kept,
    },
    /// A tenant is given up: a tombstone may take the place of its line.
    Removed {
        /// Which.
        set: SetId,
        /// Digest of the loss that was approved.
        approved: ContentHash,
    },
    /// A tenant's data are about to be purged.
    Purging {
        /// Whose.
        set: SetId,
        /// Digest of the loss that was approved.
        approved: ContentHash,
    },
    /// A tenant's data are gone, but for what is kept.
    Purged {
        /// Whose.
        set: SetId,
    },
    /// A step of a tenant's move to another cell.
    Moving {
        /// Whose.
        set: SetId,
        /// Which.
        step: Box<Moving>,
    },
}

/// How edge routers treat a tenant that is not paused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Route {
    /// Its requests are passed on.
    Active,
    /// 503 with a page, for a while.
    Maintenance,
    /// Clients are sent to this host.
    Moved(String),
}

/// What a tenant has in the data stores, by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holding {
    /// Its fleet.
    pub fleet: FleetName,
    /// Who.
    pub set: SetId,
    /// Its account and Region.
    pub cell: CellName,
    /// Its cluster there.
    pub cluster: String,
    /// The bucket of its evidence.
    pub bucket: String,
    /// Where in it.
    pub prefix: String,
    /// The bucket of what is kept of those who leave.
    pub archive: String,
    /// The role that saves its rows there: its own, and nobody else's rows or folder are open to it.
    pub role: String,
    /// Its shard.
    pub shard: String,
    /// End of the names of the one-shot tasks of its shard's database.
    pub tasks: String,
    /// Its part of that database.
    pub rds: Rds,
    /// Its user, schema and, if it has one, database there.
    pub user: String,
}

/// What is kept of a tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// SHA-256 of the list of all objects.
    pub list: ContentHash,
    /// How many there are.
    pub objects: u64,
    /// Their bytes together.
    pub bytes: u64,
}

/// A tenant that leaves or has left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaving {
    /// Who decided it.
    pub by: String,
    /// Why.
    pub why: String,
    /// Since when.
    pub since: Timestamp,
    /// Number of the decision.
    pub decision: u32,
    /// The last day on which everything is kept.
    pub retain_until: Date,
    /// What it has.
    pub holding: Holding,
    /// What is kept; none before it is.
    pub kept: Option<Kept>,
    /// When it was given up, if it was.
    pub removed: Option<Timestamp>,
    /// Whether the purge of its data was begun.
    pub purging: bool,
    /// Whether it was ended.
    pub purged: bool,
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

/// A set that is paused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paused {
    /// Who decided it.
    pub by: String,
    /// Why.
    pub why: String,
    /// Since when.
    pub since: Timestamp,
    /// When it is meant to come back, if that is known.
    pub until: Option<Date>,
    /// How its services ran.
    pub was: BTreeMap<ServiceKey, Running>,
    /// The priority that its rule of 503 had; none if it has no such rule.
    pub rule: Option<u32>,
}

/// What is in force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Directives {
    /// The hold, if there is one.
    pub hold: Option<Decided>,
    /// Bad versions.
    pub bad: BTreeMap<Version, Decided>,
    /// When a version was last called good again: what it failed with before no longer counts.
    pub cleared: BTreeMap<Version, Timestamp>,
    /// Pins by tenant.
    pub pins: BTreeMap<SetId, Decided>,
    /// Versions that somebody released past what stood in the way, and the number of that decision.
    pub gone_past: BTreeMap<Version, u32>,
    /// Waves of rollouts whose undecided gates were accepted.
    pub accepted: BTreeSet<(u64, usize)>,
    /// Paused sets.
    pub paused: BTreeMap<SetId, Paused>,
    /// How edge routers treat tenants, where somebody decided it.
    pub routes: BTreeMap<SetId, Route>,
    /// Tenants that leave for good, or have left.
    pub leaving: BTreeMap<SetId, Leaving>,
    /// The last move of each tenant that was ever moved.
    pub moves: BTreeMap<SetId, Move>,
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
            Directive::ClearBad { version } => {
                self.bad.remove(version);
                self.cleared.insert(version.clone(), decided.at);
            }
            Directive::BrokeGlass { version, .. } => drop(self.gone_past.insert(version.clone(), decided.seq)),
            Directive::Pin { set, .. } => drop(self.pins.insert(set.clone(), decided.clone())),
            Directive::Unpin { set } => drop(self.pins.remove(set)),
            Directive::Pausing { was, until, rules, .. } => was.iter().for_each(|(service, running)| {
                let paused = self.paused.entry(service.set.clone()).or_insert_with(|| Paused::by(decided, *until));
                paused.was.insert(service.clone(), running.clone());
                paused.rule = rules.get(&service.set).copied().or(paused.rule);
            }),
            Directive::Accept { rollout, wave } => drop(self.accepted.insert((*rollout, *wave))),
            Directive::Resumed { sets } => {
                self.paused.retain(|set, _| !sets.contains(set));
                // Whoever runs again has made what was kept out of date.
                self.leaving.retain(|set, _| !sets.contains(set));
            }
            // The snapshot itself says that it was taken back.
            Directive::RoutedBack { .. } => {}
            Directive::Routed { set, route } => drop(self.routes.insert(set.clone(), route.clone())),
            Directive::Leaving { retain_until, holding } => {
                self.leaving.insert(holding.set.clone(), Leaving::by(decided, *retain_until, holding));
            }
            Directive::Kept { set, kept } => self.of_leaving(set, |leaving| leaving.kept = Some(kept.clone())),
            Directive::Removed { set, .. } => self.of_leaving(set, |leaving| leaving.removed = Some(decided.at)),
            Directive::Purging { set, .. } => self.of_leaving(set, |leaving| leaving.purging = true),
            Directive::Purged { set } => self.of_leaving(set, |leaving| leaving.purged = true),
            Directive::Moving { set, step } => self.moved(decided, set, step),
        }
        self.seq = decided.seq;
        self
    }
}

impl Directives {
    fn of_leaving(&mut self, set: &SetId, change: impl FnOnce(&mut Leaving)) {
        if let Some(leaving) = self.leaving.get_mut(set) {
            change(leaving);
        }
    }

    /// The reason that stops everything forward, while a hold is in force.
    pub fn on_hold(&self, fleet: &FleetName) -> Option<Reason> {
        let hold = self.hold.as_ref().filter(|_| !breaks(Mutant::HoldIgnored))?;
        Some(Reason::OnHold { fleet: fleet.clone(), by: hold.by.clone(), since: hold.at, why: hold.why.clone() })
    }

    /// The hold that stops this version: not one that somebody went past with it afterwards, by name.
    pub fn holds(&self, fleet: &FleetName, version: &Version) -> Option<Reason> {
        let hold = self.hold.as_ref()?;
        let gone_past = self.gone_past.get(version).is_some_and(|seq| *seq > hold.seq);
        if gone_past { None } else { self.on_hold(fleet) }
    }

    /// The reason that keeps a version out of the fleet, if it is marked.
    pub fn marked_bad(&self, fleet: &FleetName, version: &Version) -> Option<Reason> {
        let marked = self.bad.get(version)?;
        let (by, why) = (marked.by.clone(), marked.why.clone());
        Some(Reason::MarkedBad { fleet: fleet.clone(), version: version.clone(), by, why })
    }

    /// The reason why a service must not be brought to a release, decided after its plan was made.
    pub fn forbids(&self, service: &ServiceKey, release: &Version, planned_at: Timestamp) -> Option<Reason> {
        let meanwhile = |what: &str, by: &str, why: &str| Reason::NotReady {
            service: service.clone(),
            why: format!("it was {what} meanwhile, by {by}: {why}"),
        };
        if let Some(paused) = self.paused.get(&service.set).filter(|paused| paused.since > planned_at) {
            return Some(meanwhile("paused", &paused.by, &paused.why));
        }
        let decided = self.pins.get(&service.set).filter(|decided| decided.at > planned_at)?;
        pin(decided).filter(|pin| !pin.allows(release)).map(|_| meanwhile("pinned", &decided.by, &decided.why))
    }

    /// The fleet as it is with these decisions: paused, pinned and moving sets are so, whatever the file says.
    pub fn apply(&self, fleet: &Fleet) -> Fleet {
        let mut fleet = fleet.clone();
        for set in &mut fleet.sets {
            set.moving = self.being_moved(set).cloned();
            if self.paused.contains_key(&set.id) {
                set.state = SetState::Paused;
            }
            if let Some(pin) = self.pins.get(&set.id).and_then(pin) {
                set.pin = Some(pin);
            }
        }
        fleet
    }
}

impl Leaving {
    fn by(decided: &Decided, retain_until: Date, holding: &Holding) -> Self {
        Self {
            by: decided.by.clone(),
            why: decided.why.clone(),
            since: decided.at,
            decision: decided.seq,
            retain_until,
            holding: holding.clone(),
            kept: None,
            removed: None,
            purging: false,
            purged: false,
        }
    }
}

impl Paused {
    fn by(decided: &Decided, until: Option<Date>) -> Self {
        let (by, why) = (decided.by.clone(), decided.why.clone());
        Self { by, why, since: decided.at, until, was: BTreeMap::new(), rule: None }
    }
}

/// A pin that was decided, in the form that fleet.yaml's have.
fn pin(decided: &Decided) -> Option<Pin> {
    let Directive::Pin { version, until, .. } = &decided.directive else { return None };
    Some(Pin { version: version.clone(), owner: decided.by.clone(), why: decided.why.clone(), until: *until })
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
