//! `quota`: what a cell takes of its quotas, what breaks first, and who should leave, to people and to programs.

use serde_json::{Value, json};

use super::exit::Exit;
use super::render::{count, fenced, line, row_table};
use super::run::{Report, of_stop};
use crate::app::quota::quota;
use crate::app::{self, Readers, Stop};
use crate::domain::fleet::Application;
use crate::domain::ids::CellName;
use crate::domain::quota::{CellQuotas, From, Row, beyond};
use crate::domain::reason::Reason;

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Only this cell.
    pub cell: Option<&'a CellName>,
    /// Tenants a month that will come; by the records if not said.
    pub growth: Option<f64>,
}

/// How cells stand.
pub(super) async fn show(readers: &Readers, application: &Application, asked: Asked<'_>) -> Result<Report, Stop> {
    let mut all = Vec::new();
    for cell in chosen(application, asked.cell)? {
        all.push(quota(readers, application, cell, asked.growth).await);
    }
    Ok(told(&all, &refused(application, asked.cell)))
}

/// How cells stand by fleet.yaml alone.
pub fn declared(application: &Application, asked: Asked<'_>) -> Report {
    let of = |cell| app::quota::declared(application, cell, asked.growth);
    let all = chosen(application, asked.cell).map(|cells| cells.into_iter().map(of).collect::<Vec<_>>());
    all.map_or_else(|stop| of_stop(&stop), |all| told(&all, &refused(application, asked.cell)))
}

fn chosen<'a>(application: &'a Application, only: Option<&CellName>) -> Result<Vec<&'a CellName>, Stop> {
    let cells: Vec<_> = application.cells.keys().filter(|cell| only.is_none_or(|only| only == *cell)).collect();
    match (cells.is_empty(), only) {
        (true, Some(only)) => Err(Stop::NoSuchCell(only.clone())),
        _ => Ok(cells),
    }
}

fn refused(application: &Application, only: Option<&CellName>) -> Vec<Reason> {
    let meant = |reason: &Reason| match (reason, only) {
        (Reason::CellFull { cell, .. }, Some(only)) => cell == only,
        _ => true,
    };
    beyond(application).into_iter().filter(meant).collect()
}

fn told(all: &[CellQuotas], beyond: &[Reason]) -> Report {
    let passed = !beyond.is_empty() || all.iter().any(|cell| cell.passed().next().is_some());
    let (exit, decision) = match passed {
        true => (Exit::BadInput, "full"),
        false if all.iter().any(|cell| !cell.unknown.is_empty()) => (Exit::Held, "unknown"),
        false => (Exit::Done, "room"),
    };
    let refused = beyond.iter().map(|reason| format!("REFUSED: {reason}\n"));
    let text: String = all.iter().map(words).chain(refused).collect();
    let cells: Vec<Value> = all.iter().map(of_cell).collect();
    let reasons: Vec<Value> = beyond.iter().map(|r| json!({"code": r.code(), "message": r.to_string()})).collect();
    Report {
        json: json!({"schema": 1, "exit_code": exit as u8, "decision": decision, "cells": cells, "reasons": reasons}),
        outputs: vec![("decision", decision.to_owned())],
        summary: fenced(&text),
        ..Report::plain(exit, &text)
    }
}

fn of_cell(cell: &CellQuotas) -> Value {
    let mut json = serde_json::to_value(cell).unwrap_or_default();
    json["breaks_first"] = cell.first().map(|(row, left)| json!({"what": row.what, "tenants_left": left})).into();
    json["months"] = json!(cell.months());
    json
}

fn words(cell: &CellQuotas) -> String {
    let of = cell.tenants_max.map(|most| format!(" of {most}")).unwrap_or_default();
    let tenants = count(usize::try_from(cell.tenants).unwrap_or(usize::MAX), "tenant");
    let mut text = format!("{}: {tenants}{of}\n", cell.cell);
    text += &row_table(
        &["quota", "used", "of", "%", "next cell at", "tenants left", "ever"],
        cell.rows.iter().map(|row| {
            [
                format!("{}{}", if row.is_passed() { "PASSED: " } else { "" }, row.what),
                row.used.map_or_else(|| "unknown".to_owned(), whole),
                format!("{}{}", whole(row.limit), if row.from == From::Default { " (default)" } else { "" }),
                row.percent().map(|percent| format!("{percent:.0}")).unwrap_or_default(),
                format!("{} %{}", row.next_cell_at, if row.is_near() { " !" } else { "" }),
                row.tenants_left.map(|left| left.to_string()).unwrap_or_default(),
                ever(row),
            ]
        }),
    );
    text += &first(cell);
    for (set, why) in &cell.leavers {
        text += &format!("{set} should have an account of its own: {}\n", why.join("; "));
    }
    text + &cell.unknown.iter().map(|unknown| format!("unknown: {}\n", line(unknown))).collect::<String>()
}

/// How many tenants will ever fit: a quota that AWS does not raise, or not beyond some value.
fn ever(row: &Row) -> String {
    match (row.tenants_ever, row.ceiling) {
        (Some(tenants), Some(ceiling)) => format!("{tenants} (at {ceiling})"),
        _ => String::new(),
    }
}

fn first(cell: &CellQuotas) -> String {
    let Some((row, left)) = cell.first() else { return "what breaks first cannot be told\n".to_owned() };
    let left = count(usize::try_from(left).unwrap_or(usize::MAX), "tenant");
    let when = match (cell.months(), cell.growth) {
        (Some(months), Some(growth)) => format!(", in {months:.0} months at {growth:.1} tenants a month"),
        (None, Some(growth)) => format!("; at {growth:.1} tenants a month that is not in sight"),
        (_, None) => "; how fast tenants come is not known".to_owned(),
    };
    format!("breaks first: {}, after {left} more{when}\n", row.what)
}

fn whole(number: f64) -> String {
    format!("{number:.0}")
}
