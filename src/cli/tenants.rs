//! `tenants export`, `add`, `list` and `show`: what they say, to people and to programs.

use serde_json::{Value, json};

use std::path::Path;

use super::args::{EvidenceWord, RdsWord, Tenants};
use super::exit::Exit;
use super::render::{count, row_table};
use super::run::{Report, of_stop};
use crate::app::Stop;
use crate::app::tenants::{Added, Export, Tenant, add, list, look, show, write};
use crate::domain::fleet::{Application, Evidence, Licence, Rds};
use crate::domain::manifest::{NewTenant, Source};
use crate::domain::provisioning::Place;
use crate::domain::reason::Reason;
use crate::ports::{InputsReader, InputsWriter, ManifestWriter};

/// More differences than this are counted.
const DIFFERENCES_MAX: usize = 20;

/// Runs the command on the files of the repository.
pub async fn tenants<F>(
    command: &Tenants,
    read: (&Application, &[Source]),
    files: &F,
    to: &dyn ManifestWriter,
) -> Report
where
    F: InputsReader + InputsWriter,
{
    let (application, sources) = read;
    let report = match command {
        Tenants::Add { into, .. } => match which(sources, into.as_deref()) {
            Some(file) => {
                let new = new(command);
                match &new {
                    Some(new) => add(sources, new, file, files, to).await.map(|added| of_added(new, &added)),
                    None => Err(Stop::Bug("no tenant to add".to_owned())),
                }
            }
            None => return Report::plain(Exit::BadInput, "--into names no file that fleet.yaml includes"),
        },
        Tenants::Export { check: true, .. } => look(application, files).await.map(|exports| checked(&exports)),
        Tenants::Export { check: false, .. } => write(application, files, files).await.map(|exports| written(&exports)),
        Tenants::Offboard { .. } | Tenants::Purge { .. } | Tenants::Move { .. } => {
            Err(Stop::Bug("a tenant does not go by files alone".to_owned()))
        }
        Tenants::List { fleet, .. } => {
            list(application, files, fleet.as_ref()).await.map(|all| told(table(&all), all.iter().map(as_json)))
        }
        Tenants::Show { id, .. } => show(application, files, id).await.map(|tenant| Report {
            json: json!({"schema": 1, "exit_code": 0, "tenant": as_json(&tenant)}),
            ..Report::plain(Exit::Done, &words(&tenant))
        }),
    };
    report.unwrap_or_else(|stop| of_stop(&stop))
}

/// The tenant that a command adds.
fn new(command: &Tenants) -> Option<NewTenant> {
    let Tenants::Add { id, fleet, host, tier, tag, rds, evidence, .. } = command else { return None };
    let rds = rds.map(|word| match word {
        RdsWord::Schema => Rds::Schema,
        RdsWord::Database => Rds::Database,
    });
    let evidence = evidence.map(|word| match word {
        EvidenceWord::Prefix => Evidence::Prefix,
        EvidenceWord::Bucket => Evidence::Bucket,
    });
    let (id, fleet, host) = (id.clone(), fleet.clone(), host.clone());
    Some(NewTenant { id, fleet, host, tags: tag.clone(), tier: tier.clone(), rds, evidence })
}

/// Number of the file that gets the line: the one that is named, else the main one.
fn which(sources: &[Source], into: Option<&Path>) -> Option<usize> {
    let Some(into) = into else { return Some(0) };
    sources.iter().position(|source| Path::new(&source.name) == into)
}

fn of_added(new: &NewTenant, added: &Added) -> Report {
    let (id, fleet) = (&new.id, &new.fleet);
    let line = added
        .file
        .as_ref()
        .map_or_else(|| format!("{id} has its line already"), |file| format!("{id} has a line in {}", shown(file)));
    let next = "commit both in one pull request; when it is merged, apply the plan of Terraform, which makes its services \
                at 0 tasks; its first release brings it up through the gate";
    let text = format!(
        "{}{line}, and its place in {fleet} is {}\n{next}",
        written(&added.exports).text,
        place(added.place.as_ref())
    );
    let (shard, slot) = added.place.as_ref().map(|place| (&place.shard, place.slot)).unzip();
    let json = json!({"schema": 1, "exit_code": 0, "tenant": id, "fleet": fleet, "file": added.file, "shard": shard, "slot": slot});
    Report { json, ..Report::plain(Exit::Done, &text) }
}

/// A check: stale files are a conflict, with every difference.
fn checked(exports: &[Export]) -> Report {
    let stale: Vec<&Export> = exports.iter().filter(|export| !export.differences.is_empty()).collect();
    if stale.is_empty() {
        return told(format!("{}: current\n", count(exports.len(), "fleet")), std::iter::empty());
    }
    let reasons = stale.iter().map(|export| Reason::InputsStale { fleet: export.fleet.clone() }).collect();
    let mut report = of_stop(&Stop::Refused(reasons));
    report.text = stale.iter().map(|export| differences(export)).collect::<String>() + &report.text;
    report.json["differences"] =
        stale.iter().map(|e| (e.folder.clone(), json!(e.differences))).collect::<serde_json::Map<_, _>>().into();
    report
}

