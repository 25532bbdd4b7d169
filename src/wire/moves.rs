//! A tenant's move to another cell and back, on a simulated world in which it writes whenever it can. The process is
//! killed at every one of its writes and started again. After each write the world is looked at: the tenant has tasks at
//! one place at most, and whoever is sent somewhere finds it there. At the end it is in one place, with everything that it
//! ever wrote, and asleep in the other.

use std::sync::{Arc, Mutex};

use accessos_routing::{SigningKey, State};
use clap::Parser;

use super::mortal::{Death, Desk, Mortal, Watch};
use super::papers::Papers;
use super::rehearse_move::{Rehearsal, rehearse};
use super::simulated::{app, beginning, push};
use crate::adapters::sim::{Sim, World};
use crate::app::drive::End;
use crate::app::moving::{Asked, Stands, relocate, to_retire};
use crate::app::offboard::Files;
use crate::app::pause::{Wish, pause, resume};
use crate::app::rollback::{Back, rollback};
use crate::app::routing::Desk as Snapshots;
use crate::app::{App, Stop};
use crate::cli::args::{Cli, Command, Tenants};
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::moving::moving;
use crate::cli::progress::Silent;
use crate::cli::run::{Report, act};
use crate::domain::directive::Directives;
use crate::domain::fleet::{Application, Fleet};
use crate::domain::ids::{CellName, FleetName, ServiceKey, SetId};
use crate::domain::infra_guard::Approval;
use crate::domain::manifest::{Source, read};
use crate::domain::moving::Goal;
use crate::domain::mutant::{Mutant, break_rule};
use crate::domain::offboard::Loss;
use crate::domain::reason::Reason;
use crate::ports::{InputsReader, ManifestWriter};

const FLEET: &str = r#"
schema: 1
app: shop
domain: shop.example
images: { repository: "shop/{service}" }
services:
  web:  { build: web, port: 8080, health: /up }
  mail: { build: mail, traffic: none, after: [web] }
control_plane:
  services:
    edge-router: { build: router, port: 8080, health: /up }
cells:
  one: { account: "111111111111", region: eu-west-1, clusters: [shop-one], manifest: "s3://control-one/sets/{tenant}.json" }
  two: { account: "222222222222", region: eu-west-1, clusters: [shop-two], manifest: "s3://control-two/sets/{tenant}.json", tenants_max: 2 }
gates:
  default:
    rollout: { deadline: 15m }
    probe: { url: "https://{host}/{service}{health}", every: 10s, failures_max: 2, version: match }
fleets:
  dev:
    cells: [one, two]
    deploy_on: merge
    gate: default
    on_failure: rollback-wave
    waves: { plan: auto }
    bake: 1m
    routing:
      snapshot: "s3://control-one/routing"
      keys: ["KEY"]
      backend: "https://{cluster}.{cell}.internal"
tenants:
  entries:
    - { id: acme, fleet: dev, cell: one }
    - { id: bolt, fleet: dev, cell: one }
    - { id: core, fleet: dev, cell: two }
"#;

/// More writes than any move has.
const WRITES_MAX: u32 = 200;

fn acme() -> SetId {
    "acme".parse().unwrap()
}

fn dev(application: &Application) -> &Fleet {
    application.fleet(&"dev".parse().unwrap()).unwrap()
}

fn evidence(at: &str) -> &'static str {
    if at == "one" { "shop-dev-evidence-111111111111" } else { "shop-dev-evidence-222222222222" }
}

fn cell(name: &str) -> CellName {
    name.parse().unwrap()
}

/// What the tenant has written so far, in its database and as evidence.
#[derive(Default)]
struct Written {
    rows: String,
    pieces: u32,
    wrong: Vec<String>,
}

/// The files of the repository, the world, and the tenant that writes.
struct Stage {
    sim: Arc<Sim>,
    key: Arc<SigningKey>,
    papers: Papers,
    written: Arc<Mutex<Written>>,
    /// At which write of all a process dies, and how many there have been.
    death: Option<Death>,
    writes: Mutex<u32>,
}

