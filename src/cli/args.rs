//! What was typed.

use std::path::{Path, PathBuf};

use accessos_licensing::TrustedKeys;
use clap::{Args, Parser, Subcommand, ValueEnum};

use super::failure_spec::FailureSpec;
use crate::domain::ids::{AppName, CellName, CommitSha, ContentHash, FleetName, SetId, Version};

/// Releases one application to many tenants: builds images, moves a version from fleet to fleet in waves with
/// health gates, takes it back when a gate fails, and keeps its records as GitHub deployments.
///
/// Exit codes: 0 done or nothing to do, 2 bad input, 3 a gate failed, 4 held or waiting, 5 conflict, 6 complete
/// with exceptions, 7 a rollback failed, 69 something outside is unavailable, 70 a bug, 130 interrupted.
#[derive(Debug, Parser)]
#[command(name = "tidegate", version)]
pub struct Cli {
    /// Options of every command.
    #[command(flatten)]
    pub common: Common,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Clone, Debug, Args)]
pub struct Common {
    /// The file that everything follows from.
    #[arg(long, global = true, default_value = "fleet.yaml", value_name = "FILE")]
    pub file: PathBuf,
    /// Print the result as JSON on standard output; progress goes to standard error.
    #[arg(long, global = true)]
    pub json: bool,
    /// Leave a running rollout to the next job after this time, such as 5h30m. In a workflow run that is the default.
    #[arg(long, global = true, env = "TIDEGATE_HAND_OVER_AFTER", value_name = "TIME")]
    pub hand_over_after: Option<jiff::SignedDuration>,
    /// Work on a simulated world kept in DIR, in virtual time, instead of on AWS and GitHub.
    #[arg(long, global = true, value_name = "DIR", num_args = 0..=1, default_missing_value = ".tidegate/sim")]
    pub sim: Option<PathBuf>,
}

