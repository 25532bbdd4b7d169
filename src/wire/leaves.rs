//! A tenant's whole way out on a simulated world: its line, its tasks, what is kept of it, its tombstone, its data. The
//! process is killed at every one of its writes and started again, and must come to the same end; and each step that
//! loses something refuses without the approval of exactly that.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;

use super::mortal::{Death, Desk, Mortal, Watch};
use super::papers::Papers;
use super::simulated::{app, beginning, push};
use crate::adapters::sim::Sim;
use crate::app::offboard::{Asked, Files, Stands, offboard, purge, to_purge};
use crate::app::{App, Stop};
use crate::cli::args::Command;
use crate::cli::context::Context;
use crate::cli::progress::Silent;
use crate::cli::run::act;
use crate::domain::directive::Directives;
use crate::domain::fleet::{Application, Fleet};
use crate::domain::ids::{FleetName, SetId};
use crate::domain::infra_guard::Approval;
use crate::domain::manifest::{Source, read};
use crate::domain::offboard::{Goal, Loss};
use crate::ports::ManifestWriter;

const FLEET: &[u8] = include_bytes!("../../fleet.yaml");
const BUCKET: &str = "accessos-dev-evidence-111111111111";
const ARCHIVE: &str = "accessos-dev-archive-111111111111";

/// The files of the repository, and the world.
struct Place {
    sim: Arc<Sim>,
    papers: Papers,
    /// At which write of all a process dies, and how many there have been.
    death: Option<Death>,
    writes: Mutex<u32>,
}

fn hooli() -> SetId {
    "hooli".parse().unwrap()
}

fn dev(application: &Application) -> &Fleet {
    application.fleet(&"dev".parse().unwrap()).unwrap()
}

impl Place {
    async fn new(death: Option<Death>) -> Self {
        let sources = vec![Source { name: "fleet.yaml".to_owned(), bytes: FLEET.to_vec() }];
        let application = Arc::new(read(&sources).unwrap());
        let sim = Arc::new(Sim::new(&application, beginning()));
        let context = Context { event: Some(push(1)), run_number: 1, ..Context::default() };
        act(&Command::Ci { approved_plan: None, fleet: None }, &app(&sim, application, Arc::new(Silent)), &context)
            .await;
        for name in ["2026/report.pdf", "a b"] {
            sim.world().put_evidence(BUCKET, &hooli(), name, name.as_bytes());
            sim.world().put_evidence(BUCKET, &"acme".parse().unwrap(), name, name.as_bytes());
        }
        let place = Self { sim, papers: Papers::new(sources), death, writes: Mutex::new(0) };
        place.merged();
        place
    }

    /// What is committed is merged, exported and applied by Terraform.
    fn merged(&self) {
        let merged = self.papers.merge(&self.application(), &self.sim);
        merged.unwrap_or_else(|reasons| panic!("{reasons:?}"));
    }

    fn application(&self) -> Arc<Application> {
        Arc::new(self.papers.application().unwrap_or_else(|problems| panic!("{problems}")))
    }

    /// Offboards as a person would who starts it again when it was killed.
    async fn offboard(&self, approval: Option<&Approval>) -> Result<Stands, Stop> {
        for _ in 0..2 {
            let (process, application) = self.process();
            let sources = self.papers.sources();
            let desk = Desk { papers: &self.papers, process: Arc::clone(&process) };
            let files = Files { sources: &sources, manifest: &desk, inputs: &desk };
            let (set, goal) = (hooli(), approval.map_or(Goal::Leave, |approval| Goal::Remove(Some(approval))));
            let retain_until = "2027-02-23".parse().ok();
            let asked = Asked { set: &set, by: "ana", why: "the contract ends", retain_until, goal };
            let work = process.app(&application);
            let ended = process.live(offboard(&work, dev(&application), &files, &asked)).await;
            *self.writes.lock().unwrap() += process.writes();
            if let Some(ended) = ended {
                return ended;
            }
        }
        panic!("a process dies once")
    }

    async fn purge(&self, approval: Option<&Approval>) -> Result<(), Stop> {
        for _ in 0..2 {
            let (process, application) = self.process();
            let set = hooli();
            let goal = Goal::Remove(approval);
            let asked = Asked { set: &set, by: "ana", why: "its day is over", retain_until: None, goal };
            let work = process.app(&application);
            let ended = process.live(purge(&work, dev(&application), &asked)).await;
            *self.writes.lock().unwrap() += process.writes();
            if let Some(ended) = ended {
                return ended;
            }
        }
        panic!("a process dies once")
    }