/// Whether every service has tasks, and whether any has.
fn tasks(world: &World, at: &str) -> (bool, bool) {
    let fleet: FleetName = "dev".parse().unwrap();
    let of = |service: &str| world.tasks_at(&fleet, &ServiceKey::new(&acme(), &service.parse().unwrap()), &cell(at));
    let counts: Vec<u32> = ["web", "mail"].into_iter().filter_map(of).collect();
    (counts.len() == 2 && counts.iter().all(|tasks| *tasks > 0), counts.iter().any(|tasks| *tasks > 0))
}

/// What must hold after every write; and the tenant writes wherever its people are sent and it has tasks.
fn watch(written: &Arc<Mutex<Written>>) -> Watch {
    let written = Arc::clone(written);
    let fleet: FleetName = "dev".parse().unwrap();
    Arc::new(move |sim| {
        let mut world = sim.world();
        let mut written = written.lock().unwrap();
        let routed = world.routed(&fleet, &acme());
        let (one, two) = (tasks(&world, "one"), tasks(&world, "two"));
        if one.1 && two.1 {
            written.wrong.push("it has tasks at both places".to_owned());
        }
        for (at, tasks) in [("one", one.1), ("two", two.1)] {
            let is_home = routed.as_ref().is_some_and(|(state, to)| *state == State::Active && to == at);
            // A worker at the old place writes as long as it lives, whether its people are let in or not.
            if !tasks || !(is_home || at == "one") {
                continue;
            }
            let row = format!("\n{} in {at}", written.rows.lines().count());
            written.rows.push_str(&row);
            world.write_row(&cell(at), &acme(), &row);
            if is_home {
                let piece = format!("piece-{}", written.pieces);
                world.put_evidence(evidence(at), &acme(), &piece, piece.as_bytes());
                written.pieces += 1;
            }
        }
        if let Some((State::Active, at)) = routed {
            let whole = if at == "one" { one.0 } else { two.0 };
            if !whole || world.is_closed_in(&fleet, &acme(), &cell(&at)) {
                written.wrong.push(format!("its people are sent to {at}, and it does not serve there"));
            }
        }
    })
}

impl Stage {
    async fn new(death: Option<Death>) -> Self {
        let key = Arc::new(SigningKey::from_pem(&SigningKey::generate().unwrap()).unwrap());
        let text = FLEET.replace("KEY", &key.public().to_string());
        let sources = vec![Source { name: "fleet.yaml".to_owned(), bytes: text.into_bytes() }];
        let application = Arc::new(read(&sources).unwrap_or_else(|problems| panic!("{problems}")));
        let sim = Arc::new(Sim::new(&application, beginning()));
        let context = Context { event: Some(push(1)), run_number: 1, ..Context::default() };
        let first = app(&sim, Arc::clone(&application), Arc::new(Silent));
        act(&Command::Ci { approved_plan: None, fleet: None }, &first, &context).await;
        for name in ["2026/report.pdf", "a b"] {
            sim.world().put_evidence(evidence("one"), &acme(), name, name.as_bytes());
        }
        let stage =
            Self { sim, key, papers: Papers::new(sources), written: Arc::default(), death, writes: Mutex::new(0) };
        stage.publish().await;
        stage.merged();
        stage
    }

    /// The publisher service publishes what was decided.
    async fn publish(&self) {
        let look = self.look();
        let desk = Snapshots { application: &look.application, fleet: dev(&look.application), snapshots: &*self.sim };
        desk.publish(&look.readers, &*self.sim, &self.key, crate::app::routing::Wish::default()).await.unwrap();
    }

    /// What is committed is merged, exported and applied by Terraform.
    fn merged(&self) {
        let merged = self.papers.merge(&self.application(), &self.sim);
        merged.unwrap_or_else(|reasons| panic!("{reasons:?}"));
    }

    fn application(&self) -> Arc<Application> {
        Arc::new(self.papers.application().unwrap_or_else(|problems| panic!("{problems}")))
    }