/// What to do.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Do what the GitHub event asks for. The only command a workflow needs.
    Ci {
        /// Hash of the plan that was approved.
        #[arg(long, value_name = "HASH")]
        approved_plan: Option<ContentHash>,
        /// On a schedule: only this fleet, whose credentials the job has.
        #[arg(long)]
        fleet: Option<FleetName>,
    },
    /// Read fleet.yaml and report every problem in it.
    Check,
    /// Build and push what the registry does not have, and record the release.
    Build(Source),
    /// Show what a release would do to a fleet. Changes nothing.
    Plan(Wanted),
    /// Release to a fleet that takes merges.
    Deploy(Approved),
    /// Release to a fleet what succeeded in the fleet before it.
    Promote(Approved),
    /// Take a fleet back to what it ran before, or to a version that it had, and put it on hold.
    Rollback {
        /// The fleet.
        #[arg(long)]
        fleet: FleetName,
        /// The version to go back to, instead of the one before the last rollout.
        #[arg(long, value_name = "VERSION", conflicts_with = "of")]
        to: Option<Version>,
        /// The rollout to take back, by its number; it may itself be a rollback.
        #[arg(long, value_name = "ROLLOUT")]
        of: Option<u64>,
        /// Why, for the records.
        #[arg(long, default_value = "rolled back")]
        why: String,
    },
    /// End the open rollout of a fleet, leave everything as it is, and put the fleet on hold.
    Abort(Decision),
    /// Let nothing go forward in a fleet. A rollout under way stops within a minute and can be continued later.
    Hold(Decision),
    /// Lift the hold of a fleet.
    Unhold(Decision),
    /// Keep a version out of a fleet for good.
    Bad {
        /// Which fleet, and why.
        #[command(flatten)]
        decision: Decision,
        /// The version.
        #[arg(long, value_name = "VERSION")]
        version: Version,
        /// Take the mark away instead; failures up to now no longer count.
        #[arg(long)]
        clear: bool,
    },
    /// Keep a tenant on a version until a day.
    Pin {
        /// Which fleet, and why.
        #[command(flatten)]
        decision: Decision,
        /// The tenant.
        #[arg(long)]
        tenant: SetId,
        /// The version it keeps.
        #[arg(long, value_name = "VERSION")]
        version: Version,
        /// The last day, such as 2026-12-31.
        #[arg(long, value_name = "DATE")]
        until: jiff::civil::Date,
    },
    /// Take a tenant's pin away.
    Unpin {
        /// Which fleet, and why.
        #[command(flatten)]
        decision: Decision,
        /// The tenant.
        #[arg(long)]
        tenant: SetId,
    },
    /// Put tenants to sleep at zero tasks. What is changed is recorded first, and restored exactly by `resume`.
    Pause {
        /// Which fleet, and why.
        #[command(flatten)]
        decision: Decision,
        /// The tenant; can be given several times. Without it, all of the fleet's.
        #[arg(long)]
        tenant: Vec<SetId>,
        /// When they are meant to come back, such as 2026-12-31.
        #[arg(long, value_name = "DATE")]
        until: Option<jiff::civil::Date>,
    },
    /// Wake tenants as they were, and bring them to the fleet's release through the gate.
    Resume {
        /// Which fleet, and why.
        #[command(flatten)]
        decision: Decision,
        /// The tenant; can be given several times. Without it, all that are paused.
        #[arg(long)]
        tenant: Vec<SetId>,
    },
    /// The last step of a job, whatever came before: note what this run left half-way, and let go of its leases.
    Finalize,
    /// Go on with a rollout that was interrupted or held.
    Continue {
        /// The fleet.
        #[arg(long)]
        fleet: FleetName,
        /// Accept what the gates of the wave under watch could not decide. What failed cannot be accepted.
        #[arg(long, requires = "why")]
        accept: bool,
        /// Why it is good enough, for the records.
        #[arg(long, requires = "accept")]
        why: Option<String>,
    },
    /// See what gates would have done.
    #[command(subcommand)]
    Gates(Gates),
    /// Show what runs where, by the records and live.
    Status {
        /// Only this fleet.
        #[arg(long)]
        fleet: Option<FleetName>,
    },
    /// Show what ran where and when, by whom and how it came out, and what people decided; the newest first.
    History {
        /// Only this fleet.
        #[arg(long)]
        fleet: Option<FleetName>,
        /// No more than this many.
        #[arg(long, default_value_t = 20, value_name = "N")]
        limit: usize,
    },
    /// Compare what is live with the records and with what people decided. Exit 0: no drift; 5: some; 4 or 69: it cannot
    /// be told.
    Drift {
        /// Only this fleet.
        #[arg(long)]
        fleet: Option<FleetName>,
    },
    /// Show how many tenants fit in each cell: AWS's quotas and what is taken of them, what breaks first and when, and who
    /// should have an account of their own. Exit 0: there is room; 2: a quota is passed; 4: it cannot be told.
    Quota {
        /// Only this cell.
        #[arg(long)]
        cell: Option<CellName>,
        /// So many tenants come a month; without it, by the plans of the last half year.
        #[arg(long, value_name = "TENANTS")]
        growth: Option<f64>,
        /// By fleet.yaml alone, with AWS's defaults; asks nobody.
        #[arg(long)]
        declared: bool,
    },
    /// Make a page about the fleets: who runs what, waves, gates, failures, history and DORA's figures.
    Report {
        /// Only this fleet.
        #[arg(long)]
        fleet: Option<FleetName>,
        /// Write the page into this folder, as index.html: one file that needs nothing else.
        #[arg(long, value_name = "DIR")]
        html: Option<PathBuf>,
        /// Do not look at what is live: it is then shown as unknown.
        #[arg(long)]
        records_only: bool,
        /// How many days the figures are about.
        #[arg(long, default_value_t = 30, value_name = "DAYS", value_parser = clap::value_parser!(u16).range(1..=366))]
        days: u16,
    },
    /// Show what a release would do to a fleet, on a simulated world in virtual time, with failures you choose.
    Rehearse {
        /// The fleet.
        #[arg(long)]
        fleet: FleetName,
        /// A failure of the release, such as tenant=acme,service=iam-service,at=bake; can be given several times.
        /// `at` is start (tasks stop at once), bake (tasks answer 500) or errors (five requests in a hundred fail);
        /// without tenant or service it is for all.
        #[arg(long, value_name = "FAILURE")]
        fail: Vec<FailureSpec>,
        /// Another seed is another release, and so another canary.
        #[arg(long, default_value_t = 0)]
        seed: u64,
        /// Begin with as many tasks as each service really has now, and with none where a tenant is at zero.
        #[arg(long)]
        live: bool,
        /// Terraform has changed the task definitions too: every service of the fleet gets more memory.
        #[arg(long)]
        configuration: bool,
    },
    /// Tell the whole story on a simulated AccessOS: merge, dev, label, prod in waves, a broken release, a rollback.
    Demo {
        /// Where the records are left as files.
        #[arg(long, default_value = ".tidegate/demo", value_name = "DIR")]
        dir: PathBuf,
    },
    /// Write a fleet.yaml and the workflows into a repository. What is there is kept; what could not be found is named.
    Init {
        /// The application's name; without it, the folder's.
        #[arg(long)]
        app: Option<AppName>,
        /// The commit of tidegate that workflows use; without it, that of this binary.
        #[arg(long, value_name = "SHA")]
        pin: Option<CommitSha>,
        /// The top of the repository.
        #[arg(long, default_value = ".", value_name = "DIR")]
        dir: PathBuf,
    },
    /// Tell what is missing around fleet.yaml at GitHub, in AWS and in the checkout, and what mends it. Changes nothing.
    Doctor,
    /// Tenants: list and show them, and write down for Terraform what fleet.yaml says of them.
    Tenants {
        /// What to do.
        #[command(subcommand)]
        command: Tenants,
    },
    /// Licences of tenants: issue, show and verify them, and replace the key that signs.
    License {
        /// What to do.
        #[command(subcommand)]
        command: License,
    },
    /// The routing snapshot that a fleet's edge routers serve from: publish it, show it, take it back.
    Routing {
        /// What to do.
        #[command(subcommand)]
        command: Routing,
    },
    /// Refuse a plan of Terraform's that would lose something of value, unless a second person approved exactly that.
    InfraGuard {
        /// What `terraform show -json` prints of the saved plan.
        #[arg(value_name = "PLAN.json")]
        plan: PathBuf,
        /// The approval; its shape is schema/infra-approval.schema.json.
        #[arg(long, value_name = "FILE")]
        approval: Option<PathBuf>,
    },
    /// Print the JSON Schema of a file that tidegate reads, or of what `report --json` prints.
    Schema {
        /// Which.
        #[arg(value_enum, default_value_t = FileKind::Fleet)]
        of: FileKind,
    },
}

