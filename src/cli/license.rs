//! `license issue`, `show`, `verify` and `rotate`: what they say, to people and to programs. No private key is shown.

use std::collections::BTreeMap;

use accessos_licensing::Licence;
use accessos_routing::SigningKey;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::args::License;
use super::exit::Exit;
use super::render::{count, row_table};
use super::run::{Report, of_stop};
use crate::app::Stop;
use crate::app::license::{Verdict, check, issue, rotate, show};
use crate::domain::fleet::{Application, ServiceSet};
use crate::domain::licence::{Issued, Place};
use crate::ports::{LicencesReader, LicencesWriter};

/// What was in the files that a command names.
#[derive(Clone, Copy, Debug)]
pub struct Given<'a> {
    /// The key that signs.
    pub key: Option<&'a SigningKey>,
    /// A licence to judge, other than the one that is kept.
    pub licence: Option<&'a str>,
    /// The last one that counted.
    pub seen: Option<&'a str>,
}

/// Runs the command on the files of the repository.
pub async fn license<F: LicencesReader + LicencesWriter>(
    command: &License,
    application: &Application,
    given: &Given<'_>,
    now: Timestamp,
    files: &F,
) -> Report {
    let report = match (command, given.key) {
        (License::Issue { fleet, tenant, .. }, Some(key)) => {
            let issued = issue(application, (fleet.as_ref(), tenant), key, now, files).await;
            issued.map(|issued| of_issued(&issued, key))
        }
        (License::Rotate { keys, .. }, Some(key)) => {
            rotate(keys, key, now, files).await.map(|issued| of_issued(&issued, key))
        }
        (License::Issue { .. } | License::Rotate { .. }, None) => Err(Stop::Bug("no key was read".to_owned())),
        (License::Show { id, .. }, _) => {
            let shown = show(application, id, files).await;
            shown.map(|(_, set, licence, keys)| of_shown(set, &licence, &keys, now))
        }
        (License::Verify { id, keys, at, .. }, _) => {
            let judged = (given.licence.map(str::as_bytes), given.seen.map(str::as_bytes));
            check(application, id, judged, keys, at.unwrap_or(now), files).await.map(|verdict| of_verdict(&verdict))
        }
    };
    report.unwrap_or_else(|stop| of_stop(&stop))
}

/// What was issued: a row for each licence that there is now, and the key that must be trusted.
fn of_issued(issued: &BTreeMap<Place, Issued>, key: &SigningKey) -> Report {
    let row = |((fleet, set), issued): (&Place, &Issued)| {
        let (word, licence) = match issued {
            Issued::New(licence, _) => ("issued", licence),
            Issued::Current(licence) => ("current", licence),
            Issued::None(Some(licence)) => ("kept, and no more in fleet.yaml", licence),
            Issued::None(None) => return None,
        };
        let plan = licence.plan.clone().unwrap_or_else(|| "-".to_owned());
        let (serial, until) = (licence.serial.to_string(), licence.last_day().to_string());
        Some([fleet.to_string(), set.to_string(), plan, until, serial, word.to_owned()])
    };
    let rows: Vec<[String; 6]> = issued.iter().filter_map(row).collect();
    let written: Vec<&Place> =
        issued.iter().filter(|(_, issued)| matches!(issued, Issued::New(..))).map(|(place, _)| place).collect();
    let table = match rows.is_empty() {
        true => String::new(),
        false => row_table(&["fleet", "tenant", "plan", "until", "serial", ""], rows.into_iter()),
    };
    let without = issued.values().filter(|issued| matches!(issued, Issued::None(None))).count();
    let without =
        if without == 0 { String::new() } else { format!("{} without a licence\n", count(without, "tenant")) };
    let public = key.public();
    let text = format!("{table}\n{without}{} written; signed by key {}, public {public}", written.len(), public.id());
    let tenants = issued.iter().filter_map(|((fleet, set), issued)| match issued {
        Issued::New(licence, _) => Some((fleet, set, licence, "issued")),
        Issued::Current(licence) => Some((fleet, set, licence, "current")),
        Issued::None(licence) => Some((fleet, set, licence.as_ref()?, "kept")),
    });
    let licences: Vec<Value> = tenants
        .map(|(fleet, set, licence, state)| json!({"fleet": fleet, "tenant": set, "state": state, "licence": licence}))
        .collect();
    let json = json!({
        "schema": 1, "exit_code": 0, "key": public.id().as_str(), "public_key": public.to_string(),
        "written": written.len(), "licences": licences,
    });
    Report { json, ..Report::plain(Exit::Done, text.trim_start()) }
}

/// A licence as it is kept, and where fleet.yaml says something else.
fn of_shown(set: &ServiceSet, licence: &Licence, keys: &[String], now: Timestamp) -> Report {
    let differs = match &set.licence {
        None => Some("fleet.yaml has no licence for it any more".to_owned()),
        Some(bought) if (bought.until, &bought.plan) != (licence.last_day(), &licence.plan) => {
            let plan = bought.plan.as_ref().map(|plan| format!("{plan}, ")).unwrap_or_default();
            Some(format!("fleet.yaml says {plan}until {}: issue it again", bought.until))
        }
        Some(_) => None,
    };
    let time = match (now < licence.not_before, now < licence.expires) {
        (true, _) => "not begun",
        (false, true) => "in its time",
        (false, false) => "ended",
    };
    let lines = [
        ("fleet", licence.fleet.clone()),
        ("plan", licence.plan.clone().unwrap_or_else(|| "-".to_owned())),
        ("until", format!("{}, through the day in UTC ({time})", licence.last_day())),
        ("serial", licence.serial.to_string()),
        ("issued", licence.issued_at.to_string()),
        ("names key", keys.join(", ")),
    ];
    let line = |(name, value): &(&str, String)| format!("  {name:<9} {}\n", value.escape_debug());
    let text = format!("{}\n{}", licence.tenant.escape_debug(), lines.iter().map(line).collect::<String>());
    let end = differs.as_ref().map(|differs| format!("{differs}\n")).unwrap_or_default();
    let end = end + "not verified: `tidegate license verify` judges it";
    let json = json!({
        "schema": 1, "exit_code": 0, "licence": licence, "keys": keys, "time": time, "differs": differs, "verified": false,
    });
    Report { json, ..Report::plain(Exit::Done, &(text + &end)) }
}

fn of_verdict(verdict: &Verdict) -> Report {
    match verdict {
        Verdict::Counts(licence, key) => {
            let text = format!(
                "{} counts: serial {}, until {}, signed by key {key}",
                licence.tenant.escape_debug(),
                licence.serial,
                licence.last_day()
            );
            let json = json!({"schema": 1, "exit_code": 0, "counts": true, "licence": licence, "key": key});
            Report { json, ..Report::plain(Exit::Done, &text) }
        }
        Verdict::Refused(refusals) => {
            let text: String =
                refusals.iter().map(|refusal| format!("refused, {}: {refusal}\n", refusal.code())).collect();
            let told: Vec<Value> =
                refusals.iter().map(|of| json!({"code": of.code(), "why": of.to_string()})).collect();
            let json = json!({"schema": 1, "exit_code": Exit::BadInput as u8, "counts": false, "refusals": told});
            Report { json, ..Report::plain(Exit::BadInput, &text) }
        }
    }
}
