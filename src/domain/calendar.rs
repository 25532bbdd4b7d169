//! When a fleet may be changed: windows that allow, freezes that deny. A freeze wins.
//!
//! All zone arithmetic is jiff's; a window is given in a zone's own wall clock and so moves with its DST.

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

use super::reason::Reason;

/// The windows and freezes of a fleet. With no window, every time is open that is not frozen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calendar {
    /// Times in which waves may start.
    pub windows: Vec<Window>,
    /// Dates on which none may.
    pub freezes: Vec<Freeze>,
}

/// A part of some days of every week.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// The days, Monday first.
    pub days: Vec<Day>,
    /// First minute of the day that is open.
    pub from: Time,
    /// First minute that is not.
    pub to: Time,
    /// IANA name of the zone whose wall clock counts.
    pub zone: String,
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

/// A range of dates, both included.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Freeze {
    /// First day.
    pub from: Date,
    /// Last day.
    pub to: Date,
    /// IANA name of the zone whose dates count.
    pub zone: String,
    /// Why, for whoever is stopped by it.
    pub reason: String,
}

impl Day {
    /// All seven, Monday first.
    pub const WEEK: [Day; 7] = [Day::Mon, Day::Tue, Day::Wed, Day::Thu, Day::Fri, Day::Sat, Day::Sun];

    fn of(weekday: Weekday) -> Self {
        Self::WEEK[usize::from(weekday.to_monday_zero_offset().unsigned_abs())]
    }
}

impl Calendar {
    /// Whether a wave may start now.
    ///
    /// # Errors
    /// The freeze that is on, or when the next window opens.
    pub fn allows(&self, now: Timestamp) -> Result<(), Reason> {
        if let Some(reason) = self.frozen(now) {
            return Err(reason);
        }
        if self.windows.is_empty() || self.windows.iter().any(|w| w.covers(now)) {
            return Ok(());
        }
        let next = self.windows.iter().filter_map(|w| w.opens_after(now)).min();
        let opens = next.map_or_else(|| "never".to_owned(), |at| at.to_string());
        Err(Reason::OutsideWindow { opens })
    }
}

impl Calendar {
    /// The freeze that is on now.
    pub fn frozen(&self, now: Timestamp) -> Option<Reason> {
        let freeze = self.freezes.iter().find(|freeze| freeze.covers(now))?;
        Some(Reason::Frozen { until: freeze.to, why: freeze.reason.clone() })
    }
}

impl Window {
    /// Whether this moment is in it.
    pub fn covers(&self, now: Timestamp) -> bool {
        let Some(local) = local(now, &self.zone) else { return false };
        self.days.contains(&Day::of(local.weekday())) && (self.from..self.to).contains(&local.time())
    }

    /// The first opening after `now`, looked for in the coming eight days.
    fn opens_after(&self, now: Timestamp) -> Option<Timestamp> {
        let zone = TimeZone::get(&self.zone).ok()?;
        let today = local(now, &self.zone)?.date();
        (0..=8).find_map(|ahead: i64| {
            let date = today.checked_add(ahead.days()).ok()?;
            let opening = zone.to_timestamp(date.to_datetime(self.from)).ok()?;
            (self.days.contains(&Day::of(date.weekday())) && opening > now).then_some(opening)
        })
    }
}

impl Freeze {
    fn covers(&self, now: Timestamp) -> bool {
        // A zone that cannot be read freezes: unknown is not open.
        local(now, &self.zone).is_none_or(|local| (self.from..=self.to).contains(&local.date()))
    }
}

fn local(now: Timestamp, zone: &str) -> Option<jiff::civil::DateTime> {
    TimeZone::get(zone).ok().map(|zone| zone.to_datetime(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn office_hours() -> Calendar {
        let window = Window {
            days: vec![Day::Mon, Day::Tue, Day::Wed, Day::Thu],
            from: "09:00".parse().unwrap(),
            to: "16:00".parse().unwrap(),
            zone: "Europe/Berlin".to_owned(),
        };
        let freeze = Freeze {
            from: "2026-12-20".parse().unwrap(),
            to: "2027-01-03".parse().unwrap(),
            zone: "Europe/Berlin".to_owned(),
            reason: "year end".to_owned(),
        };
        Calendar { windows: vec![window], freezes: vec![freeze] }
    }

    #[test]
    fn windows_follow_the_zone_through_dst() {
        let calendar = office_hours();
        // 09:30 in Berlin is 08:30 UTC in winter and 07:30 UTC in summer.
        assert!(calendar.allows(at("2026-11-23T08:30:00Z")).is_ok());
        assert!(calendar.allows(at("2026-11-23T07:30:00Z")).is_err());
        assert!(calendar.allows(at("2026-06-22T07:30:00Z")).is_ok());
    }

    #[test]
    fn a_closed_window_says_when_it_opens() {
        // Friday noon: the next window is Monday 09:00 in Berlin.
        let refused = office_hours().allows(at("2026-11-27T11:00:00Z")).unwrap_err();
        assert_eq!(refused, Reason::OutsideWindow { opens: "2026-11-30T08:00:00Z".to_owned() });
    }

    #[test]
    fn a_freeze_wins_over_an_open_window() {
        let refused = office_hours().allows(at("2026-12-21T09:00:00Z")).unwrap_err();
        assert!(matches!(refused, Reason::Frozen { .. }));
        // Its last day ends at midnight in Berlin, not in UTC.
        assert!(matches!(office_hours().allows(at("2027-01-03T22:59:00Z")), Err(Reason::Frozen { .. })));
        assert!(matches!(office_hours().allows(at("2027-01-03T23:01:00Z")), Err(Reason::OutsideWindow { .. })));
    }
}