impl Command {
    /// Whether it only looks, and gets no writers.
    pub fn only_looks(&self) -> bool {
        matches!(
            self,
            Self::Plan(_)
                | Self::Status { .. }
                | Self::History { .. }
                | Self::Drift { .. }
                | Self::Quota { .. }
                | Self::Report { .. }
        )
    }
}

/// What can be done with gates.
#[derive(Clone, Debug, Subcommand)]
pub enum Gates {
    /// Run the gates over recorded or given series and print the verdict minute by minute.
    Replay {
        /// The series, as schema/replay.schema.json describes them.
        #[arg(value_name = "FILE")]
        series: PathBuf,
    },
}

/// A kind of file that tidegate reads, or that others read of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FileKind {
    /// fleet.yaml.
    Fleet,
    /// A file of tenants.
    Tenants,
    /// A file of series for `gates replay`.
    Replay,
    /// The result of a command, as `--json` prints it.
    Result,
    /// An approval of what a plan of Terraform's would lose.
    InfraApproval,
    /// What `report --json` prints.
    Report,
    /// What is signed of a licence.
    License,
    /// The routing snapshot.
    RoutingSnapshot,
}

/// What to do about licences.
#[derive(Clone, Debug, Subcommand)]
pub enum License {
    /// Write a signed licence for every tenant that has one in fleet.yaml. What is current stays as it is.
    Issue {
        /// One fleet only.
        #[arg(long)]
        fleet: Option<FleetName>,
        /// One tenant only; can be given several times.
        #[arg(long)]
        tenant: Vec<SetId>,
        /// What signs.
        #[command(flatten)]
        key: LicenseKey,
        /// Where licences are kept.
        #[command(flatten)]
        kept: Kept,
    },
    /// Show a tenant's licence as it is kept. Whether it counts is not judged.
    Show {
        /// The tenant.
        id: SetId,
        /// Where licences are kept.
        #[command(flatten)]
        kept: Kept,
    },
    /// Judge a tenant's licence as the tenant would, offline; exit 2 and every reason if it does not count.
    Verify {
        /// The tenant.
        id: SetId,
        /// One or two public keys that are trusted, in base64, with a comma between them.
        #[arg(long)]
        keys: TrustedKeys,
        /// Another file than the one that is kept.
        #[arg(long, value_name = "FILE")]
        licence: Option<PathBuf>,
        /// The last licence that counted for the tenant: an older one is refused.
        #[arg(long, value_name = "FILE")]
        seen: Option<PathBuf>,
        /// Another time than now, such as 2027-06-30T00:00:00Z.
        #[arg(long, value_name = "TIME")]
        at: Option<jiff::Timestamp>,
        /// Where licences are kept.
        #[command(flatten)]
        kept: Kept,
    },
    /// Sign everything that is kept with another key. Trust both keys first, and only the new one when this is published.
    Rotate {
        /// The public keys that signed so far.
        #[arg(long)]
        keys: TrustedKeys,
        /// What signs from now on.
        #[command(flatten)]
        key: LicenseKey,
        /// Where licences are kept.
        #[command(flatten)]
        kept: Kept,
    },
}