    fn process(&self) -> (Arc<Mortal>, Arc<Application>) {
        let before = *self.writes.lock().unwrap();
        let death = self.death.and_then(|death| Some(Death { at: death.at.checked_sub(before)?, ..death }));
        let nobody_looks: Watch = Arc::new(|_| {});
        (Mortal::new(&self.sim, death, &nobody_looks), self.application())
    }

    fn look(&self) -> App {
        app(&self.sim, self.application(), Arc::new(Silent))
    }

    fn at(&self, time: &str) {
        self.sim.world().now = time.parse::<Timestamp>().unwrap();
    }

    fn objects(&self) -> BTreeMap<String, Vec<u8>> {
        self.sim.world().objects().clone()
    }
}

fn approval(loss: &Loss) -> Approval {
    Approval {
        schema: 1,
        plan: loss.digest(),
        lost: loss.lost.iter().cloned().collect(),
        reason: "the contract ended".to_owned(),
        expires: "2027-03-31".parse().unwrap(),
        requested_by: "ada".to_owned(),
        approved_by: "grace".to_owned(),
    }
}

fn codes<T: std::fmt::Debug>(result: Result<T, Stop>) -> Vec<String> {
    match result {
        Err(Stop::Refused(reasons)) => reasons.iter().map(crate::domain::reason::Reason::code).collect(),
        other => panic!("{other:?}"),
    }
}

/// What is compared between a way out that was cut off and one that was not.
#[derive(Debug, PartialEq, Eq)]
struct End {
    file: String,
    objects: BTreeMap<String, Vec<u8>>,
    tasks: Vec<u32>,
    others: String,
    leaving: (Option<crate::domain::directive::Kept>, bool, bool, bool),
}

async fn story(death: Option<Death>) -> (End, u32) {
    let place = Place::new(death).await;
    let fleet: FleetName = "dev".parse().unwrap();
    let others = place.sim.world().what_runs(&fleet);
    // Whoever is killed right after the file was written does not hear of it, and goes on from what it says.
    let (marked, buried) = (Stands::Marked("fleet.yaml".to_owned()), Stands::Buried("fleet.yaml".to_owned()));
    let first = place.offboard(None).await.unwrap();
    assert!(first == marked || (death.is_some() && matches!(first, Stands::Waits { .. })), "{first:?}");
    place.merged();
    let Stands::Waits { until, kept, loss } = place.offboard(None).await.unwrap() else { panic!("it waits") };
    assert_eq!((until.to_string().as_str(), kept.objects), ("2027-02-23", 3));
    let good = approval(&loss);
    // The day until which it is kept, and without an approval after it.
    place.at("2027-02-23T23:00:00Z");
    assert_eq!(codes(place.offboard(Some(&good)).await), ["not_so_far"]);
    place.at("2027-02-24T00:00:00Z");
    let other = Approval { lost: vec!["something else".to_owned()], ..good.clone() };
    assert!(codes(place.offboard(Some(&other)).await).iter().all(|code| code == "approval_does_not_count"));
    assert_eq!(codes(place.purge(Some(&good)).await), ["not_so_far"], "its data go after its line");
    let last = place.offboard(Some(&good)).await.unwrap();
    assert!(last == buried || (death.is_some() && last == Stands::Gone), "{last:?}");
    place.merged();
    assert_eq!(place.offboard(None).await.unwrap(), Stands::Gone);
    assert_eq!(codes(place.purge(None).await), ["loss_not_approved"]);
    assert!(!codes(place.purge(Some(&good)).await).is_empty(), "the approval of its removal is none of its purge");
    assert!(place.objects().keys().any(|key| key.starts_with(&format!("{BUCKET}/tenants/hooli/"))));
    let work = place.look();
    let loss = to_purge(&work, dev(&work.application), &hooli()).await.unwrap().unwrap();
    place.purge(Some(&approval(&loss))).await.unwrap();
    place.purge(None).await.unwrap();
    let decided = work.readers.ledger.decided(&fleet).await.unwrap();
    let leaving = Directives::fold(&decided).leaving.remove(&hooli()).unwrap();
    assert_eq!(place.sim.world().what_runs(&fleet), others, "nobody's release has changed");
    let file = String::from_utf8(place.papers.sources()[0].bytes.clone()).unwrap();
    let tasks = place.sim.world().tasks_wanted(&fleet, &hooli());
    let others = place.sim.world().surroundings(&fleet);
    let end = End {
        file,
        objects: place.objects(),
        tasks,
        others,
        leaving: (leaving.kept, leaving.removed.is_some(), leaving.purging, leaving.purged),
    };
    let writes = *place.writes.lock().unwrap();
    (end, writes)
}

