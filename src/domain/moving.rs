//! How a tenant moves to another cell of its fleet: from what is seen and recorded to the one step that comes next. Pure,
//! so that whoever was cut off anywhere, or forgets everything, comes to the same next step; and what is unknown is never
//! done.
//!
//! The order is what keeps it in one place. Its requests are stopped first; then its tasks, so that nothing is written any
//! more; then everything it has is copied and compared; then it is brought up where nobody reaches it, and has to pass the
//! gate. Only then one decision makes the new place its home. Until the old place is given up the same leads back, but
//! what was written at the new place does not come along.

mod copying;
mod progress;
mod refusals;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use jiff::civil::Date;

use super::directive::{Ended, Move, Way};
use super::fleet::SecondPlace;
use super::ids::{CellName, SetId};
use super::infra_guard::Approval;
use super::mutant::{Mutant, breaks};
use super::offboard::{Known, approved, retirement};
use super::reason::Reason;

pub use copying::{copies, exactly, landing};
pub use progress::{Progress, steps};
pub use refusals::may_begin;

/// A place of the tenant, as it is seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// Whether no task runs there and nothing can start one.
    pub sleeps: Known,
    /// Whether every service has the tasks that it should have, and at least one.
    pub serves: Known,
    /// Whether no 503 lies over its routes there.
    pub open: Known,
}

/// What fleet.yaml says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// Its cell.
    pub cell: &'a CellName,
    /// Its second place.
    pub second: Option<&'a SecondPlace>,
}

/// Everything that the next step follows from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing<'a> {
    /// Who.
    pub set: &'a SetId,
    /// What fleet.yaml says.
    pub line: Line<'a>,
    /// Its last move, as recorded.
    pub record: Option<&'a Move>,
    /// Whether a pause says how it ran, to be woken from that.
    pub paused: bool,
    /// Whether Terraform has made its new place.
    pub made: Known,
    /// The place where it was.
    pub old: Site,
    /// The place where it goes.
    pub new: Site,
    /// Whether all routers do with its requests what the records say.
    pub routed: Known,
    /// The day (UTC).
    pub today: Date,
}

/// What is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal<'a> {
    /// To be in this cell.
    Move(&'a CellName),
    /// To be where it was, and to lose what it has written elsewhere since then.
    Back(Option<Timestamp>),
    /// To give up the old place, if this approves it.
    Retire(Option<&'a Approval>),
}

/// What comes next.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Its line in fleet.yaml is to name these two places.
    Line {
        /// Where it runs.
        cell: CellName,
        /// The other one.
        other: CellName,
        /// Whether Terraform is to keep the other one.
        keep: bool,
    },
    /// That it moves is to be recorded, with the names of what it has.
    Decide,
    /// That its requests are stopped is to be recorded.
    Halt,
    /// Routers are to do with its requests what the records say, all of them.
    Route(Way),
    /// Its tasks at the old place are to go.
    Sleep,
    /// Its tasks at the new place are to go, and a 503 to lie over its routes there.
    Lower,
    /// What it has is to be copied to the new place, and compared.
    Copy,
    /// It is to be brought up at the new place, where nobody reaches it, and to pass the gate.
    Raise,
    /// The 503 at the new place is to go.
    Open,
    /// The new place is to be its home.
    Switch,
    /// It is to pass the gate at its own host.
    Verify,
    /// That it goes back is to be recorded.
    Return,
    /// It is to be woken at the old place, and to pass the gate.
    Wake,
    /// The old place is to be its home again.
    Settle,
    /// The old place is to be given up.
    Retire,
    /// Nothing any more.
    Nothing,
}

