//! One event in one line of at most 140 characters, which is what GitHub keeps of a deployment status. People
//! read it on the deployment's page; tidegate reads the number, the event and the wave back from it.
//!
//! ```text
//! #1 started wave 1/5 canary
//! #2 baking wave 1/5 canary since 2026-11-23T08:10:05Z
//! #4 baking wave 2/5 ring1 began=2026-11-23T08:25:05Z since 2026-11-23T08:31:40Z
//! #5 halted wave 2/5 ring1 probe_failed: globex/iam-service: 3 probes in a … state=0b5e77aa1234
//! ```
//!
//! A wave after the first begins without a line of its own (here event 3), so the line after that tells when.
//!
//! A reason has parts that do not fit. The line then has its code and the beginning of its sentence, and the file
//! on the state branch, in the commit that `state=` names, has the whole.

use jiff::Timestamp;

use crate::domain::ids::SetId;
use crate::domain::reason::Reason;
use crate::domain::rollout::Event;

/// What GitHub keeps.
const LONGEST: usize = 140;

/// A wave's name gets no more of it than this.
const LONGEST_NAME: usize = 20;

/// Stands before the time at which a wave began. Only words of ours come before it, so nobody else can say it.
const BEGAN: &str = "began=";

/// Digits of the state branch's commit.
const STATE_DIGITS: usize = 12;

/// A line, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// The event's number, from 1.
    pub(super) seq: u32,
    /// What the line says.
    pub(super) said: Said,
    /// When the wave began, if that is the event before and has no line.
    pub(super) began: Option<Timestamp>,
    /// The commit whose file has the whole.
    pub(super) state: Option<String>,
}

/// What a line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// An event, whole.
    Whole(Event),
    /// An event whose reason is only named.
    Short(Stop),
}

/// An event with a reason, as far as a line has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stop {
    /// What kind of event it is.
    pub(super) kind: StopKind,
    /// Index of the wave.
    pub(super) wave: usize,
    /// The reason's code.
    pub(super) code: String,
    /// The beginning of its sentence; it ends in `…` if there was more.
    pub(super) words: String,
}

/// The kinds of event that have a reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum StopKind {
    /// Not going on by itself.
    Held,
    /// For good.
    Halted,
    /// One tenant left behind.
    Quarantined(SetId),
}

impl Said {
    /// Whether the line says this event, as far as it can tell.
    pub(super) fn is(&self, event: &Event) -> bool {
        match self {
            Self::Whole(whole) => whole == event,
            Self::Short(stop) => stop.fits(event),
        }
    }

    /// The index of the wave that it is about, if it is about one.
    pub(super) fn wave(&self) -> Option<usize> {
        match self {
            Self::Whole(
                Event::WaveStarted { wave }
                | Event::TasksDone { wave }
                | Event::Baking { wave, .. }
                | Event::TestsDone { wave }
                | Event::Held { wave, .. }
                | Event::Halted { wave, .. }
                | Event::Quarantined { wave, .. },
            ) => Some(*wave),
            Self::Short(stop) => Some(stop.wave),
            Self::Whole(Event::Succeeded) => None,
        }
    }
}

impl Stop {
    /// Whether the event is this one, as far as the line can tell.
    pub(super) fn fits(&self, event: &Event) -> bool {
        let (kind, wave, reason) = match event {
            Event::Halted { wave, reason } => (StopKind::Halted, wave, reason),
            Event::Held { wave, reason } => (StopKind::Held, wave, reason),
            Event::Quarantined { wave, set, reason } => (StopKind::Quarantined(set.clone()), wave, reason),
            Event::WaveStarted { .. }
            | Event::TasksDone { .. }
            | Event::Baking { .. }
            | Event::TestsDone { .. }
            | Event::Succeeded => return false,
        };
        self.kind == kind && self.wave == *wave && self.code == reason.code()
    }

    /// The event, with this for its reason.
    pub(super) fn with_reason(self, reason: Reason) -> Event {
        let wave = self.wave;
        match self.kind {
            StopKind::Held => Event::Held { wave, reason },
            StopKind::Halted => Event::Halted { wave, reason },
            StopKind::Quarantined(set) => Event::Quarantined { wave, set, reason },
        }
    }
}