#[tokio::test]
async fn inv_05_killed_at_every_write_of_its_way_out_a_tenant_is_as_gone() {
    let (wanted, writes) = story(None).await;
    assert!(writes >= 30, "{writes}");
    for at in 0..writes {
        for after in [false, true] {
            let (end, _) = story(Some(Death { at, after })).await;
            assert_eq!(end, wanted, "killed at write {at}, after it: {after}");
        }
    }
}

#[tokio::test]
async fn a_tenant_that_is_gone_leaves_its_tombstone_and_what_is_kept_of_it() {
    let (end, _) = story(None).await;
    let fleet = std::str::from_utf8(FLEET).unwrap();
    let line = "    - { id: hooli,     fleet: dev }\n";
    let (before, after) = fleet.split_once(line).unwrap();
    let kept = end.leaving.0.unwrap();
    let tombstone = format!("  removed:\n    - {{ id: hooli, fleet: dev, on: 2027-02-24, kept: \"{}\" }}", kept.list);
    assert_eq!(end.file.trim_end(), format!("{before}{}\n{tombstone}", after.trim_end()));
    let keys: Vec<&str> = end.objects.keys().map(String::as_str).collect();
    let folder = keys.iter().find_map(|key| key.strip_suffix("/database.dump")).unwrap().to_owned();
    assert!(folder.starts_with(&format!("{ARCHIVE}/hooli/")), "{folder}");
    let mut wanted = vec![
        format!("{BUCKET}/tenants/acme/2026/report.pdf"),
        format!("{BUCKET}/tenants/acme/a b"),
        "dropped/hooli".to_owned(),
    ];
    wanted.extend(
        ["database.dump", "evidence/2026/report.pdf", "evidence/a b", "kept.json"]
            .map(|name| format!("{folder}/{name}")),
    );
    wanted.sort();
    assert_eq!(keys, wanted);
    assert!(end.tasks.iter().all(|tasks| *tasks == 0));
}

#[tokio::test]
async fn what_is_kept_is_checked_before_anything_is_lost() {
    let place = Place::new(None).await;
    place.offboard(None).await.unwrap();
    place.merged();
    let Stands::Waits { loss, .. } = place.offboard(None).await.unwrap() else { panic!("it waits") };
    place.at("2027-02-24T00:00:00Z");
    let dump = place.objects().keys().find(|key| key.ends_with("/database.dump")).cloned().unwrap();
    place.sim.world().spoil(&dump);
    let Err(Stop::Port(error)) = place.offboard(Some(&approval(&loss))).await else { panic!("it is spoilt") };
    assert_eq!(error.why, "database.dump is gone, or is another");
    assert!(place.application().removed.is_empty());
}

#[tokio::test]
async fn one_that_stays_after_all_and_leaves_again_is_kept_anew() {
    let place = Place::new(None).await;
    place.offboard(None).await.unwrap();
    place.merged();
    assert!(matches!(place.offboard(None).await.unwrap(), Stands::Waits { .. }));
    place.papers.replace("fleet.yaml", &place.papers.sources()[0].bytes, FLEET).await.unwrap();
    place.merged();
    let work = place.look();
    let sets = std::collections::BTreeSet::from([hooli()]);
    let wish = crate::app::pause::Wish { sets: &sets, by: "ana", why: "they stay", until: None };
    crate::app::pause::resume(&work, dev(&work.application), &wish).await.unwrap();
    place.sim.world().put_evidence(BUCKET, &hooli(), "newer", b"newer");
    place.offboard(None).await.unwrap();
    place.merged();
    let Stands::Waits { kept, .. } = place.offboard(None).await.unwrap() else { panic!("it waits") };
    assert_eq!(kept.objects, 4);
}
