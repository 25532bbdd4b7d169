//! How many tenants fit in a cell, an account and Region: what it takes of AWS's quotas, what breaks first and when, and
//! who should have an account of their own.

mod limits;
mod load;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::fleet::Application;
use super::ids::{CellName, SetId};
use super::reason::Reason;

pub use limits::{INTERFACES, LIMITS, Limit, QuotaCode, Raised, Takes, VCPUS};
pub use load::{Count, Load, Running, RunningSet};

/// A tenant should leave for an account of its own when it takes more than this share of a quota of its cell, ...
const OWN_ACCOUNT_SHARE: f64 = 0.05;
/// ... or runs more tasks than these, ...
const OWN_ACCOUNT_TASKS: u32 = 50;
/// ... or more processors than these.
const OWN_ACCOUNT_VCPUS: u64 = 25;

const DAYS_A_MONTH: f64 = 30.0;

/// Where the value of a quota is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum From {
    /// Service Quotas: what this account has.
    Applied,
    /// The table of defaults, because it could not be asked for.
    Default,
}

/// A quota of a cell.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// What is limited.
    pub what: &'static str,
    /// Its codes.
    #[serde(skip)]
    pub quota: QuotaCode,
    /// How much is taken now; none where that could not be told.
    pub used: Option<f64>,
    /// How much there is.
    pub limit: f64,
    /// Where that is from.
    pub from: From,
    /// How far it can be raised; none if as far as is asked for.
    pub ceiling: Option<u64>,
    /// Percent of it at which the next cell should be open.
    pub next_cell_at: u32,
    /// Tenants that still fit; none where that could not be told, or tenants add nothing to it.
    pub tenants_left: Option<u64>,
    /// How many tenants fit if it is raised as far as it can be.
    pub tenants_ever: Option<u64>,
}

impl Row {
    /// Percent that is taken.
    pub fn percent(&self) -> Option<f64> {
        self.used.map(|used| 100.0 * used / self.limit)
    }

    /// Whether more is taken than there is.
    pub fn is_passed(&self) -> bool {
        self.used.is_some_and(|used| used > self.limit)
    }

    /// Whether the next cell should be open by now.
    pub fn is_near(&self) -> bool {
        self.percent().is_some_and(|percent| percent >= f64::from(self.next_cell_at))
    }
}

/// How a cell stands.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CellQuotas {
    /// The cell.
    pub cell: CellName,
    /// Its tenants.
    pub tenants: u32,
    /// How many fleet.yaml lets it have.
    pub tenants_max: Option<u32>,
    /// Every quota, in the order in which they break.
    pub rows: Vec<Row>,
    /// Tenants a month that come, by the records or as was said; none where neither tells.
    pub growth: Option<f64>,
    /// Who should have an account of their own, and why.
    pub leavers: Vec<(SetId, Vec<String>)>,
    /// What could not be told, and why.
    pub unknown: Vec<String>,
}

impl CellQuotas {
    /// The quota that breaks first, and how many tenants still fit.
    pub fn first(&self) -> Option<(&Row, u64)> {
        self.rows.iter().find_map(|row| Some((row, row.tenants_left?)))
    }

    /// Months until that is, at the present growth.
    pub fn months(&self) -> Option<f64> {
        let (_, left) = self.first()?;
        self.growth.filter(|growth| *growth > 0.0).map(|growth| left as f64 / growth)
    }

    /// What is passed already.
    pub fn passed(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| row.is_passed())
    }
}

/// How a cell stands, with these values of its quotas: what is not among them has its default.
pub fn stand(load: &Load, applied: &BTreeMap<QuotaCode, f64>, growth: Option<f64>) -> CellQuotas {
    let mut rows: Vec<Row> = LIMITS.iter().map(|limit| row(load, limit, applied.get(&limit.quota).copied())).collect();
    // Passed ones first, then by what is left; what tenants add nothing to comes last.
    rows.sort_by_key(|row| (!row.is_passed(), row.tenants_left.unwrap_or(u64::MAX)));
    let untold = load.running.iter().flatten().filter_map(|(fleet, set, running)| {
        running.as_ref().err().map(|why| format!("what {set} of {fleet} runs: {why}"))
    });
    CellQuotas {
        cell: load.cell.clone(),
        tenants: load.tenants,
        tenants_max: load.tenants_max,
        leavers: leavers(load, &rows),
        rows,
        growth,
        unknown: untold.collect(),
    }
}