/// The line of an event. `waves` are the names of all waves, `began` tells when the wave began if the event before is
/// that and has no line, `state` the commit that has the event's file, if it has one.
pub(super) fn written(
    seq: u32,
    event: &Event,
    waves: &[(String, usize)],
    began: Option<Timestamp>,
    state: Option<&str>,
) -> String {
    let began = began.map(|began| format!(" {BEGAN}{began}")).unwrap_or_default();
    let place = |wave: &usize| place(*wave, waves) + &began;
    let (beginning, reason) = match event {
        Event::WaveStarted { wave } => (format!("started {}", place(wave)), None),
        Event::TasksDone { wave } => (format!("tasks-done {}", place(wave)), None),
        Event::TestsDone { wave } => (format!("tests-done {}", place(wave)), None),
        Event::Baking { wave, since } => (format!("baking {} since {since}", place(wave)), None),
        Event::Held { wave, reason } => (format!("held {}", place(wave)), Some(reason)),
        Event::Halted { wave, reason } => (format!("halted {}", place(wave)), Some(reason)),
        Event::Quarantined { wave, set, reason } => (format!("left {set} in {}", place(wave)), Some(reason)),
        Event::Succeeded => ("succeeded".to_owned(), None),
    };
    let mut line = format!("#{seq} {beginning}");
    let end = state.map(|state| format!(" state={}", state.chars().take(STATE_DIGITS).collect::<String>()));
    let end = end.unwrap_or_default();
    if let Some(reason) = reason {
        line = format!("{line} {}: ", reason.code());
        let room = LONGEST.saturating_sub(line.chars().count() + end.chars().count());
        line.push_str(&clipped(&on_one_line(&reason.to_string()), room));
    }
    line + &end
}

/// `wave 2/5 name`: the name is one word, so that what follows can be found again.
fn place(wave: usize, waves: &[(String, usize)]) -> String {
    let name = waves.get(wave).map_or("", |(name, _)| name);
    let word = on_one_line(name).replace(' ', "-");
    let word = if word.is_empty() { "-".to_owned() } else { clipped(&word, LONGEST_NAME) };
    format!("wave {}/{} {word}", wave + 1, waves.len())
}