    fn look(&self) -> App {
        app(&self.sim, self.application(), Arc::new(Silent))
    }

    /// One process, killed for good if it dies.
    async fn once(&self, goal: Goal<'_>, publishes: bool) -> Option<Result<Stands, Stop>> {
        let before = *self.writes.lock().unwrap();
        let death = self.death.and_then(|death| Some(Death { at: death.at.checked_sub(before)?, ..death }));
        let process = Mortal::new(&self.sim, death, &watch(&self.written));
        let (application, sources) = (self.application(), self.papers.sources());
        let desk = Desk { papers: &self.papers, process: Arc::clone(&process) };
        let files = Files { sources: &sources, manifest: &desk, inputs: &desk };
        let asked = Asked { set: &acme(), by: "ana", why: "more room", goal };
        let mut work = process.app(&application);
        work.signing_key = publishes.then(|| Arc::clone(&self.key));
        // On the heap: without optimisation a move is more than a test's stack takes.
        let ended = process.live(Box::pin(relocate(&work, dev(&application), &files, &asked))).await;
        *self.writes.lock().unwrap() += process.writes();
        ended
    }

    /// Asks as a person would who starts it again when it was killed.
    async fn ask(&self, goal: Goal<'_>, publishes: bool) -> Result<Stands, Stop> {
        for _ in 0..2 {
            if let Some(ended) = self.once(goal, publishes).await {
                return ended;
            }
            // Whoever is killed right after the file was written does not hear of it, and goes on from what it says.
            self.merged();
        }
        panic!("a process dies once")
    }

    /// Asks until nothing more is to be merged.
    async fn to_the_end(&self, goal: Goal<'_>) -> Result<Stands, Stop> {
        for _ in 0..4 {
            match self.ask(goal, true).await? {
                Stands::Written { .. } => self.merged(),
                stands => return Ok(stands),
            }
        }
        panic!("its line is written once, and again at the end")
    }

    async fn move_to(&self, at: &str) -> Stands {
        self.to_the_end(Goal::Move(&cell(at))).await.unwrap_or_else(|stop| panic!("{stop}"))
    }

    async fn directives(&self) -> Directives {
        Directives::fold(&self.look().readers.ledger.decided(&"dev".parse().unwrap()).await.unwrap())
    }

    /// It is at one place, whole, with everything it ever wrote, and asleep at the other.
    fn is_at(&self, home: &str, written_since: bool) {
        let other = if home == "one" { "two" } else { "one" };
        let world = self.sim.world();
        assert_eq!((tasks(&world, home).0, tasks(&world, other).1), (true, false), "{home}");
        let fleet: FleetName = "dev".parse().unwrap();
        assert_eq!(world.routed(&fleet, &acme()), Some((State::Active, home.to_owned())));
        assert!(!world.is_closed_in(&fleet, &acme(), &cell(home)));
        for service in ["web", "mail"] {
            let key = ServiceKey::new(&acme(), &service.parse().unwrap());
            assert!(world.answers("acme.shop.example", &key).is_some(), "{service}");
        }
        let line = self.application();
        assert_eq!(dev(&line).set(&acme()).unwrap().cell, cell(home));
        let (written, pieces, wrong) = {
            let written = self.written.lock().unwrap();
            (written.rows.clone(), written.pieces, written.wrong.clone())
        };
        assert!(wrong.is_empty(), "{wrong:?}");
        if written_since {
            let rows = String::from_utf8(world.rows_of(&cell(home), &acme())).unwrap();
            assert_eq!(rows, format!("rows of acme{written}"));
            let folder = format!("{}/tenants/acme/", evidence(home));
            let there = world.objects().keys().filter(|key| key.starts_with(&folder)).count();
            assert_eq!(there, 2 + pieces as usize, "every piece of evidence");
        }
    }
}

fn approval(loss: &Loss) -> Approval {
    Approval {
        schema: 1,
        plan: loss.digest(),
        lost: loss.lost.iter().cloned().collect(),
        reason: "it has moved".to_owned(),
        expires: "2027-03-31".parse().unwrap(),
        requested_by: "ada".to_owned(),
        approved_by: "grace".to_owned(),
    }
}

