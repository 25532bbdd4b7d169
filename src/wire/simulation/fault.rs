//! What can happen to a call on its way out and back, and which of it can happen to which call.

/// What happens to one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// It never arrives.
    Unavailable,
    /// It is sent away, after a while.
    Throttled,
    /// Its answer makes no sense, and it had no effect.
    Refused,
    /// It has its effect, and the answer is lost.
    Lost,
    /// It has its effect, and the answer makes no sense.
    Garbled,
    /// The answer is the one that the same call got before.
    Stale,
    /// It is carried out twice, as by a proxy that retries.
    Twice,
    /// Minutes pass before it is carried out.
    Late,
    /// Minutes pass before its answer comes.
    Slow,
    /// The process is gone before it.
    CrashBefore,
    /// The process is gone right after its effect.
    CrashAfter,
    /// The process is asked to stop.
    Stop,
    /// From now on processes run on a machine whose clock is ahead. Within a process no clock jumps.
    ClockJumps,
    /// The process is cut off from GitHub for a while; AWS works.
    CutOff,
    /// The answer has been tampered with.
    Tampered,
    /// Somebody or something changes the world beside us.
    Beside(Beside),
}

/// What happens to the world beside us, to a service of this number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Beside {
    /// A person deploys something else.
    Foreign(usize),
    /// A person has it deployed again as it is.
    Redeploy(usize),
    /// A person scales it to zero.
    Zero(usize),
    /// It is deleted.
    Delete(usize),
    /// A person puts the fleet on hold.
    Hold,
    /// A person pins the tenant of this service to what it ran before.
    Pin(usize),
    /// Terraform publishes another template for it.
    Publish(usize),
}

/// What kind of call it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Class {
    pub(super) name: &'static str,
    pub(super) writes: bool,
    pub(super) github: bool,
    /// Whether what answers may lag behind.
    pub(super) may_lag: bool,
}

impl Class {
    pub(super) const fn read(name: &'static str) -> Self {
        Self { name, writes: false, github: false, may_lag: true }
    }

    pub(super) const fn write(name: &'static str) -> Self {
        Self { name, writes: true, github: false, may_lag: false }
    }

    pub(super) const fn at_github(self) -> Self {
        Self { github: true, ..self }
    }

    pub(super) const fn exact(self) -> Self {
        Self { may_lag: false, ..self }
    }

    /// What can happen to such a call.
    pub(super) fn kinds(self) -> &'static [Kind] {
        use Kind as K;
        match (self.name, self.writes) {
            ("sleep", _) => &[K::Late, K::CrashBefore, K::CrashAfter, K::Stop],
            ("s3.template", _) => &[K::Unavailable, K::Refused, K::Tampered, K::Late, K::CrashBefore, K::Stop],
            ("ledger.plan", _) => &[K::Unavailable, K::Refused, K::Tampered, K::Late, K::CrashBefore, K::Stop],
            (_, true) => &[
                K::Unavailable,
                K::Refused,
                K::Lost,
                K::Garbled,
                K::Twice,
                K::Late,
                K::Slow,
                K::CrashBefore,
                K::CrashAfter,
                K::Stop,
            ],
            (_, false) if self.may_lag => &[K::Unavailable, K::Refused, K::Stale, K::Late, K::CrashBefore, K::Stop],
            (_, false) => &[K::Unavailable, K::Refused, K::Late, K::CrashBefore, K::Stop],
        }
    }

    /// What else can happen, where faults are drawn by lot.
    pub(super) fn rarer(self) -> &'static [Kind] {
        use Kind as K;
        match (self.github, self.name) {
            (_, "sleep") => &[K::ClockJumps],
            (true, _) => &[K::Throttled, K::CutOff],
            (false, _) => &[K::Throttled],
        }
    }
}

/// A fault of a schedule: exactly this one, or any that fits, chosen by this number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Exactly(Kind),
    Any(u64),
}

impl Fault {
    /// What happens to a call of this class; none if it cannot happen to it.
    pub(super) fn of(self, class: Class) -> Option<Kind> {
        match self {
            Self::Exactly(kind @ (Kind::Beside(_) | Kind::CutOff | Kind::ClockJumps)) => Some(kind),
            Self::Exactly(kind) => class.kinds().iter().chain(class.rarer()).find(|known| **known == kind).copied(),
            Self::Any(number) => {
                let (usual, rarer) = (class.kinds(), class.rarer());
                let place = (number % (usual.len() + rarer.len()) as u64) as usize;
                usual.iter().chain(rarer).nth(place).copied()
            }
        }
    }
}

/// Faults by the number of the call that they happen to.
pub(super) type Schedule = Vec<(u32, Fault)>;