fn row(load: &Load, limit: &Limit, applied: Option<f64>) -> Row {
    let takes = (limit.takes)(load);
    let value = applied.unwrap_or(limit.default as f64);
    let fits = |limit: f64| takes.and_then(|takes| fit(takes, limit));
    Row {
        what: limit.what,
        quota: limit.quota,
        used: takes.map(|takes| takes.at(f64::from(load.tenants)).ceil()),
        limit: value,
        from: if applied.is_some() { From::Applied } else { From::Default },
        ceiling: limit.ceiling(),
        next_cell_at: limit.next_cell_at,
        tenants_left: fits(value).map(|fit| fit.saturating_sub(u64::from(load.tenants))),
        tenants_ever: limit.ceiling().and_then(|ceiling| fits(ceiling as f64)),
    }
}

/// How many tenants fit under a limit; none if they add nothing.
fn fit(takes: Takes, limit: f64) -> Option<u64> {
    (takes.each > 0.0).then(|| ((limit - takes.fixed) / takes.each).floor().max(0.0) as u64)
}

fn leavers(load: &Load, rows: &[Row]) -> Vec<(SetId, Vec<String>)> {
    let limit_of = |quota| rows.iter().find(|row| row.quota == quota).map(|row| row.limit);
    let (vcpus, interfaces) = (limit_of(VCPUS), limit_of(INTERFACES));
    let tenants = load.running.iter().flatten().filter(|(_, set, _)| !set.is_control_plane());
    let reasons = tenants.filter_map(|(_, set, running)| {
        let running = running.as_ref().ok()?;
        let cpus = running.cpu_units as f64 / 1_024.0;
        let share = |used: f64, limit: Option<f64>| limit.map(|limit| used / limit).filter(|s| *s > OWN_ACCOUNT_SHARE);
        let mut why = Vec::new();
        if running.tasks > OWN_ACCOUNT_TASKS {
            why.push(format!("{} tasks, more than {OWN_ACCOUNT_TASKS}", running.tasks));
        }
        if running.cpu_units > OWN_ACCOUNT_VCPUS * 1_024 {
            why.push(format!("{cpus:.1} vCPUs, more than {OWN_ACCOUNT_VCPUS}"));
        }
        if let Some(share) = share(cpus, vcpus) {
            why.push(format!("{:.0} % of the cell's quota of vCPUs", share * 100.0));
        }
        if let Some(share) = share(f64::from(running.tasks), interfaces) {
            why.push(format!("{:.0} % of the cell's quota of network interfaces", share * 100.0));
        }
        (!why.is_empty()).then(|| (set.clone(), why))
    });
    reasons.collect()
}

/// Tenants a month that came to a fleet between two of its plans.
pub fn growth((then, before): (Timestamp, usize), (now, after): (Timestamp, usize)) -> Option<f64> {
    let days = now.duration_since(then).as_secs() as f64 / 86_400.0;
    (days >= 1.0).then(|| (after as f64 - before as f64) / days * DAYS_A_MONTH)
}

/// Why fleet.yaml puts more into its cells than they can ever hold: more tenants than it says itself, or than AWS's
/// fixed quotas let in. Asks nobody.
pub fn beyond(application: &Application) -> Vec<Reason> {
    let of_cell = |cell: &CellName| {
        let load = Load::of(application, cell, None);
        let full = |what: &str, most: u64| Reason::CellFull {
            cell: cell.clone(),
            what: what.to_owned(),
            tenants: u64::from(load.tenants),
            most,
        };
        let said = load.tenants_max.filter(|most| load.tenants > *most);
        let mut reasons: Vec<Reason> = said.map(|most| full("tenants_max", u64::from(most))).into_iter().collect();
        for limit in &LIMITS {
            let Some((takes, ceiling)) = (limit.takes)(&load).zip(limit.ceiling()) else { continue };
            if takes.at(f64::from(load.tenants)) > ceiling as f64 {
                let what = format!("AWS's quota of {} {}, which is not raised further", ceiling, limit.what);
                reasons.push(full(&what, fit(takes, ceiling as f64).unwrap_or_default()));
            }
        }
        reasons
    };
    application.cells.keys().flat_map(of_cell).collect()
}

#[cfg(test)]
mod tests;
