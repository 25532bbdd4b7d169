//! What happens, as values. Text on a terminal, lines in a log, a step summary and JSON are readers of these.

use jiff::Timestamp;

use crate::domain::causes::Cause;
use crate::domain::fleet::OnFailure;
use crate::domain::gate::GateReport;
use crate::domain::ids::{FleetName, ImageDigest, ServiceKey, ServiceName, Version};
use crate::domain::ledger::RolloutId;
use crate::domain::plan::Plan;
use crate::domain::reason::Reason;
use crate::domain::rollout::Event;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Progress {
    /// A build began.
    Building {
        /// Whose image.
        service: ServiceName,
    },
    /// A line of a build's output.
    BuildLine {
        /// Whose image.
        service: ServiceName,
        /// The line.
        line: String,
    },
    /// An image is in the registry.
    Image {
        /// Whose.
        service: ServiceName,
        /// Which.
        digest: ImageDigest,
        /// The version it was built as, if it was there already.
        reused: Option<Version>,
    },
    /// A release is recorded.
    Released {
        /// Its version.
        version: Version,
    },
    /// A release got its final version.
    Finalised {
        /// The version it was built as.
        version: Version,
        /// The one it has for good.
        as_version: Version,
    },
    /// A rollout is recorded and begins, or is taken up again.
    Opened {
        /// Its number.
        id: RolloutId,
        /// What it will do.
        plan: Box<Plan>,
        /// Whether it had begun before.
        resumed: bool,
    },
    /// A service was told to go to its target.
    Updated {
        /// Which.
        service: ServiceKey,
        /// The version it had, if known.
        from: Option<Version>,
        /// The version it gets, if known.
        to: Option<Version>,
        /// How many tasks it starts, if they are its first.
        first_tasks: Option<u32>,
    },
    /// A service was seen on its target.
    Up {
        /// Which.
        service: ServiceKey,
    },
    /// A one-shot task was started.
    TaskStarted {
        /// Whose.
        service: ServiceKey,
        /// The version of its image, if known.
        version: Option<Version>,
    },
    /// A one-shot task has ended well.
    TaskDone {
        /// Whose.
        service: ServiceKey,
    },
    /// Something could not be told to people; it changes nothing about what was done.
    NotTold {
        /// What they were not told of.
        what: String,
        /// Why.
        why: String,
    },
    /// A call failed and will be made again.
    Trouble {
        /// Where.
        service: ServiceKey,
        /// What.
        why: String,
    },
    /// The rollout changed its phase. With the name of the wave and the number of waves.
    Phase {
        /// The fleet.
        fleet: FleetName,
        /// The recorded event.
        event: Event,
        /// Name of its wave.
        wave: String,
        /// Number of waves.
        waves: usize,
        /// When the wave's watch ends, for an event that begins one.
        until: Option<Timestamp>,
    },
    /// What a gate of a wave found, when something was decided about the wave.
    Judged {
        /// Name of the wave.
        wave: String,
        /// What it found.
        gate: Box<GateReport>,
    },
    /// What ECS and the containers say about services that failed alike.
    Explained(Cause),
    /// A service is put to sleep or woken.
    Scaled {
        /// Which.
        service: ServiceKey,
        /// What happens to it.
        what: String,
    },
    /// Something around services changes: their load balancer, or a database.
    Around {
        /// What, as a sentence without its full stop.
        what: String,
    },
    /// A failed rollout cannot be dealt with as its policy says: a migration is in the way.
    NoWayBack {
        /// The fleet.
        fleet: FleetName,
        /// Which.
        reason: Reason,
    },
    /// A failed rollout is dealt with.
    Reacting {
        /// The fleet.
        fleet: FleetName,
        /// Why.
        reason: Reason,
        /// How.
        policy: OnFailure,
    },
}

/// Who is told what happens.
pub trait Observer: Send + Sync {
    /// Takes note. Must not fail and must not take long.
    fn note(&self, at: Timestamp, progress: &Progress);
}