fn codes<T: std::fmt::Debug>(result: Result<T, Stop>) -> Vec<String> {
    match result {
        Err(Stop::Refused(reasons)) => reasons.iter().map(Reason::code).collect(),
        other => panic!("{other:?}"),
    }
}

/// There, and given up where it was.
async fn away(death: Option<Death>) -> u32 {
    let stage = Stage::new(death).await;
    assert!(matches!(stage.move_to("two").await, Stands::Moved(_)));
    stage.is_at("two", true);
    let writes = *stage.writes.lock().unwrap();
    let look = stage.look();
    let loss = to_retire(&look, dev(&look.application), &acme()).await.unwrap().unwrap();
    assert_eq!(codes(stage.ask(Goal::Retire(None), true).await), ["loss_not_approved"]);
    let approval = approval(&loss);
    let retired = stage.to_the_end(Goal::Retire(Some(&approval))).await.unwrap();
    assert!(matches!(retired, Stands::Ended(_)), "{retired:?}");
    stage.is_at("two", true);
    assert!(codes(stage.ask(Goal::Back(None), true).await).contains(&"not_movable".to_owned()));
    let inputs = String::from_utf8(stage.papers.committed().await.unwrap()["dev"].clone()).unwrap();
    assert!(inputs.contains("\"state\": \"offboarding\""), "its old place leaves as everybody does: {inputs}");
    writes
}

#[tokio::test]
async fn inv_05_killed_at_every_write_of_its_move_a_tenant_is_in_one_place_with_all_it_has() {
    let writes = away(None).await;
    assert!(writes >= 40, "{writes}");
    for at in 0..writes {
        for after in [false, true] {
            away(Some(Death { at, after })).await;
        }
    }
}

/// Killed for good at this write of its move, and taken back: it is where it was.
async fn there_and_back(at: u32, death_on_the_way_back: Option<u32>) -> (bool, u32) {
    let mut stage = Stage::new(Some(Death { at, after: true })).await;
    let mut whole = true;
    // Whoever is killed is not started again.
    for _ in 0..WRITES_MAX {
        let before = *stage.writes.lock().unwrap();
        if before > at {
            whole = false;
            break;
        }
        match stage.once(Goal::Move(&cell("two")), true).await {
            Some(Ok(Stands::Written { .. })) => stage.merged(),
            Some(done) => {
                assert!(matches!(done, Ok(Stands::Moved(_))), "{done:?}");
                break;
            }
            None => stage.merged(),
        }
    }
    let before = *stage.writes.lock().unwrap();
    stage.death = death_on_the_way_back.map(|at| Death { at: before + at, after: true });
    let Some(record) = stage.directives().await.moves.remove(&acme()) else { return (whole, 0) };
    let lose = record.switched;
    if lose.is_some() {
        assert_eq!(codes(stage.ask(Goal::Back(None), true).await), ["writes_would_be_lost"]);
    }
    let back = stage.to_the_end(Goal::Back(lose)).await.unwrap_or_else(|stop| panic!("back from write {at}: {stop}"));
    assert!(matches!(back, Stands::Ended(_)), "{back:?}");
    stage.is_at("one", lose.is_none());
    assert!(stage.directives().await.paused.is_empty());
    let writes = *stage.writes.lock().unwrap() - before;
    // And once more, to the end. What the new place kept of its first stay is in the way, by name.
    if lose.is_none() {
        assert!(matches!(stage.move_to("two").await, Stands::Moved(_)));
        stage.is_at("two", true);
    }
    (whole, writes)
}

#[tokio::test]
async fn inv_05_from_every_write_of_its_move_a_way_leads_back() {
    let (mut at, mut long) = (0, 0);
    for write in 0..WRITES_MAX {
        let (whole, writes) = there_and_back(write, None).await;
        (at, long) = (write, long.max(writes));
        if whole {
            break;
        }
    }
    assert!(at >= 40 && long >= 10, "{at} {long}");
    // Killed on the way back too: from the whole of it, and from before and after the copy.
    for from in [at / 4, at / 2, at] {
        for death in 0..long {
            there_and_back(from, Some(death)).await;
        }
    }
}

