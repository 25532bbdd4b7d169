//! How a tenant goes for good: from what is seen and recorded to the one step that comes next. Pure, so that whoever
//! was cut off anywhere, or forgets everything, comes to the same next step; and what is unknown is never "done".
//!
//! First it leaves: its line says `state: offboarding`, its tasks are gone, what must be kept is kept with checksums,
//! until a day that is written down. After that day, with the approval of a second person, its line goes and a
//! tombstone stays. Its data go last, separately, with an approval of their own.

use std::collections::BTreeSet;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::directive::{Holding, Leaving};
use super::fleet::{Application, Evidence, Fleet, ServiceSet};
use super::ids::{ContentHash, FleetName, SetId};
use super::infra_guard::Approval;
use super::reason::Reason;

/// Name of the list of what is kept, in the tenant's folder of the archive.
pub const LIST: &str = "kept.json";
/// Name of the dump of its database there.
pub const DUMP: &str = "database.dump";

/// What the names of pieces of evidence begin with there.
pub const EVIDENCE: &str = "evidence/";

/// Whether something is so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// It is.
    Yes,
    /// It is not.
    No,
    /// It cannot be told.
    Unknown(String),
}

impl Known {
    /// What was read.
    pub fn of(is: bool) -> Self {
        if is { Self::Yes } else { Self::No }
    }
}

/// What fleet.yaml says of a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// It is to serve, or paused.
    Stays,
    /// It is on its way out.
    Leaves,
    /// A tombstone is in its place.
    Gone,
}

/// Everything that the next step follows from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing<'a> {
    /// Who.
    pub set: &'a SetId,
    /// What fleet.yaml says.
    pub line: Line,
    /// What is recorded.
    pub leaving: Option<&'a Leaving>,
    /// Whether no task of it runs and nothing can start one.
    pub sleeps: Known,
    /// Whether no load balancer passes requests on to it.
    pub unrouted: Known,
    /// The day (UTC).
    pub today: Date,
}

/// How far it is to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Goal<'a> {
    /// What can be done before the day until which everything is kept.
    Leave,
    /// To the end, if this approves it.
    Remove(Option<&'a Approval>),
}

/// What comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Its line is to say `state: offboarding`.
    Mark,
    /// That it leaves is to be recorded, with the names of what it has.
    Decide,
    /// Its tasks are to go, by way of a pause.
    Sleep,
    /// What must be kept is to be kept.
    Keep,
    /// Nothing, until after this day.
    Wait(Date),
    /// That it is given up is to be recorded.
    Remove,
    /// A tombstone is to take the place of its line.
    Bury,
    /// Nothing any more.
    Nothing,
}

/// What comes next.
///
/// # Errors
/// Why nothing can: something is unknown, missing, too early or not approved. Nothing may be changed then.
pub fn next(standing: &Standing<'_>, goal: &Goal<'_>) -> Result<Step, Vec<Reason>> {
    let not = |why: &str| vec![Reason::NotSoFar { set: standing.set.clone(), why: why.to_owned() }];
    match (standing.line, standing.leaving) {
        (Line::Gone, _) => return Ok(Step::Nothing),
        (Line::Stays, Some(Leaving { removed: Some(_), .. })) => {
            return Err(not("it is recorded as given up, and its line wants it to stay"));
        }
        (Line::Stays, _) => return Ok(Step::Mark),
        (Line::Leaves, None) => return Ok(Step::Decide),
        (Line::Leaves, Some(Leaving { removed: Some(_), .. })) => return Ok(Step::Bury),
        (Line::Leaves, Some(_)) => {}
    }
    let Some(leaving) = standing.leaving else { return Ok(Step::Decide) };
    match &standing.sleeps {
        Known::Unknown(why) => return Err(not(&format!("whether its tasks are gone is not known: {why}"))),
        Known::No => return Ok(Step::Sleep),
        Known::Yes => {}
    }
    let Some(kept) = &leaving.kept else { return Ok(Step::Keep) };
    let Goal::Remove(approval) = goal else { return Ok(Step::Wait(leaving.retain_until)) };
    let mut reasons = Vec::new();
    match &standing.unrouted {
        Known::Unknown(why) => reasons.extend(not(&format!("whether its routes are gone is not known: {why}"))),
        Known::No => reasons.extend(not("it still has routes: apply Terraform's plan of `state: offboarding` first")),
        Known::Yes => {}
    }
    if standing.today <= leaving.retain_until {
        reasons.extend(not(&format!("it is kept until {}", leaving.retain_until)));
    }
    reasons.extend(approved(*approval, &removal(&leaving.holding, &kept.list), standing.today));
    if reasons.is_empty() { Ok(Step::Remove) } else { Err(reasons) }
}