fn on_one_line(text: &str) -> String {
    let spaced: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn clipped(text: &str, room: usize) -> String {
    if text.chars().count() <= room {
        return text.to_owned();
    }
    let kept: String = text.chars().take(room.saturating_sub(1)).collect();
    kept + "…"
}

/// Reads a line back. None if it is no line of ours, an error if it is one that makes no sense.
pub(super) fn read(text: &str) -> Option<Result<Line, String>> {
    let (number, rest) = text.strip_prefix('#')?.split_once(' ')?;
    let seq = number.parse().ok()?;
    let (rest, state) = split_state(rest);
    let said = said(rest).ok_or_else(|| format!("`{text}` says nothing that is known"));
    Some(said.map(|(said, began)| Line { seq, said, began, state }))
}

fn split_state(text: &str) -> (&str, Option<String>) {
    let is_state = |digits: &str| digits.len() == STATE_DIGITS && digits.chars().all(|c| c.is_ascii_hexdigit());
    match text.rsplit_once(" state=") {
        Some((rest, digits)) if is_state(digits) => (rest, Some(digits.to_owned())),
        _ => (text, None),
    }
}

/// What a line says, and when its wave began if it tells that.
fn said(text: &str) -> Option<(Said, Option<Timestamp>)> {
    if text == "succeeded" {
        return Some((Said::Whole(Event::Succeeded), None));
    }
    let (verb, rest) = text.split_once(' ')?;
    let (left, rest) = match verb {
        "left" => rest.split_once(" in ").map(|(set, rest)| (set.parse().ok(), rest))?,
        _ => (None, rest),
    };
    let (wave, rest) = read_place(rest)?;
    let (began, rest) = match rest.strip_prefix(BEGAN) {
        Some(told) => {
            let (began, rest) = told.split_once(' ').unwrap_or((told, ""));
            (Some(began.parse().ok()?), rest)
        }
        None => (None, rest),
    };
    let said = match verb {
        "started" => Said::Whole(Event::WaveStarted { wave }),
        "tasks-done" => Said::Whole(Event::TasksDone { wave }),
        "tests-done" => Said::Whole(Event::TestsDone { wave }),
        "baking" => Said::Whole(Event::Baking { wave, since: rest.strip_prefix("since ")?.parse().ok()? }),
        "held" | "halted" | "left" => {
            let kind = match verb {
                "held" => StopKind::Held,
                "halted" => StopKind::Halted,
                _ => StopKind::Quarantined(left?),
            };
            let (code, words) = rest.split_once(':')?;
            let (code, words) = (code.to_owned(), words.trim_start().to_owned());
            Said::Short(Stop { kind, wave, code, words })
        }
        _ => return None,
    };
    Some((said, began))
}

/// The index of the wave, and what follows its name.
fn read_place(text: &str) -> Option<(usize, &str)> {
    let (number, rest) = text.strip_prefix("wave ")?.split_once('/')?;
    let wave = number.parse::<usize>().ok()?.checked_sub(1)?;
    let (_total, rest) = rest.split_once(' ')?;
    let (_name, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    Some((wave, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::ids::ServiceKey;

    const STATE: &str = "3f2a91c0d4e5aaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    fn waves() -> Vec<(String, usize)> {
        vec![("canary".to_owned(), 1), ("rest of Europe".to_owned(), 9)]
    }

    fn probe_failed(last: &str) -> Reason {
        let service = ServiceKey::try_from("globex/iam-service".to_owned()).unwrap();
        Reason::ProbeFailed { service, failures: 3, last: last.to_owned() }
    }

    #[test]
    fn lines_as_people_see_them() {
        let (began, since) = ("2026-11-23T08:00:05Z".parse().unwrap(), "2026-11-23T08:10:05Z".parse().unwrap());
        let lines = [
            written(1, &Event::WaveStarted { wave: 0 }, &waves(), None, None),
            written(4, &Event::Baking { wave: 1, since }, &waves(), Some(began), None),
            written(3, &Event::Held { wave: 0, reason: Reason::Interrupted }, &waves(), None, Some(STATE)),
            written(
                4,
                &Event::Halted { wave: 0, reason: probe_failed("HTTP 500\nüber ") },
                &waves(),
                None,
                Some(STATE),
            ),
            written(
                5,
                &Event::Halted { wave: 1, reason: probe_failed(&"ü".repeat(300)) },
                &waves(),
                Some(began),
                Some(STATE),
            ),
            written(6, &Event::Succeeded, &waves(), None, Some(STATE)),
        ];
        insta::assert_snapshot!(lines.join("\n"), @"
        #1 started wave 1/2 canary
        #4 baking wave 2/2 rest-of-Europe began=2026-11-23T08:00:05Z since 2026-11-23T08:10:05Z
        #3 held wave 1/2 canary interrupted: interrupted state=3f2a91c0d4e5
        #4 halted wave 1/2 canary probe_failed: globex/iam-service: 3 probes in a row failed: HTTP 500 über state=3f2a91c0d4e5
        #5 halted wave 2/2 rest-of-Europe began=2026-11-23T08:00:05Z probe_failed: globex/iam-service: 3 probes in a row failed:… state=3f2a91c0d4e5
        #6 succeeded state=3f2a91c0d4e5
        ");
    }

    #[test]
    fn what_is_not_ours_and_what_is_broken_differ() {
        for foreign in ["", "Deployed by hand", "#12", "# 1 started", "#one started"] {
            assert_eq!(read(foreign), None, "{foreign}");
        }
        for broken in [
            "#1 ",
            "#1 started",
            "#1 started wave 0/2 canary",
            "#2 baking wave 1/2 canary since noon",
            "#2 baking wave 1/2 canary began=then since 2026-11-23T08:10:05Z",
        ] {
            assert!(read(broken).unwrap().is_err(), "{broken}");
        }
    }

    fn events() -> impl Strategy<Value = Event> {
        let wave = 0usize..2_000;
        prop_oneof![
            wave.clone().prop_map(|wave| Event::WaveStarted { wave }),
            wave.clone().prop_map(|wave| Event::TasksDone { wave }),
            wave.clone().prop_map(|wave| Event::TestsDone { wave }),
            (wave.clone(), -10_000_000_000_000_000i128..10_000_000_000_000_000_000).prop_map(|(wave, nanosecond)| {
                Event::Baking { wave, since: Timestamp::from_nanosecond(nanosecond).unwrap() }
            }),
            (wave.clone(), any::<String>()).prop_map(|(wave, last)| Event::Held { wave, reason: probe_failed(&last) }),
            (wave.clone(), any::<String>()).prop_map(|(wave, last)| {
                Event::Quarantined { wave, set: "tenant-9".parse().unwrap(), reason: probe_failed(&last) }
            }),
            (wave, any::<String>(), any::<String>())
                .prop_map(|(wave, what, why)| Event::Halted { wave, reason: Reason::GateUnknown { what, why } }),
            Just(Event::Succeeded),
        ]
    }

    proptest! {
        #[test]
        fn every_event_comes_back_or_says_that_it_was_cut(
            seq in any::<u32>(), event in events(), name in any::<String>(), total in 0usize..2_000,
            began in proptest::option::of(0i64..4_000_000_000),
        ) {
            let waves = vec![(name, 1); total];
            let began = began.filter(|_| event != Event::Succeeded).map(|at| Timestamp::from_second(at).unwrap());
            let line = written(seq, &event, &waves, began, Some(STATE));
            prop_assert!(line.chars().count() <= LONGEST, "{} is too long", line);
            prop_assert!(!line.contains('\n'));
            let read = read(&line).unwrap().unwrap();
            prop_assert_eq!((read.seq, read.began), (seq, began));
            prop_assert_eq!(read.state.as_deref(), Some(&STATE[..STATE_DIGITS]));
            match (read.said, &event) {
                (Said::Whole(whole), event) => prop_assert_eq!(&whole, event),
                (
                    Said::Short(stop),
                    Event::Held { reason, .. } | Event::Halted { reason, .. } | Event::Quarantined { reason, .. },
                ) => {
                    prop_assert!(stop.fits(&event));
                    let whole = on_one_line(&reason.to_string());
                    prop_assert!(stop.words == whole || stop.words.ends_with('…'), "{} of {}", stop.words, whole);
                }
                (said, _) => prop_assert!(false, "{:?}", said),
            }
        }
    }
}
