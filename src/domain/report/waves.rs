//! The waves of a recorded rollout: when each began, was up and was over, and how it stands.

use super::{Held, Quarantine, RolloutReport, WaveReport, WaveStanding};
use crate::domain::approved::words;
use crate::domain::gate::GatePolicy;
use crate::domain::history::{Kind, RolloutResult, Told, ended, result};
use crate::domain::ledger::{RolloutRecord, Standing};
use crate::domain::plan::{Direction, Plan};
use crate::domain::rollout::Event;

/// A rollout, with what its plan adds where that was read.
pub(super) fn rollout(record: &RolloutRecord, plan: Option<&Plan>) -> RolloutReport {
    let intent = &record.intent;
    let reason = match record.standing() {
        Standing::Open(reason) => reason,
        Standing::Halted(reason) => Some(reason),
        Standing::Succeeded(_) => None,
    };
    RolloutReport {
        id: record.id.0,
        kind: match intent.direction {
            Direction::Deploy => Kind::Release,
            Direction::Wake => Kind::Waking,
            Direction::RollbackOf(_) | Direction::RollbackTo(_) => Kind::Rollback,
        },
        version: intent.version.clone(),
        commit: intent.commit.clone(),
        replaces: plan.and_then(|plan| plan.replaces.clone()),
        plan: intent.plan.clone(),
        by: intent.by.clone(),
        run: intent.run,
        approved: words(intent.approved.as_ref()),
        opened_at: record.opened_at,
        ended_at: ended(record),
        result: result(record),
        reason: reason.map(Told::from),
        waves: waves(record, plan),
        gates: plan.map(|plan| gates(&plan.gate)).unwrap_or_default(),
    }
}

fn waves(record: &RolloutRecord, plan: Option<&Plan>) -> Vec<WaveReport> {
    let mut waves: Vec<WaveReport> = record.intent.waves.iter().map(|(name, size)| waiting(name, *size)).collect();
    for (wave, planned) in waves.iter_mut().zip(plan.iter().flat_map(|plan| &plan.waves)) {
        let sets: Vec<_> = planned.sets().into_iter().cloned().collect();
        (wave.size, wave.services, wave.bake) = (sets.len(), Some(planned.changes.len()), Some(planned.bake.as_secs()));
        wave.sets = Some(sets);
    }
    for entry in &record.entries {
        let at = Some(entry.at);
        match &entry.event {
            Event::WaveStarted { wave } => {
                if let Some(before) = wave.checked_sub(1).and_then(|before| waves.get_mut(before)) {
                    (before.ended, before.standing) = (at, WaveStanding::Passed);
                }
                with(&mut waves, *wave, |wave| (wave.began, wave.standing) = (at, WaveStanding::Deploying));
            }
            Event::TestsDone { .. } => {}
            Event::TasksDone { wave } => with(&mut waves, *wave, |wave| wave.tasks_done = at),
            Event::Baking { wave, since } => {
                with(&mut waves, *wave, |wave| (wave.up, wave.standing) = (Some(*since), WaveStanding::Baking));
            }
            Event::Quarantined { wave, set, reason } => with(&mut waves, *wave, |wave| {
                wave.quarantined.push(Quarantine { set: set.clone(), at: entry.at, reason: Told::from(reason) });
            }),
            Event::Held { wave, reason } => with(&mut waves, *wave, |wave| {
                wave.held.push(Held { at: entry.at, reason: Told::from(reason) });
            }),
            Event::Halted { wave, .. } => {
                with(&mut waves, *wave, |wave| (wave.ended, wave.standing) = (at, WaveStanding::Stopped));
            }
            Event::Succeeded => {
                if let Some(last) = waves.last_mut() {
                    (last.ended, last.standing) = (at, WaveStanding::Passed);
                }
            }
        }
    }
    // What went on after it was held is held no more.
    if result(record) == RolloutResult::Held
        && let Some(Event::Held { wave, .. }) = record.entries.last().map(|entry| &entry.event)
    {
        with(&mut waves, *wave, |wave| wave.standing = WaveStanding::Held);
    }
    waves
}

fn with(waves: &mut [WaveReport], wave: usize, change: impl FnOnce(&mut WaveReport)) {
    if let Some(wave) = waves.get_mut(wave) {
        change(wave);
    }
}

fn waiting(name: &str, size: usize) -> WaveReport {
    WaveReport {
        name: name.to_owned(),
        size,
        sets: None,
        services: None,
        standing: WaveStanding::Waiting,
        began: None,
        tasks_done: None,
        up: None,
        ended: None,
        bake: None,
        held: Vec::new(),
        quarantined: Vec::new(),
        accepted_by: None,
        found: Vec::new(),
    }
}

/// What a gate asks for, a line each.
fn gates(gate: &GatePolicy) -> Vec<String> {
    let observed = |observe: bool| if observe { " (only observed)" } else { "" };
    let percent = |ppm: u32| f64::from(ppm) / 10_000.0;
    let mut lines = vec![format!(
        "ECS is done within {} min, no more than {} tasks stop",
        gate.deadline.as_mins(),
        gate.stopped_tasks_max
    )];
    lines.extend(gate.targets_healthy.then(|| "every load-balancer target is healthy".to_owned()));
    lines.extend(gate.probe.as_ref().map(|probe| format!("probes of {} answer", probe.url)));
    lines.extend(gate.alarms.as_ref().map(|a| format!("no alarm {}* rings{}", a.prefix, observed(a.observe))));
    lines.extend(gate.errors.as_ref().map(|errors| {
        let (good, bad) = (percent(errors.good), percent(errors.bad));
        format!("errors are shown to be nearer {good} % than {bad} %{}", observed(errors.observe))
    }));
    lines.extend(gate.latency.as_ref().map(|l| {
        format!("p99 above {} ms in fewer than {} of {} min{}", l.p99_max, l.breaches, l.of, observed(l.observe))
    }));
    lines.extend(gate.saturation.as_ref().map(|s| {
        let ceiling = |what, max: Option<u32>| max.map(|max| format!("{what} above {max} %"));
        let all: Vec<String> = ceiling("CPU", s.cpu_max).into_iter().chain(ceiling("memory", s.memory_max)).collect();
        format!("{} in fewer than {} of {} min{}", all.join(" and "), s.breaches, s.of, observed(s.observe))
    }));
    lines.extend(gate.relative.as_ref().map(|r| {
        format!("no slower than {} tenants or more that were not updated{}", r.controls_min, observed(r.observe))
    }));
    lines.extend(
        gate.command.as_ref().map(|c| {
            format!("{} says yes{}", c.run.first().map_or("the command", String::as_str), observed(c.observe))
        }),
    );
    lines
}