/// Something that an approval can be for: what is done to whom, and what is lost with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Loss {
    what: &'static str,
    fleet: FleetName,
    set: SetId,
    /// The list of what is kept.
    kept: ContentHash,
    /// What is lost, in words.
    pub lost: BTreeSet<String>,
}

impl Loss {
    /// What an approval names: SHA-256 over the loss as canonical JSON.
    pub fn digest(&self) -> ContentHash {
        ContentHash::of(serde_json::to_value(self).unwrap_or_default().to_string().as_bytes())
    }
}

/// What is lost when a tenant's line goes and Terraform is applied.
pub fn removal(of: &Holding, kept: &ContentHash) -> Loss {
    let lost = ["its services, roles and logs", "its secrets, 30 days later", "its queue with what is in it"];
    loss("remove", of, kept, lost.map(|what| format!("{} in {}: {what}", of.set, of.fleet)).into())
}

/// What is lost when a tenant's data are purged.
pub fn purge(of: &Holding, kept: &ContentHash) -> Loss {
    let evidence = format!("every object and version in s3://{}/{}", of.bucket, of.prefix);
    let rows = format!("{} {} in database tasks of {}, with all rows", of.rds, of.user, of.shard);
    loss("purge", of, kept, [evidence, rows].into())
}

/// What is lost when the place that a tenant was moved away from is given up.
pub fn retirement(of: &Holding, kept: &ContentHash) -> Loss {
    let lost = ["the way back to it", "its services, roles and logs there", "its secrets there, 30 days later"];
    loss("retire", of, kept, lost.map(|what| format!("{} of {} in {}: {what}", of.set, of.fleet, of.cell)).into())
}

fn loss(what: &'static str, of: &Holding, kept: &ContentHash, lost: BTreeSet<String>) -> Loss {
    Loss { what, fleet: of.fleet.clone(), set: of.set.clone(), kept: kept.clone(), lost }
}

/// Why a loss is not approved; every reason at once.
pub fn approved(approval: Option<&Approval>, loss: &Loss, today: Date) -> Vec<Reason> {
    let lost: BTreeSet<&str> = loss.lost.iter().map(String::as_str).collect();
    match approval {
        Some(approval) => approval.against(&loss.digest(), &lost, today),
        None => vec![Reason::LossNotApproved { things: format!("{} things", lost.len()) }],
    }
}

/// What a tenant has in the data stores, by the names that Terraform gives (`infra/stack/names`). None if its cell is
/// not in the file.
pub fn holding(app: &Application, fleet: &Fleet, set: &ServiceSet, shard: &str) -> Option<Holding> {
    let account = &app.cells.get(&set.cell)?.account;
    let prefix = format!("{}-{}", app.name, fleet.name);
    let shared = format!("{prefix}-evidence-{account}");
    let bucket = match set.data.evidence {
        Evidence::Prefix => shared,
        Evidence::Bucket => format!("{shared}-{}", set.id),
    };
    Some(Holding {
        fleet: fleet.name.clone(),
        set: set.id.clone(),
        cell: set.cell.clone(),
        cluster: set.cluster.clone(),
        bucket,
        prefix: format!("tenants/{}/", set.id),
        archive: format!("{prefix}-archive-{account}"),
        role: format!("arn:aws:iam::{account}:role/{}/{}/sets/{prefix}-{}-archive", app.name, fleet.name, set.id),
        shard: shard.to_owned(),
        tasks: format!("{prefix}-{shard}"),
        rds: set.data.rds,
        user: format!("t_{}", set.id),
    })
}

/// An object that is kept.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeptObject {
    /// Its name in the tenant's folder of the archive.
    pub name: String,
    /// Bytes.
    pub bytes: u64,
    /// Its checksum as S3 computes it: SHA-256 in base64; with `-N`, that of N parts' checksums.
    pub sha256: String,
}

/// The list of everything that is kept of a tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeptList {
    /// Version of the shape.
    pub schema: u32,
    /// Its fleet.
    pub fleet: FleetName,
    /// Who.
    pub set: SetId,
    /// Number of the decision that it leaves.
    pub decision: u32,
    /// The objects, by name.
    pub objects: BTreeSet<KeptObject>,
}

impl KeptList {
    /// The list's bytes: the same for the same objects.
    pub fn bytes(&self) -> Vec<u8> {
        serde_json::to_value(self).unwrap_or_default().to_string().into_bytes()
    }

    /// Reads a list back; none if it is no list.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::domain::directive::Kept;