/// What comes next.
///
/// # Errors
/// Why nothing can: something is unknown, missing, in the way or not approved. Nothing may be changed then.
pub fn next(at: &Standing<'_>, goal: &Goal<'_>) -> Result<Step, Vec<Reason>> {
    match (goal, at.record) {
        (Goal::Move(to), Some(of)) if of.is_open() => {
            if of.returning {
                return Err(at.not("it is on its way back; `--back` goes on with that"));
            }
            if of.to.cell != **to {
                return Err(at.not(&format!("it is being moved to {} already", of.to.cell)));
            }
            forward(at, of)
        }
        (Goal::Move(to), Some(of)) if of.ended == Some(Ended::Retired) && of.to.cell == **to => done(at, of),
        (Goal::Move(to), _) => begin(at, to),
        (Goal::Back(lose), Some(of)) => back(at, of, *lose),
        (Goal::Retire(approval), Some(of)) => retire(at, of, *approval),
        (Goal::Back(_) | Goal::Retire(_), None) => Err(at.not("nobody has moved it")),
    }
}

impl Standing<'_> {
    fn not(&self, why: &str) -> Vec<Reason> {
        vec![Reason::NotMovable { set: self.set.clone(), why: why.to_owned() }]
    }

    /// Whether it is so; what is not known stops everything.
    fn is(&self, what: &str, known: &Known) -> Result<bool, Vec<Reason>> {
        match known {
            Known::Yes => Ok(true),
            Known::No => Ok(false),
            Known::Unknown(why) => Err(self.not(&format!("whether {what} is not known: {why}"))),
        }
    }

    /// It must be so; if it is not, a person has to see to it.
    fn must(&self, what: &str, known: &Known, otherwise: &str) -> Result<(), Vec<Reason>> {
        if self.is(what, known)? { Ok(()) } else { Err(self.not(otherwise)) }
    }

    fn must_be_made(&self) -> Result<(), Vec<Reason>> {
        let otherwise = "its new place is not there: export its line and apply Terraform's plan in that cell first";
        self.must("its new place is there", &self.made, otherwise)
    }

    /// The line that names these places, unless it does already.
    fn says(&self, cell: &CellName, second: &SecondPlace) -> Option<Step> {
        let said = self.line.cell == cell && self.line.second == Some(second);
        let keep = matches!(second, SecondPlace::Also(_));
        (!said).then(|| Step::Line { cell: cell.clone(), other: second.cell().clone(), keep })
    }

    /// Routers first, wherever they are behind the records.
    fn behind(&self, way: Way) -> Result<Option<Step>, Vec<Reason>> {
        Ok((!self.is("routers do what they should", &self.routed)?).then_some(Step::Route(way)))
    }
}

fn begin(at: &Standing<'_>, to: &CellName) -> Result<Step, Vec<Reason>> {
    if at.line.cell == to {
        return Err(at.not(&format!("it is in {to}")));
    }
    if let Some(SecondPlace::Leaves(cell)) = at.line.second {
        return Err(at.not(&format!("it still leaves {cell}: take `leaves` out of its line when that is done")));
    }
    if let Some(line) = at.says(at.line.cell, &SecondPlace::Also(to.clone())) {
        return Ok(line);
    }
    at.must_be_made()?;
    let running = "it has tasks at its new place already: somebody has started them";
    at.must("its new place has no tasks", &at.new.sleeps, running)?;
    at.must("its old place serves", &at.old.serves, "not every service of it has its tasks")?;
    Ok(Step::Decide)
}

fn forward(at: &Standing<'_>, of: &Move) -> Result<Step, Vec<Reason>> {
    if of.switched.is_some() {
        return arrive(at, of);
    }
    at.must_be_made()?;
    if !of.halted {
        return Ok(Step::Halt);
    }
    if let Some(step) = at.behind(Way::Closed)? {
        return Ok(step);
    }
    if !breaks(Mutant::CopiedAwake) && !at.is("its old place has no tasks", &at.old.sleeps)? {
        return Ok(Step::Sleep);
    }
    if of.copied.is_none() {
        let asleep = at.is("its new place has no tasks", &at.new.sleeps)?;
        return Ok(if asleep { Step::Copy } else { Step::Lower });
    }
    if !breaks(Mutant::SwitchedUnraised) {
        if !of.raised || !at.is("its new place serves", &at.new.serves)? {
            return Ok(Step::Raise);
        }
        if !at.is("its new place is open", &at.new.open)? {
            return Ok(Step::Open);
        }
    }
    Ok(Step::Switch)
}

