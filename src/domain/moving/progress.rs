//! How far a move is, for whoever looks: all its steps in their order, and where it stands among them.

use super::{Goal, Step};
use crate::domain::directive::Way;
use crate::domain::ids::CellName;

/// How far a step of the whole is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It is behind it.
    Done,
    /// It is the next one.
    Next,
    /// It comes after that.
    Later,
}

/// All steps of a goal in their order, and how far each is when this one is next; none if nothing is, as it stands.
pub fn steps(goal: &Goal<'_>, from: &CellName, to: &CellName, next: Option<&Step>) -> Vec<(Step, Progress)> {
    let line = |cell: &CellName, other: &CellName, keep| Step::Line { cell: cell.clone(), other: other.clone(), keep };
    let all = match goal {
        Goal::Move(_) => vec![
            line(from, to, true),
            Step::Decide,
            Step::Halt,
            Step::Route(Way::Closed),
            Step::Sleep,
            Step::Copy,
            Step::Raise,
            Step::Open,
            Step::Switch,
            Step::Route(Way::New),
            Step::Verify,
            line(to, from, true),
        ],
        Goal::Back(_) => vec![
            Step::Return,
            Step::Route(Way::Closed),
            Step::Lower,
            Step::Wake,
            Step::Settle,
            Step::Route(Way::Old),
            line(from, to, true),
        ],
        Goal::Retire(_) => vec![Step::Retire, line(to, from, false)],
    };
    let place = match next {
        None => return all.into_iter().map(|step| (step, Progress::Later)).collect(),
        Some(Step::Nothing) => all.len(),
        // What somebody has started there is put to sleep on the way.
        Some(Step::Lower) if matches!(goal, Goal::Move(_)) => place_of(&all, &Step::Copy),
        Some(next) => place_of(&all, next),
    };
    let progress = |index: usize| match index.cmp(&place) {
        std::cmp::Ordering::Less => Progress::Done,
        std::cmp::Ordering::Equal => Progress::Next,
        std::cmp::Ordering::Greater => Progress::Later,
    };
    all.into_iter().enumerate().map(|(index, step)| (step, progress(index))).collect()
}

fn place_of(all: &[Step], step: &Step) -> usize {
    all.iter().position(|one| one == step).unwrap_or_default()
}