#[tokio::test]
async fn engines_that_are_broken_on_purpose_are_caught() {
    for (rule, spoilt) in [(Mutant::CopiedAwake, 0), (Mutant::SwitchedUnraised, 0), (Mutant::CopyUncompared, 1)] {
        let stage = Stage::new(None).await;
        assert!(matches!(stage.ask(Goal::Move(&cell("two")), true).await, Ok(Stands::Written { .. })));
        stage.merged();
        stage.sim.world().spoil_copies(spoilt);
        if spoilt > 0 {
            let told = stage.ask(Goal::Move(&cell("two")), true).await.unwrap_err().to_string();
            assert_eq!(told, "checking what is kept of acme: database.dump is another at the new place");
            stage.sim.world().spoil_copies(spoilt);
        }
        break_rule(Some(rule));
        let ended = stage.to_the_end(Goal::Move(&cell("two"))).await;
        break_rule(None);
        // Whatever the broken engine thinks of it, somebody sees that it went wrong.
        let looked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| stage.is_at("two", true)));
        assert!(looked.is_err(), "{rule:?} ends in {ended:?}, and nobody sees it");
    }
}

impl Stage {
    /// The command as somebody types it; nothing is published by it.
    async fn typed(&self, rest: &str) -> Report {
        let words = ["tidegate", "tenants", "move", "acme", "--fleet", "dev", "--why", "room"];
        let cli = Cli::try_parse_from(words.into_iter().chain(rest.split_whitespace())).unwrap();
        let Command::Tenants { command: command @ Tenants::Move { .. } } = &cli.command else { panic!("{rest}") };
        let process = Mortal::new(&self.sim, None, &watch(&self.written));
        let sources = self.papers.sources();
        let desk = Desk { papers: &self.papers, process };
        let files = Files { sources: &sources, manifest: &desk, inputs: &desk };
        moving(command, &self.look(), &files, None, &Context::default()).await
    }

    /// Whether it has tasks at each of its places.
    fn tasks(&self) -> [bool; 2] {
        let world = self.sim.world();
        ["one", "two"].map(|at| tasks(&world, at).1)
    }

    /// Halfway: its requests are stopped by the records, and nobody publishes that.
    async fn halfway() -> Self {
        let stage = Self::new(None).await;
        assert!(matches!(stage.ask(Goal::Move(&cell("two")), false).await, Ok(Stands::Written { .. })));
        stage.merged();
        assert_eq!(codes(stage.ask(Goal::Move(&cell("two")), false).await), ["not_published"]);
        stage
    }
}

#[tokio::test]
async fn where_nobody_signs_it_waits_for_the_publisher_and_for_every_router() {
    let stage = Stage::halfway().await;
    assert_eq!(stage.tasks(), [true, false], "nothing is stopped that people are still sent to");
    stage.publish().await;
    stage.sim.world().routers_follow_to = Some(1);
    assert_eq!(codes(stage.ask(Goal::Move(&cell("two")), false).await), ["routers_behind"]);
    assert_eq!(stage.tasks(), [true, false], "a router may still send somebody");
    stage.sim.world().routers_follow_to = None;
    assert_eq!(codes(stage.ask(Goal::Move(&cell("two")), false).await), ["not_published"], "switched by the records");
    assert_eq!(stage.tasks(), [false, true]);
    stage.publish().await;
    assert!(matches!(stage.ask(Goal::Move(&cell("two")), false).await, Ok(Stands::Written { .. })));
    stage.merged();
    stage.is_at("two", true);
}