/// From the switch on.
fn arrive(at: &Standing<'_>, of: &Move) -> Result<Step, Vec<Reason>> {
    let woken = "its old place has tasks: somebody has woken it; put it to sleep, since its data are not the newest";
    at.must("its old place has no tasks", &at.old.sleeps, woken)?;
    if let Some(step) = at.behind(Way::New)? {
        return Ok(step);
    }
    if !of.arrived {
        return Ok(Step::Verify);
    }
    let line = at.says(&of.to.cell, &SecondPlace::Also(of.from.cell.clone()));
    Ok(line.unwrap_or(Step::Nothing))
}

fn back(at: &Standing<'_>, of: &Move, lose: Option<Timestamp>) -> Result<Step, Vec<Reason>> {
    match of.ended {
        Some(Ended::Retired) => {
            return Err(at.not(&format!("its place in {} is given up: only a move leads there again", of.from.cell)));
        }
        Some(Ended::Returned) => return done(at, of),
        None => {}
    }
    if !of.returning {
        return match of.switched {
            Some(since) if lose != Some(since) => {
                Err(vec![Reason::WritesWouldBeLost { set: at.set.clone(), cell: of.to.cell.clone(), since }])
            }
            // What was put to sleep there is not known to be.
            Some(_) if at.paused => Err(at.not("it is paused at its new place: resume it first")),
            Some(_) | None => Ok(Step::Return),
        };
    }
    if of.halted {
        if let Some(step) = at.behind(Way::Closed)? {
            return Ok(step);
        }
        if !at.is("its new place has no tasks", &at.new.sleeps)? {
            return Ok(Step::Lower);
        }
        if at.paused {
            return Ok(Step::Wake);
        }
    }
    let asleep = "its old place does not serve, and no pause says how it ran";
    at.must("its old place serves", &at.old.serves, asleep)?;
    Ok(Step::Settle)
}

fn retire(at: &Standing<'_>, of: &Move, approval: Option<&Approval>) -> Result<Step, Vec<Reason>> {
    if of.ended == Some(Ended::Retired) {
        return done(at, of);
    }
    if of.ended.is_some() || !of.is_at_new() || !of.arrived {
        return Err(at.not("its new place is not proven: its old one is given up after that"));
    }
    match arrive(at, of)? {
        Step::Nothing => {}
        step => return Ok(step),
    }
    at.must("its new place serves", &at.new.serves, "its new place does not serve")?;
    let Some(kept) = &of.copied else { return Err(at.not("nothing says what was copied")) };
    match approved(approval, &retirement(&of.from, &kept.list), at.today) {
        reasons if reasons.is_empty() => Ok(Step::Retire),
        reasons => Err(reasons),
    }
}

/// After its end: what follows the records is brought there.
fn done(at: &Standing<'_>, of: &Move) -> Result<Step, Vec<Reason>> {
    if let Some(step) = at.behind(of.way())? {
        return Ok(step);
    }
    let line = match of.ended {
        Some(Ended::Retired) if at.line.cell == &of.to.cell && at.line.second.is_none() => None,
        Some(Ended::Retired) => at.says(&of.to.cell, &SecondPlace::Leaves(of.from.cell.clone())),
        Some(Ended::Returned) if at.line.cell == &of.from.cell => None,
        Some(Ended::Returned) | None => at.says(&of.from.cell, &SecondPlace::Also(of.to.cell.clone())),
    };
    Ok(line.unwrap_or(Step::Nothing))
}
