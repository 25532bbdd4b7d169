//! Engines that are broken on purpose, one rule each. The simulation must catch every one of them: a checker that
//! lets one pass checks nothing. Outside of tests no engine is broken, and the compiler drops what stands here.

/// Which rule the engine breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mutant {
    /// What is not known counts as good.
    UnknownPasses,
    /// The lease is not confirmed before changes.
    LeaseUnconfirmed,
    /// A service that is stable is on its target, whatever it runs.
    StableIsSuccess,
    /// The intent is not recorded.
    NoIntent,
    /// A rollback goes to what failed.
    BackToFailed,
    /// An update is sent again while the first one is on its way.
    SentUnread,
    /// Services are updated in any order.
    OrderIgnored,
    /// Zero tasks are healthy.
    ZeroIsHealthy,
    /// A wave is not watched.
    NoBake,
    /// What somebody else deployed is overwritten.
    ForeignIgnored,
    /// A tenant that is left behind is not brought back.
    NotBroughtBack,
    /// A plan is taken up without a look at its hash.
    PlanHashIgnored,
    /// A record whose answer was lost is made again.
    AppendedAgain,
    /// A lease is taken from somebody who lives.
    LeaseOfOthers,
    /// A rollout goes on after it was held.
    GoesOnAfterHold,
    /// A rollback takes the oldest wave back first.
    OldestFirst,
    /// Changes are sent under the number of an earlier holder.
    OldFence,
    /// A person's hold is not heeded.
    HoldIgnored,
    /// One read that differs is believed.
    OneReadBelieved,
    /// Probes are not judged.
    ProbesIgnored,
    /// Tasks may stop as often as they like.
    StopsIgnored,
    /// A rollout that has ended is held all the same.
    HeldAfterEnd,
    /// The circuit breaker's rollback is no failure.
    BreakerIgnored,
    /// A failed wave is followed by no rollback.
    NoRollback,
    /// What was rendered is not compared with the plan.
    RenderUnchecked,
    /// A service whose metrics could not be read is left out of the judgement.
    MissingMetricsPass,
    /// Alarms that could not be read are as quiet as they were.
    StaleAlarmIsQuiet,
    /// A smoke test may fail.
    SmokeIgnored,
    /// Tasks that go while a wave is watched are counted by ECS alone, which stops counting.
    LossesUncounted,
    /// Autoscaling may take a service's first tasks away again.
    FirstTasksNotKept,
    /// What a tenant that moves has is copied while it still writes.
    CopiedAwake,
    /// A tenant that moves is switched to a place that has passed no gate.
    SwitchedUnraised,
    /// What was copied of a tenant that moves is not compared.
    CopyUncompared,
}

/// Whether the engine breaks this rule.
#[cfg(not(test))]
pub(crate) const fn breaks(_: Mutant) -> bool {
    false
}

#[cfg(test)]
thread_local! {
    static BROKEN: std::cell::Cell<Option<Mutant>> = const { std::cell::Cell::new(None) };
}

/// Whether the engine breaks this rule.
#[cfg(test)]
pub(crate) fn breaks(rule: Mutant) -> bool {
    BROKEN.get() == Some(rule)
}

/// From now on the engine of this thread breaks this rule, or none.
#[cfg(test)]
pub(crate) fn break_rule(rule: Option<Mutant>) {
    BROKEN.set(rule);
}