fn written(exports: &[Export]) -> Report {
    let say = |export: &Export| match export.differences.is_empty() {
        true => format!("{}: current\n", export.folder),
        false => format!("{}{}: written\n", differences(export), export.folder),
    };
    let changed = exports.iter().filter(|export| !export.differences.is_empty()).map(|export| json!(export.folder));
    Report {
        json: json!({"schema": 1, "exit_code": 0, "written": changed.collect::<Vec<_>>()}),
        ..Report::plain(Exit::Done, &exports.iter().map(say).collect::<String>())
    }
}

fn differences(export: &Export) -> String {
    let line = |difference: &String| format!("{}: {difference}\n", export.folder);
    let mut text: String = export.differences.iter().take(DIFFERENCES_MAX).map(line).collect();
    if let Some(more) = export.differences.len().checked_sub(DIFFERENCES_MAX).filter(|more| *more > 0) {
        text += &format!("{}: and {}\n", export.folder, count(more, "more difference"));
    }
    text
}

fn told(text: String, tenants: impl Iterator<Item = Value>) -> Report {
    let json = json!({"schema": 1, "exit_code": 0, "tenants": tenants.collect::<Vec<_>>()});
    Report { json, ..Report::plain(Exit::Done, &text) }
}

fn table(tenants: &[Tenant<'_>]) -> String {
    let header = ["tenant", "fleet", "cell", "place", "state", "tier", "tags", "pin", "licence"];
    row_table(
        &header,
        tenants.iter().map(|tenant| {
            let set = tenant.set;
            [
                set.id.to_string(),
                tenant.fleet.name.to_string(),
                set.cell.to_string(),
                place(tenant.place.as_ref()),
                set.state.to_string(),
                or_dash(set.tier.as_deref().map(shown)),
                or_dash(Some(tags(tenant)).filter(|tags| !tags.is_empty())),
                or_dash(set.pin.as_ref().map(|pin| pin.version.to_string())),
                or_dash(set.licence.as_ref().map(|licence| licence.until.to_string())),
            ]
        }),
    )
}

/// One tenant, a line for each thing that is said of it.
fn words(tenant: &Tenant<'_>) -> String {
    let set = tenant.set;
    let pin = set
        .pin
        .as_ref()
        .map(|pin| format!("{} until {}, by {}: {}", pin.version, pin.until, shown(&pin.owner), shown(&pin.why)));
    let lines = [
        ("fleet", tenant.fleet.name.to_string()),
        ("cell", format!("{}, cluster {}", set.cell, shown(&set.cluster))),
        ("place", place(tenant.place.as_ref())),
        ("state", set.state.to_string()),
        ("host", shown(&set.host)),
        ("tier", or_dash(set.tier.as_deref().map(shown))),
        ("tags", or_dash(Some(tags(tenant)).filter(|tags| !tags.is_empty()))),
        ("pin", or_dash(pin)),
        ("licence", or_dash(set.licence.as_ref().map(licence))),
        ("data", format!("rds: {}, evidence: {}", set.data.rds, set.data.evidence)),
    ];
    let line = |(name, value): &(&str, String)| format!("  {name:<8} {value}\n");
    format!("{}\n{}", set.id, lines.iter().map(line).collect::<String>())
}

fn as_json(tenant: &Tenant<'_>) -> Value {
    let set = tenant.set;
    json!({
        "id": set.id,
        "fleet": tenant.fleet.name,
        "cell": set.cell,
        "cluster": set.cluster,
        "shard": tenant.place.as_ref().map(|place| &place.shard),
        "slot": tenant.place.as_ref().map(|place| place.slot),
        "state": set.state,
        "host": set.host,
        "tier": set.tier,
        "tags": set.tags,
        "pin": set.pin.as_ref().map(|pin| json!({
            "version": pin.version, "until": pin.until, "owner": pin.owner, "reason": pin.why,
        })),
        "licensed_until": set.licence.as_ref().map(|licence| licence.until),
        "license_plan": set.licence.as_ref().and_then(|licence| licence.plan.as_deref()),
        "data": {"rds": set.data.rds, "evidence": set.data.evidence},
    })
}

fn licence(of: &Licence) -> String {
    let plan = of.plan.as_ref().map(|plan| format!("{plan}, ")).unwrap_or_default();
    format!("{plan}until {}", of.until)
}

fn tags(tenant: &Tenant<'_>) -> String {
    tenant.set.tags.iter().map(|tag| shown(tag)).collect::<Vec<_>>().join(" ")
}

fn place(place: Option<&Place>) -> String {
    place.map_or_else(|| "not exported".to_owned(), ToString::to_string)
}

/// Free text of the file, without what would move a terminal's cursor.
fn shown(text: &str) -> String {
    text.escape_debug().to_string()
}

fn or_dash(text: Option<String>) -> String {
    text.unwrap_or_else(|| "-".to_owned())
}