/// What licences are signed with.
#[derive(Clone, Debug, Args)]
pub struct LicenseKey {
    /// File of the Ed25519 key in PEM, as `openssl genpkey -algorithm ed25519` writes it; else TIDEGATE_LICENSE_KEY has it.
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
}

/// Where licences are kept.
#[derive(Clone, Debug, Args)]
pub struct Kept {
    /// The folder with a folder for each fleet.
    #[arg(long, default_value = "licenses", value_name = "DIR")]
    pub dir: PathBuf,
}

impl License {
    /// The folder with a folder for each fleet.
    pub fn dir(&self) -> &Path {
        match self {
            Self::Issue { kept, .. }
            | Self::Show { kept, .. }
            | Self::Verify { kept, .. }
            | Self::Rotate { kept, .. } => &kept.dir,
        }
    }

    /// The file of the key that signs, if one is named; none where nothing is signed.
    pub fn key(&self) -> Option<&LicenseKey> {
        match self {
            Self::Issue { key, .. } | Self::Rotate { key, .. } => Some(key),
            Self::Show { .. } | Self::Verify { .. } => None,
        }
    }

    /// The files of a licence that is judged, and of one that was seen.
    pub fn judged(&self) -> (Option<&Path>, Option<&Path>) {
        match self {
            Self::Verify { licence, seen, .. } => (licence.as_deref(), seen.as_deref()),
            _ => (None, None),
        }
    }
}

