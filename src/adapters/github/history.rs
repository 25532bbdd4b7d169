//! The statuses of a deployment, read as what happened. Numbers decide the order: times at GitHub count whole
//! seconds, and two events of one second would change places.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

use super::status_line::{Line, Said, StopKind, read};
use crate::domain::rollout::Event;

/// A deployment status, from REST or from GraphQL.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Status {
    /// In upper case from GraphQL. A text, because GitHub answers states that its description does not list.
    pub(super) state: String,
    pub(super) description: Option<String>,
    #[serde(alias = "createdAt")]
    pub(super) created_at: Timestamp,
}

/// An event as the statuses have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Noted {
    pub(super) seq: u32,
    pub(super) at: Timestamp,
    pub(super) said: Said,
    /// Whether a file has the whole of it.
    pub(super) has_file: bool,
}

impl Noted {
    /// The beginning of a wave, which has a file and no line.
    pub(super) fn beginning(seq: u32, wave: usize, at: Timestamp) -> Self {
        Self { seq, at, said: Said::Whole(Event::WaveStarted { wave }), has_file: true }
    }
}

impl Status {
    /// The line, where it may be one of ours. `inactive` only says that something newer is there. Of every other
    /// state the line tells what happened: GitHub answers states that nobody gave, such as `waiting`.
    pub(super) fn line(&self) -> Option<&str> {
        self.description.as_deref().filter(|_| !self.state.eq_ignore_ascii_case("inactive"))
    }

    /// The line, if it is one of ours that can be read.
    pub(super) fn read(&self) -> Option<Line> {
        self.line().and_then(read).and_then(Result::ok)
    }
}

/// Whether anything of ours is recorded there.
pub(super) fn has_lines(statuses: &[Status]) -> bool {
    statuses.iter().any(|status| status.read().is_some())
}

/// Whether the rollout is over by its lines. What state GitHub or somebody else puts on the deployment does not count.
pub(super) fn is_over(statuses: &[Status]) -> bool {
    let ends = |said: Said| match said {
        Said::Whole(event) => event == Event::Succeeded,
        Said::Short(stop) => stop.kind == StopKind::Halted,
    };
    statuses.iter().filter_map(Status::read).any(|line| ends(line.said))
}

/// What happened, in order. A line that came twice counts once.
///
/// # Errors
/// A line cannot be read, two of one number differ, or a number is missing: then what happened is not known.
pub(super) fn history(statuses: &[Status]) -> Result<Vec<Noted>, String> {
    let mut noted: BTreeMap<u32, (&str, Noted)> = BTreeMap::new();
    // The same event may have come twice with different commits: the second time its file was there already.
    for status in statuses {
        let Some(text) = status.line() else { continue };
        let Some(line) = read(text) else { continue };
        let line = line?;
        let before = line.began.zip(line.said.wave()).zip(line.seq.checked_sub(1));
        let before = before.map(|((began, wave), seq)| Noted::beginning(seq, wave, began));
        let own = Noted { seq: line.seq, at: status.created_at, said: line.said, has_file: line.state.is_some() };
        for new in before.into_iter().chain([own]) {
            match noted.get_mut(&new.seq) {
                Some((known_text, known)) if known.said != new.said => {
                    return Err(format!("number {} is recorded twice: `{known_text}` and `{text}`", new.seq));
                }
                Some((_, known)) => {
                    (known.at, known.has_file) = (known.at.min(new.at), known.has_file || new.has_file);
                }
                None => drop(noted.insert(new.seq, (text, new))),
            }
        }
    }
    let numbers = noted.keys().copied();
    if let Some((missing, _)) = (1..).zip(numbers).find(|(wanted, seq)| wanted != seq) {
        return Err(format!("number {missing} is missing"));
    }
    Ok(noted.into_values().map(|(_, noted)| noted).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(state: &str, description: &str, second: i64) -> Status {
        let created_at = Timestamp::from_second(second).unwrap();
        Status { state: state.to_owned(), description: Some(description.to_owned()), created_at }
    }

    fn numbers(statuses: &[Status]) -> Result<Vec<(u32, i64)>, String> {
        let noted = history(statuses)?;
        Ok(noted.iter().map(|noted| (noted.seq, noted.at.as_second())).collect())
    }

    #[test]
    fn numbers_order_and_repeats_count_once() {
        let statuses = [
            status("SUCCESS", "#2 succeeded", 5),
            status("IN_PROGRESS", "#1 started wave 1/1 all", 5),
            status("WAITING", "#1 started wave 1/1 all state=3f2a91c0d4e5", 4),
            status("INACTIVE", "#3 succeeded", 9),
            status("WAITING", "Waiting for approval", 1),
            status("SUCCESS", "Deployed by hand", 1),
        ];
        assert_eq!(numbers(&statuses), Ok(vec![(1, 4), (2, 5)]));
    }

    #[test]
    fn a_beginning_without_a_line_is_told_by_the_next() {
        let baking = "#2 baking wave 1/2 all since 1970-01-01T00:00:03Z";
        let next = "#4 baking wave 2/2 rest began=1970-01-01T00:00:05Z since 1970-01-01T00:00:07Z";
        let mut statuses = vec![
            status("in_progress", next, 8),
            status("in_progress", "#1 started wave 1/2 all", 1),
            status("in_progress", baking, 3),
        ];
        assert_eq!(numbers(&statuses), Ok(vec![(1, 1), (2, 3), (3, 5), (4, 8)]));
        assert_eq!(history(&statuses).unwrap()[2], Noted::beginning(3, 1, Timestamp::from_second(5).unwrap()));
        statuses.push(status("in_progress", "#3 tests-done wave 1/2 all", 4));
        assert!(numbers(&statuses).unwrap_err().contains("number 3 is recorded twice"));
    }

    #[test]
    fn what_cannot_be_read_is_not_left_out() {
        let started = status("in_progress", "#1 started wave 1/2 all", 1);
        let gap = [started.clone(), status("in_progress", "#3 started wave 2/2 all", 2)];
        assert_eq!(numbers(&gap), Err("number 2 is missing".to_owned()));
        let two = [started.clone(), status("in_progress", "#1 started wave 2/2 all", 2)];
        assert!(numbers(&two).unwrap_err().contains("recorded twice"));
        let broken = [started, status("in_progress", "#2 exploded", 2)];
        assert!(numbers(&broken).unwrap_err().contains("exploded"));
    }
}
