//! A situation drawn by lot: what the release does wrong, the policy, what happens to which call, who else comes.
//! All of it follows from the seed.

use super::chance::Chance;
use super::explore::Bench;
use super::fault::{Beside, Fault, Kind, Schedule};
use super::operator::{Report, Second, Verb};
use super::scene::Flaw;
use crate::adapters::sim::FaultKind;
use crate::domain::fleet::OnFailure;

/// What was drawn.
#[derive(Clone, Debug)]
pub(super) struct Lot {
    flaws: Vec<Flaw>,
    on_failure: OnFailure,
    failure_budget: usize,
    pub(super) schedule: Schedule,
    second: Option<Second>,
}

const FLAWS: [FaultKind; 6] = [
    FaultKind::CrashAtStart,
    FaultKind::Answers500,
    FaultKind::CrashWithoutBreaker,
    FaultKind::GivenUp,
    FaultKind::CrashLater,
    FaultKind::NoCapacity,
];
const POLICIES: [OnFailure; 4] =
    [OnFailure::Stop, OnFailure::RollbackTenant, OnFailure::RollbackWave, OnFailure::RollbackAll];
const VERBS: [Verb; 4] = [Verb::Promote, Verb::PromoteNewer, Verb::Continue, Verb::Rollback];

impl Lot {
    /// Draws for a fleet in which a run makes about so many calls.
    pub(super) fn draw(seed: u64, tenants: usize, services: usize, calls: usize) -> Self {
        let mut chance = Chance::new(seed);
        let mut flaws = Vec::new();
        if chance.happens(45) {
            for _ in 0..=usize::from(chance.happens(25)) {
                let tenant = chance.happens(70).then(|| chance.below(tenants));
                flaws.push((tenant, chance.below(services), chance.pick(&FLAWS)));
            }
        }
        let (on_failure, failure_budget) = (chance.pick(&POLICIES), chance.below(3));
        let mut schedule: Schedule = Vec::new();
        for _ in 0..3 + chance.below(4) {
            schedule.push((u32::try_from(chance.below(calls)).unwrap(), Fault::Any(chance.next())));
        }
        if chance.happens(30) {
            let number = u32::try_from(chance.below(calls)).unwrap();
            schedule.push((number, Fault::Exactly(Kind::Beside(beside(&mut chance, tenants * services)))));
        }
        schedule.sort_by_key(|(call, _)| *call);
        schedule.dedup_by_key(|(call, _)| *call);
        let from = u32::try_from(chance.below(calls)).unwrap();
        let second = Second { from, verb: chance.pick(&VERBS), turns: chance.next() };
        let second = chance.happens(35).then_some(second);
        Self { flaws, on_failure, failure_budget, schedule, second }
    }

    /// Tries it out.
    pub(super) fn run(&self, bench: &mut Bench) -> Report {
        bench.scene.with_flaws(&self.flaws);
        bench.scene.with_policy(self.on_failure, self.failure_budget);
        let mut report = bench.run(&self.schedule, self.second);
        if report.wrong.is_none() && self.nothing_forbids_success(&report) && !report.is_done() {
            report.complain(5, format!("nothing was in the way, and it ended with {:?}", report.finish));
        }
        report
    }

    /// Whether everything that happened must be borne.
    fn nothing_forbids_success(&self, report: &Report) -> bool {
        let borne =
            [Kind::CrashBefore, Kind::CrashAfter, Kind::Lost, Kind::Twice, Kind::Stop, Kind::Garbled, Kind::Stale];
        let stale = report.happened.iter().filter(|kind| **kind == Kind::Stale).count();
        stale < 2
            && self.flaws.is_empty()
            && self.second.is_none()
            && report.happened.iter().all(|kind| borne.contains(kind))
    }
}

fn beside(chance: &mut Chance, services: usize) -> Beside {
    let service = chance.below(services);
    let all = [
        Beside::Foreign(service),
        Beside::Foreign(service),
        Beside::Redeploy(service),
        Beside::Zero(service),
        Beside::Delete(service),
        Beside::Hold,
        Beside::Pin(service),
    ];
    chance.pick(&all)
}