/// What to do about the routing snapshot.
#[derive(Clone, Debug, Subcommand)]
pub enum Routing {
    /// Publish the tenants as fleet.yaml and people's decisions have them, unless that is in force already.
    Publish {
        /// The fleet.
        #[arg(long, env = "TIDEGATE_FLEET")]
        fleet: FleetName,
        /// How many tenants are meant to go at once, if that is more than fleets.X.routing.lose_max.
        #[arg(long, default_value_t = 0, value_name = "N")]
        lose: usize,
        /// End a rollback of the snapshot by this.
        #[arg(long)]
        past_rollback: bool,
        /// Go on until told to stop, and publish what was decided since, each time this has passed: such as 30s.
        #[arg(long, value_name = "TIME", conflicts_with_all = ["sim", "lose", "past_rollback"])]
        every: Option<jiff::SignedDuration>,
        /// What it is signed with.
        #[command(flatten)]
        key: Key,
    },
    /// Show the snapshot in force.
    Show {
        /// The fleet.
        #[arg(long)]
        fleet: FleetName,
        /// The generations behind it instead, as far as one can go back.
        #[arg(long)]
        all: bool,
    },
    /// Show what publishing would change. Exit 0: nothing; 5: something.
    Diff {
        /// The fleet.
        #[arg(long)]
        fleet: FleetName,
    },
    /// Wait until all edge routers serve what is published. Exit 0: they do; 4: they do not within five minutes.
    Wait {
        /// The fleet.
        #[arg(long)]
        fleet: FleetName,
        /// The generation; without it, the one in force.
        #[arg(long, value_name = "GENERATION")]
        generation: Option<u64>,
    },
    /// Publish the tenants of an earlier generation, as a new one. Nothing else is published until a person says so.
    Rollback {
        /// The fleet, and why.
        #[command(flatten)]
        decision: Decision,
        /// The generation; without it, the last one with other tenants.
        #[arg(long, value_name = "GENERATION")]
        to: Option<u64>,
        /// What it is signed with.
        #[command(flatten)]
        key: Key,
    },
    /// Decide how routers treat a tenant, and publish that. A pause goes before it.
    Set {
        /// The fleet, and why.
        #[command(flatten)]
        decision: Decision,
        /// The tenant.
        #[arg(long)]
        tenant: SetId,
        /// How.
        #[arg(long, value_enum)]
        state: RouteWord,
        /// The host that it has moved to.
        #[arg(long, value_name = "HOST", required_if_eq("state", "moved"))]
        to: Option<String>,
        /// What it is signed with.
        #[command(flatten)]
        key: Key,
    },
}

impl Routing {
    /// Which fleet's.
    pub fn fleet(&self) -> &FleetName {
        match self {
            Self::Publish { fleet, .. }
            | Self::Show { fleet, .. }
            | Self::Diff { fleet }
            | Self::Wait { fleet, .. } => fleet,
            Self::Rollback { decision, .. } | Self::Set { decision, .. } => &decision.fleet,
        }
    }

    /// The file of the signing key, if one is named; none where nothing is signed.
    pub fn key(&self) -> Option<&Key> {
        match self {
            Self::Publish { key, .. } | Self::Rollback { key, .. } | Self::Set { key, .. } => Some(key),
            Self::Show { .. } | Self::Diff { .. } | Self::Wait { .. } => None,
        }
    }
}

/// What a snapshot is signed with.
#[derive(Clone, Debug, Args)]
pub struct Key {
    /// File of the Ed25519 key in PEM, as `openssl genpkey -algorithm ed25519` writes it; else TIDEGATE_ROUTING_KEY has it.
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
}

/// How routers treat a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RouteWord {
    /// Its requests are passed on.
    Active,
    /// 503 with a page, for a while.
    Maintenance,
    /// Clients are sent to another host.
    Moved,
}

