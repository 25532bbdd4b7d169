//! `infra-guard`: what a plan of Terraform's would lose, in words, and the approval that it would take.

use serde_json::{Value, json};

use super::exit::Exit;
use super::render::{count, row_table};
use super::run::{Report, of_stop};
use crate::app::Stop;
use crate::domain::infra_guard::{How, Loss, Verdict, printable};
use crate::domain::reason::Reason;

/// The report of a plan that was judged, or of why it could not be.
pub fn guarded(judged: Result<Verdict, Vec<Reason>>) -> Report {
    let verdict = match judged {
        Ok(verdict) => verdict,
        Err(reasons) => return of_stop(&Stop::Refused(reasons)),
    };
    let text = words(&verdict);
    if verdict.refused.is_empty() {
        let end = if verdict.losses.is_empty() { "nothing of value would be lost" } else { "this loss is approved" };
        let json = json!({"schema": 1, "exit_code": 0, "decision": "fine"});
        return with(&verdict, Report { json, ..Report::plain(Exit::Done, &format!("{text}{end}")) });
    }
    let mut report = of_stop(&Stop::Refused(verdict.refused.clone()));
    report.text = text + &report.text;
    report.summary = format!("### stopped\n\n```text\n{}```\n", report.text);
    report.json["approval"] = draft(&verdict);
    with(&verdict, report)
}

/// What every report of a verdict has for programs.
fn with(verdict: &Verdict, mut report: Report) -> Report {
    report.json["plan"] = json!(verdict.plan);
    report.json["tenants"] = json!(verdict.tenants);
    report.json["losses"] = verdict.losses.iter().map(as_json).collect();
    report
}

/// The approval that this plan would take, but for why, until when and who.
fn draft(verdict: &Verdict) -> Value {
    json!({
        "schema": 1,
        "plan": verdict.plan,
        "lost": verdict.losses.iter().map(|loss| &loss.address).collect::<Vec<_>>(),
        "reason": "",
        "expires": "",
        "requested_by": "",
        "approved_by": "",
    })
}

/// What would be lost: a row for everything of value, a line for each tenant.
fn words(verdict: &Verdict) -> String {
    let row = |loss: &Loss| {
        let what = loss.what?;
        let called = loss.called.as_deref().map(|called| format!("{}: ", printable(called))).unwrap_or_default();
        Some([printable(&loss.address), how(loss.how).to_owned(), called + what])
    };
    let rows: Vec<[String; 3]> = verdict.losses.iter().filter_map(row).collect();
    let mut text = format!("plan {}\n", verdict.plan);
    if !rows.is_empty() {
        text += &row_table(&["lost", "how", "what goes with it"], rows.into_iter());
    }
    if verdict.losses.iter().any(|loss| loss.how == How::Forgotten) {
        text += "forgotten: it stays at AWS, and nothing protects it or knows of it any more\n";
    }
    for tenant in &verdict.tenants {
        let of_tenant = || verdict.losses.iter().filter(|loss| loss.tenant.as_ref() == Some(tenant));
        let all = count(of_tenant().count(), "thing");
        let value = of_tenant().filter(|loss| loss.what.is_some()).count();
        text += &format!("tenant {} goes as a whole: {all}, {value} of value\n", printable(tenant));
    }
    text
}

fn as_json(loss: &Loss) -> Value {
    json!({
        "address": loss.address,
        "type": loss.kind,
        "called": loss.called,
        "how": how(loss.how),
        "what": loss.what,
        "tenant": loss.tenant,
    })
}

fn how(how: How) -> &'static str {
    match how {
        How::Destroyed => "destroyed",
        How::Replaced => "replaced",
        How::Forgotten => "forgotten",
    }
}
