//! How long a rollout will take, as a range: the watches that the plan has, and between them what waves of this fleet have
//! taken to come up so far.

use jiff::SignedDuration;

use super::ledger::RolloutRecord;
use super::plan::Plan;
use super::rollout::Event;

/// Waves that say something of the next one: older ones were of another system.
const WAVES: usize = 50;

/// The shortest and the longest time that is to be expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Eta {
    /// If every wave comes up as fast as the fastest did.
    pub least: SignedDuration,
    /// If every wave takes as long as the slowest that came up.
    pub most: SignedDuration,
}

/// The range for a plan, from the fleet's rollouts, newest first. None where no wave has come up yet, so that nothing is
/// known but the watches.
pub fn eta(plan: &Plan, rollouts: &[RolloutRecord]) -> Option<Eta> {
    let times: Vec<SignedDuration> = rollouts.iter().flat_map(coming_up).take(WAVES).collect();
    let (least, most) = (times.iter().min()?, times.iter().max()?);
    let watches: SignedDuration = plan.waves.iter().map(|wave| wave.bake).sum();
    let waves = i32::try_from(plan.waves.len()).ok()?;
    let with = |time: &SignedDuration| watches.checked_add(time.checked_mul(waves)?);
    Some(Eta { least: with(least)?, most: with(most)? })
}

/// How long each wave of a rollout took from its beginning until it was up.
fn coming_up(record: &RolloutRecord) -> Vec<SignedDuration> {
    let up = record.entries.iter().filter_map(|entry| match entry.event {
        Event::Baking { wave, .. } => Some((wave, entry.at)),
        _ => None,
    });
    up.filter_map(|(wave, at)| Some(at.duration_since(record.wave_began(wave)?))).collect()
}