/// What to do about tenants.
#[derive(Clone, Debug, Subcommand)]
pub enum Tenants {
    /// Write each fleet's inputs for Terraform. Shards and slots that tenants have are kept.
    Export {
        /// Write nothing; exit 5 and tell the differences if a committed file is not current.
        #[arg(long)]
        check: bool,
        /// Where the files are.
        #[command(flatten)]
        envs: Envs,
    },
    /// Add a tenant: its line in fleet.yaml, its shard and slot in Terraform's inputs.
    Add {
        /// Its id.
        id: SetId,
        /// Its fleet.
        #[arg(long)]
        fleet: FleetName,
        /// Its own host; without it, ID and the fleet's domain.
        #[arg(long)]
        host: Option<String>,
        /// Its tier.
        #[arg(long)]
        tier: Option<String>,
        /// A word to select it by; can be given several times.
        #[arg(long)]
        tag: Vec<String>,
        /// Its part of RDS.
        #[arg(long, value_enum)]
        rds: Option<RdsWord>,
        /// Its part of S3.
        #[arg(long, value_enum)]
        evidence: Option<EvidenceWord>,
        /// The file of tenants to write it into, one of those that fleet.yaml includes.
        #[arg(long, value_name = "FILE")]
        into: Option<PathBuf>,
        /// Where the files are.
        #[command(flatten)]
        envs: Envs,
    },
    /// Take a tenant out for good, as far as that can go now: its line, its tasks, what must be kept of it; and, after
    /// the day until which that is kept and with an approval, a tombstone in the place of its line.
    Offboard {
        /// Its id.
        id: SetId,
        /// Its fleet, and why.
        #[command(flatten)]
        decision: Decision,
        /// The last day on which everything is kept, such as 2026-12-31.
        #[arg(long, value_name = "DATE")]
        retain_until: Option<jiff::civil::Date>,
        /// Remove it, with this approval of what is lost; its shape is schema/infra-approval.schema.json.
        #[arg(long, value_name = "FILE")]
        approval: Option<PathBuf>,
        /// Where the files are.
        #[command(flatten)]
        envs: Envs,
    },
    /// Purge the data of a tenant that is gone: its evidence and its part of the database.
    Purge {
        /// The id it had.
        id: SetId,
        /// Its fleet, and why.
        #[command(flatten)]
        decision: Decision,
        /// The approval of what is lost.
        #[arg(long, value_name = "FILE")]
        approval: Option<PathBuf>,
        /// Where the files are.
        #[command(flatten)]
        envs: Envs,
    },
    /// Move a tenant to another cell of its fleet, as far as that can go now; or back, until its old place is given up.
    Move {
        /// Its id.
        id: SetId,
        /// Its fleet, and why.
        #[command(flatten)]
        decision: Decision,
        /// The cell that it moves to.
        #[arg(long, value_name = "CELL", required_unless_present_any = ["back", "retire"])]
        to: Option<CellName>,
        /// Back to where it was.
        #[arg(long, conflicts_with = "to")]
        back: bool,
        /// Lose what it has written at its new place since this time, which is that of its switch.
        #[arg(long, value_name = "TIME", requires = "back")]
        lose_writes_since: Option<jiff::Timestamp>,
        /// Give up its old place, which its data there outlive.
        #[arg(long, conflicts_with_all = ["to", "back"])]
        retire: bool,
        /// The approval of what giving it up loses; its shape is schema/infra-approval.schema.json.
        #[arg(long, value_name = "FILE", requires = "retire")]
        approval: Option<PathBuf>,
        /// Show the steps and how far they are; change nothing.
        #[arg(long)]
        plan: bool,
        /// Try the whole of it on a simulated world, with copies of the files; change nothing.
        #[arg(long, conflicts_with_all = ["plan", "back", "retire"])]
        rehearse: bool,
        /// Where the files are.
        #[command(flatten)]
        envs: Envs,
    },
    /// List the tenants.
    List {
        /// Only this fleet's.
        #[arg(long)]
        fleet: Option<FleetName>,
        /// Where the files are.
        #[command(flatten)]
        envs: Envs,
    },
    /// Show one tenant.
    Show {
        /// Its id.
        id: SetId,
        /// Where the files are.
        #[command(flatten)]
        envs: Envs,
    },
}