    fn leaving() -> Leaving {
        let holding = Holding {
            fleet: "prod".parse().unwrap(),
            set: "acme".parse().unwrap(),
            cell: "one".parse().unwrap(),
            cluster: "c".to_owned(),
            bucket: "evidence".to_owned(),
            prefix: "tenants/acme/".to_owned(),
            archive: "archive".to_owned(),
            role: "role".to_owned(),
            shard: "s1".to_owned(),
            tasks: "shop-prod-s1".to_owned(),
            rds: crate::domain::fleet::Rds::Schema,
            user: "t_acme".to_owned(),
        };
        let kept = Some(Kept { list: ContentHash::of(b"list"), objects: 2, bytes: 10 });
        Leaving {
            by: "ana".to_owned(),
            why: "it ends".to_owned(),
            since: Timestamp::UNIX_EPOCH,
            decision: 1,
            retain_until: "2026-12-31".parse().unwrap(),
            holding,
            kept,
            removed: None,
            purging: false,
            purged: false,
        }
    }

    fn approval(loss: &Loss) -> Approval {
        Approval {
            schema: 1,
            plan: loss.digest(),
            lost: loss.lost.iter().cloned().collect(),
            reason: "the contract ended".to_owned(),
            expires: "2027-02-01".parse().unwrap(),
            requested_by: "ada".to_owned(),
            approved_by: "grace".to_owned(),
        }
    }

    fn standing<'a>(set: &'a SetId, leaving: &'a Leaving) -> Standing<'a> {
        let (sleeps, unrouted) = (Known::Yes, Known::Yes);
        Standing {
            set,
            line: Line::Leaves,
            leaving: Some(leaving),
            sleeps,
            unrouted,
            today: "2027-01-01".parse().unwrap(),
        }
    }

    #[test]
    fn each_step_follows_from_what_is_seen() {
        let (set, all) = ("acme".parse().unwrap(), leaving());
        let seen = || standing(&set, &all);
        let step = |standing: Standing<'_>| next(&standing, &Goal::Leave).unwrap();
        assert_eq!(step(Standing { line: Line::Stays, leaving: None, ..seen() }), Step::Mark);
        assert_eq!(step(Standing { leaving: None, ..seen() }), Step::Decide);
        assert_eq!(step(Standing { sleeps: Known::No, ..seen() }), Step::Sleep);
        let bare = Leaving { kept: None, ..leaving() };
        assert_eq!(step(Standing { leaving: Some(&bare), ..seen() }), Step::Keep);
        assert_eq!(step(Standing { unrouted: Known::No, ..seen() }), Step::Wait("2026-12-31".parse().unwrap()));
        let given_up = Leaving { removed: Some(Timestamp::UNIX_EPOCH), ..leaving() };
        assert_eq!(step(Standing { leaving: Some(&given_up), ..seen() }), Step::Bury);
        assert_eq!(step(Standing { line: Line::Gone, ..seen() }), Step::Nothing);
    }

    #[test]
    fn it_goes_only_after_its_day_without_routes_and_approved() {
        let (set, all) = ("acme".parse().unwrap(), leaving());
        let good = approval(&removal(&all.holding, &ContentHash::of(b"list")));
        assert_eq!(next(&standing(&set, &all), &Goal::Remove(Some(&good))), Ok(Step::Remove));
        let early = Standing { today: "2026-12-31".parse().unwrap(), unrouted: Known::No, ..standing(&set, &all) };
        let told: Vec<String> =
            next(&early, &Goal::Remove(None)).unwrap_err().iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "tenant `acme` cannot go yet: it still has routes: apply Terraform's plan of `state: offboarding` first",
                "tenant `acme` cannot go yet: it is kept until 2026-12-31",
                "3 things would be lost, and nothing approves it",
            ]
        );
        let of_the_purge = approval(&purge(&all.holding, &ContentHash::of(b"list")));
        assert!(next(&standing(&set, &all), &Goal::Remove(Some(&of_the_purge))).is_err());
        let of_another_list = approval(&removal(&all.holding, &ContentHash::of(b"other")));
        assert!(next(&standing(&set, &all), &Goal::Remove(Some(&of_another_list))).is_err());
        let alone = Approval { approved_by: "Ada".to_owned(), ..good };
        assert!(next(&standing(&set, &all), &Goal::Remove(Some(&alone))).is_err());
    }

    #[test]
    fn inv_09_what_is_unknown_is_never_done() {
        let (set, all) = ("acme".parse().unwrap(), leaving());
        let good = approval(&removal(&all.holding, &ContentHash::of(b"list")));
        let unknown = || Known::Unknown("no answer".to_owned());
        let goal = Goal::Remove(Some(&good));
        assert!(next(&Standing { sleeps: unknown(), ..standing(&set, &all) }, &goal).is_err());
        assert!(next(&Standing { unrouted: unknown(), ..standing(&set, &all) }, &goal).is_err());
        assert!(next(&Standing { sleeps: unknown(), ..standing(&set, &all) }, &Goal::Leave).is_err());
    }
}