#[tokio::test]
async fn while_it_moves_everything_else_leaves_it_alone() {
    let stage = Stage::halfway().await;
    let look = stage.look();
    let fleet = dev(&look.application);
    let sets = std::collections::BTreeSet::from([acme()]);
    let wish = Wish { sets: &sets, by: "ana", why: "quiet", until: None };
    assert_eq!(codes(pause(&look, fleet, &wish).await), ["being_moved"]);
    assert_eq!(codes(resume(&look, fleet, &wish).await), ["being_moved"]);
    stage.sim.world().commit(&[("web", &[])]);
    let context = Context { event: Some(push(2)), run_number: 2, ..Context::default() };
    let report = act(&Command::Ci { approved_plan: None, fleet: None }, &look, &context).await;
    assert!(report.text.contains("acme: `acme` moves to two, or has moved there"), "{}", report.text);
    // What it ran is not the fleet's release any more. It is brought up with that, as after a pause.
    assert!(matches!(stage.move_to("two").await, Stands::Moved(_)));
    stage.is_at("two", true);
}

/// What was released before it moved ran in the other cell: a rollback takes everybody back but it.
#[tokio::test]
async fn a_rollback_leaves_out_who_was_moved_since() {
    let stage = Stage::new(None).await;
    let release = async |number: u64| {
        stage.sim.world().commit(&[("web", &[])]);
        let context = Context { event: Some(push(number)), run_number: number, ..Context::default() };
        act(&Command::Ci { approved_plan: None, fleet: None }, &stage.look(), &context).await
    };
    assert_eq!(release(2).await.exit, Exit::Done);
    assert!(matches!(stage.move_to("two").await, Stands::Moved(_)));
    let newest = stage.sim.world().what_runs(&"dev".parse().unwrap());
    let look = stage.look();
    let rollouts = look.readers.ledger.rollouts(&"dev".parse().unwrap()).await.unwrap();
    let deploys = |record: &&crate::domain::ledger::RolloutRecord| {
        record.intent.direction == crate::domain::plan::Direction::Deploy
    };
    let back = Back::Of(rollouts.iter().find(deploys).unwrap().id);
    let outcome = rollback(&look, dev(&look.application), &back, "ana", "a mistake").await.unwrap();
    assert_eq!(outcome.end, Some(End::Succeeded));
    let left: Vec<String> = outcome.plan.excluded.iter().map(|left| format!("{}: {}", left.set, left.reason)).collect();
    assert_eq!(left, ["acme: `acme` moves to two, or has moved there"]);
    assert_ne!(stage.sim.world().what_runs(&"dev".parse().unwrap()), newest);
    stage.is_at("two", true);
}

#[tokio::test]
async fn a_gate_that_fails_at_the_new_place_leads_to_no_switch() {
    let stage = Stage::halfway().await;
    stage.publish().await;
    let digest = {
        let key = ServiceKey::new(&acme(), &"web".parse().unwrap());
        let mut world = stage.sim.world();
        let digest = world.digest_at(&"dev".parse().unwrap(), &key).unwrap();
        let fault = crate::adapters::sim::Fault {
            kind: crate::adapters::sim::FaultKind::Answers500,
            fleet: None,
            tenant: Some(acme()),
        };
        world.break_image(&digest, &[fault]);
        digest
    };
    let Ok(Stands::Failed(outcome)) = stage.ask(Goal::Move(&cell("two")), true).await else { panic!("it fails") };
    assert!(outcome.rollback.is_some(), "what was brought up there goes again");
    assert_eq!(stage.tasks(), [false, false]);
    assert!(stage.directives().await.moves[&acme()].switched.is_none());
    stage.sim.world().break_image(&digest, &[]);
    let back = stage.to_the_end(Goal::Back(None)).await.unwrap();
    assert!(matches!(back, Stands::Ended(_)), "{back:?}");
    stage.is_at("one", true);
}