impl Tenants {
    /// Whether it needs the world beside the files of the repository.
    pub fn moves(&self) -> bool {
        matches!(self, Self::Offboard { .. } | Self::Purge { .. } | Self::Move { .. })
    }

    /// The approval that was given.
    pub fn approval(&self) -> Option<&Path> {
        match self {
            Self::Offboard { approval, .. } | Self::Purge { approval, .. } | Self::Move { approval, .. } => {
                approval.as_deref()
            }
            _ => None,
        }
    }

    /// The folder with a folder for each fleet.
    pub fn dir(&self) -> &Path {
        match self {
            Self::Export { envs, .. }
            | Self::Add { envs, .. }
            | Self::Offboard { envs, .. }
            | Self::Purge { envs, .. }
            | Self::Move { envs, .. }
            | Self::List { envs, .. }
            | Self::Show { envs, .. } => &envs.dir,
        }
    }
}

/// A tenant's part of RDS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RdsWord {
    /// A schema of a shared database.
    Schema,
    /// A database of its own.
    Database,
}

/// A tenant's part of S3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EvidenceWord {
    /// A prefix of a shared bucket.
    Prefix,
    /// A bucket of its own.
    Bucket,
}

/// Where Terraform's roots are.
#[derive(Clone, Debug, Args)]
pub struct Envs {
    /// The folder with one of Terraform's roots for each fleet.
    #[arg(long, default_value = "infra/envs", value_name = "DIR")]
    pub dir: PathBuf,
}

/// A fleet, and why something is decided about it.
#[derive(Clone, Debug, Args)]
pub struct Decision {
    /// The fleet.
    #[arg(long)]
    pub fleet: FleetName,
    /// Why, for the records.
    #[arg(long)]
    pub why: String,
}

/// A release and a fleet.
#[derive(Clone, Debug, Args)]
pub struct Wanted {
    /// The fleet.
    #[arg(long)]
    pub fleet: FleetName,
    /// The release; without it, the newest that succeeded in the fleet before, or this commit's.
    #[arg(long, value_name = "VERSION")]
    pub version: Option<Version>,
}

/// A release and a fleet, with what was approved of them.
#[derive(Clone, Debug, Args)]
pub struct Approved {
    /// Which release, and where to.
    #[command(flatten)]
    pub wanted: Wanted,
    /// Hash of the plan that was approved.
    #[arg(long, value_name = "HASH")]
    pub approved_plan: Option<ContentHash>,
    /// Go past holds, windows, freezes and soaks, for this reason. It is recorded with your name.
    #[arg(long, value_name = "WHY")]
    pub break_glass: Option<String>,
}

/// What is built.
#[derive(Clone, Debug, Args)]
pub struct Source {
    /// The commit that is checked out.
    #[arg(long, env = "GITHUB_SHA", value_name = "SHA")]
    pub commit: CommitSha,
    /// The branch it is on.
    #[arg(long, env = "GITHUB_REF_NAME", default_value = "main")]
    pub branch: String,
    /// Number of the run, for the version.
    #[arg(long, env = "GITHUB_RUN_NUMBER", default_value_t = 0, value_name = "N")]
    pub run_number: u64,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn sim_has_a_default_folder_and_takes_one() {
        let sim = |words: &[&str]| Cli::try_parse_from(words).unwrap().common.sim;
        assert_eq!(sim(&["tidegate", "status", "--sim"]), Some(PathBuf::from(".tidegate/sim")));
        assert_eq!(sim(&["tidegate", "status", "--sim", "x"]), Some(PathBuf::from("x")));
        assert_eq!(sim(&["tidegate", "status"]), None);
    }

    #[test]
    fn bad_values_are_usage_errors() {
        for words in [["plan", "--fleet", "Prod!"], ["rollback", "--fleet", ""], ["plan", "--version", "1.0.0"]] {
            let error = Cli::try_parse_from(["tidegate"].into_iter().chain(words)).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{words:?}");
        }
    }
}