#[tokio::test]
async fn the_plan_shows_how_far_it_is_and_what_is_in_the_way() {
    let stage = Stage::halfway().await;
    let report = stage.typed("--to two --plan").await;
    insta::assert_snapshot!(report.text, @r"
     step
     fleet.yaml: cell one, also in two                            done
     record that it moves                                         done
     record that its requests stop                                done
     routers answer its requests with a page                      next
     its tasks at the old place go                                later
     copy rows and evidence, and compare them                     later
     bring it up at the new place, unreachable, through the gate  later
     open its routes at the new place                             later
     the new place is its home                                    later
     routers send its requests to the new place                   later
     it passes the gate at its own host                           later
     fleet.yaml: cell two, also in one                            later
    copied: s3://shop-dev-evidence-111111111111/tenants/acme/ to s3://shop-dev-evidence-222222222222/tenants/acme/
    copied: schema t_acme of s1 in one to s1 in two
    ");
    assert!(matches!(stage.move_to("two").await, Stands::Moved(_)));
    let report = stage.typed("--retire --plan").await;
    insta::assert_snapshot!(report.text, @r"
     step
     give up the old place             later
     fleet.yaml: cell two, leaves one  later
    copied: s3://shop-dev-evidence-111111111111/tenants/acme/ to s3://shop-dev-evidence-222222222222/tenants/acme/
    copied: schema t_acme of s1 in one to s1 in two
    in the way: 3 things would be lost, and nothing approves it
    would be lost: acme of dev in one: its secrets there, 30 days later
    would be lost: acme of dev in one: its services, roles and logs there
    would be lost: acme of dev in one: the way back to it
    ");
    assert_eq!((report.exit as u8, report.json["approval"]["lost"].as_array().unwrap().len()), (4, 3));
}

#[tokio::test]
async fn what_is_in_the_way_is_told_at_once_and_nothing_is_changed() {
    let stage = Stage::new(None).await;
    let text = String::from_utf8(stage.papers.sources()[0].bytes.clone()).unwrap();
    let full = text.replace("tenants_max: 2", "tenants_max: 1").replace(
        "acme, fleet: dev, cell: one",
        "acme, fleet: dev, cell: one, pin: { version: 1.0.0, owner: ana, reason: audit, until: 2026-12-31 }",
    );
    stage.papers.replace("fleet.yaml", text.as_bytes(), full.as_bytes()).await.unwrap();
    insta::assert_snapshot!(stage.typed("--to two").await.text, @r"
    tenant `acme` cannot be moved: it is pinned: it would be brought up with the fleet's release [not_movable]
      nothing was changed by this; asked for again, it goes on where it is
    two has 2 tenants in fleet.yaml, and room for 1 by tenants_max [cell_full]
      give the newest tenants another cell: an account or a Region of its own (`tidegate quota`)
    ");
    insta::assert_snapshot!(stage.typed("--to nine").await.text.lines().next().unwrap(), @"tenant `acme` cannot be moved: dev has no cell `nine`; it has one, two [not_movable]");
    insta::assert_snapshot!(stage.typed("--back").await.text.lines().next().unwrap(), @"tenant `acme` cannot be moved: nobody has moved it [not_movable]");
    assert_eq!(stage.directives().await.seq, 0);
}

#[tokio::test]
async fn a_rehearsal_goes_there_and_back_and_touches_nothing() {
    let key = SigningKey::from_pem(&SigningKey::generate().unwrap()).unwrap();
    let text = FLEET.replace("KEY", &key.public().to_string());
    let sources = vec![Source { name: "fleet.yaml".to_owned(), bytes: text.into_bytes() }];
    let fleet = "dev".parse().unwrap();
    let wanted = Rehearsal { fleet: &fleet, set: &acme(), to: &cell("two") };
    let report = rehearse(&sources, &wanted, Arc::new(Silent)).await;
    let told: Vec<&str> = report.text.lines().filter(|line| !line.starts_with("there in")).collect();
    insta::assert_snapshot!(told.join("\n"), @r"
    acme is in two since 2026-11-23T08:17:20Z, with 3 objects that were compared; its place in one sleeps
    back, without what it has written since: --back --lose-writes-since 2026-11-23T08:17:20Z
    for good: --retire with an approval, which `--plan --retire --json` drafts
    acme is in one again, and its place in two sleeps
    back in 1m of simulated time
    ");
    assert_eq!(report.exit, Exit::Done);
}
