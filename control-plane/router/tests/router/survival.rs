//! Whatever becomes of the snapshot, nobody gets another tenant's answer, and who was served goes on being served.

use std::fs;

use accessos_routing::{RouterReport, SigningKey, State, Tenant};

use super::world::{Bucket, Process, Watch, shard, snapshot, tenant};

/// Twenty tenants in two shards, a bucket with generation 5 of them, and a router that serves it.
struct World {
    bucket: Bucket,
    router: Process,
    state: tempfile::TempDir,
    tenants: Vec<Tenant>,
    watched: Vec<(String, &'static str)>,
}

impl World {
    async fn new() -> Self {
        let (one, two) = (shard("one").await, shard("two").await);
        let ids = (0..20).map(|number| format!("t{number:02}"));
        let shards = [("one", one), ("two", two)].into_iter().cycle();
        let (tenants, watched) =
            ids.zip(shards).map(|(id, (name, at))| (tenant(&id, at), (id, name))).unzip::<_, _, Vec<_>, Vec<_>>();
        let (bucket, state) = (Bucket::open().await, tempfile::tempdir().unwrap());
        bucket.publish(&snapshot(5, tenants.clone()));
        let router = Process::start(&bucket, state.path()).await;
        router.until_generation(5).await;
        Self { bucket, router, state, tenants, watched }
    }

    fn watch(&self) -> Watch {
        Watch::over(self.router.address, self.watched.clone())
    }

    /// Some time passes in which clients ask.
    async fn a_while(&self) {
        let before = self.router.metric("router_routing_polls_total").await.unwrap();
        let polled = || async { self.router.metric("router_routing_polls_total").await.unwrap() > before + 3 };
        self.router.until("three more polls", polled).await;
    }
}

/// Nothing wrong, nothing refused, nothing lost, and not for want of requests.
async fn all_served(watch: Watch) {
    let seen = watch.end().await;
    assert_eq!((&seen.wrong, seen.refused, seen.lost), (&Vec::new(), 0, 0), "{seen:?}");
    assert!(seen.served > 40, "{seen:?}");
}

#[tokio::test]
async fn s3_is_gone_and_comes_back() {
    let mut world = World::new().await;
    let watch = world.watch();
    world.bucket.end();
    let failed = || async { world.router.metric("router_routing_polls_failed_total").await.unwrap() > 2 };
    world.router.until("polls fail", failed).await;
    world.bucket.publish(&snapshot(6, world.tenants.clone()));
    assert_eq!(world.router.generation().await, 5);
    world.bucket.begin().await;
    world.router.until_generation(6).await;
    all_served(watch).await;
}

#[tokio::test]
async fn a_snapshot_that_may_not_be_served_changes_nothing() {
    let world = World::new().await;
    let watch = world.watch();
    // All of these send every tenant's requests to the other shard.
    let mut swapped = world.tenants.clone();
    let backends: Vec<String> = swapped.iter().map(|tenant| tenant.backend.clone()).collect();
    swapped.iter_mut().zip(backends.iter().skip(1)).for_each(|(tenant, backend)| tenant.backend.clone_from(backend));
    let evil = |generation| snapshot(generation, swapped.clone());

    let other = SigningKey::from_pem(&SigningKey::generate().unwrap()).unwrap();
    world.bucket.publish_bytes(6, other.seal(&evil(6)).unwrap());
    world.router.until_refused("unsigned").await;

    world.bucket.publish(&evil(4));
    world.router.until_refused("older").await;
    world.bucket.publish(&evil(5));
    world.router.until_refused("fork").await;

    let few = swapped.iter().take(2).cloned().collect();
    world.bucket.publish(&snapshot(7, few));
    world.router.until_refused("loses_tenants").await;

    let mut other_fleet = evil(8);
    other_fleet.fleet = "dev".to_owned();
    world.bucket.publish(&other_fleet);
    world.router.until_refused("other_fleet").await;

    // The object is there by half: under the whole's name, and then under a name of its own.
    let whole = world.bucket.key().seal(&evil(9)).unwrap();
    let half = whole[..whole.len() / 2].to_vec();
    world.bucket.put(&accessos_routing::object_name(9, &whole), half.clone());
    world.bucket.point(9, &whole);
    world.router.until_refused("incomplete").await;
    world.bucket.publish_bytes(9, half);
    world.a_while().await;

    world.bucket.put(accessos_routing::POINTER, b"{".to_vec());
    world.router.until_refused("malformed").await;

    assert_eq!(world.router.generation().await, 5);
    world.bucket.publish(&snapshot(10, world.tenants.clone()));
    world.router.until_generation(10).await;
    all_served(watch).await;
}

#[tokio::test]
async fn it_says_what_it_serves_and_why_not_more() {
    let world = World::new().await;
    let says = |generation, refused: &'static str| {
        let reports = world.bucket.reports();
        let is = move |report: &RouterReport| {
            report.generation == Some(generation) && report.refused.as_deref().unwrap_or_default().starts_with(refused)
        };
        async move { reports.len() == 1 && reports.iter().all(is) }
    };
    world.router.until("it serves 5", || says(5, "")).await;
    world.bucket.publish(&snapshot(4, world.tenants.clone()));
    world.router.until("it refuses 4", || says(5, "older: ")).await;
    world.bucket.publish(&snapshot(6, world.tenants.clone()));
    world.router.until("it serves 6", || says(6, "")).await;
    assert_eq!(world.bucket.reports()[0].refused, None);
    assert_eq!(world.router.metric("router_routing_reports_failed_total").await, Some(0));
}

#[tokio::test]
async fn a_router_that_begins_again_without_s3_serves_what_it_had() {
    let mut world = World::new().await;
    world.bucket.end();
    world.router = Process::start(&world.bucket, world.state.path()).await;
    assert_eq!(world.router.generation().await, 5);
    let watch = world.watch();
    world.a_while().await;
    world.bucket.begin().await;
    // What it knows from the disk is as good as what it had seen: it does not go back.
    world.bucket.publish(&snapshot(4, world.tenants.clone()));
    world.router.until_refused("older").await;
    all_served(watch).await;
}

#[tokio::test]
async fn half_a_file_on_disk_is_no_snapshot() {
    let mut world = World::new().await;
    let path = world.state.path().join("routing-snapshot.json");
    let whole = fs::read(&path).unwrap();
    world.bucket.end();
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    world.router = Process::start(&world.bucket, world.state.path()).await;
    assert_eq!(world.router.generation().await, 0);
    assert_eq!(world.router.ask("10.0.0.1", "/healthz").await.0, 503);
    assert_eq!(world.router.ask("t01.app.example", "/x").await.0, 503);
    let watch = world.watch();
    world.bucket.begin().await;
    world.router.until_generation(5).await;
    assert_eq!(world.router.ask("10.0.0.1", "/healthz").await.0, 200);
    world.a_while().await;
    let seen = watch.end().await;
    assert_eq!((&seen.wrong, seen.lost), (&Vec::new(), 0));
    assert!(seen.served > 40 && seen.refused > 0, "{seen:?}");
    assert_eq!(fs::read(&path).unwrap(), whole, "and it is on disk again");
}

#[tokio::test]
async fn tenants_pause_move_leave_and_come_while_requests_go_on() {
    let world = World::new().await;
    let watch = world.watch();
    let mut tenants = world.tenants.clone();
    let away = tenants[0].backend.clone();
    for generation in 6..26_u64 {
        let at = usize::try_from(generation).unwrap() % tenants.len();
        tenants.clone_from(&world.tenants);
        tenants[at].state = State::Paused;
        let other = (at + 7) % tenants.len();
        tenants[other].state = State::Moved;
        tenants[other].moved_to = Some("new.elsewhere.example".to_owned());
        // Who takes an old tenant's place in the list, and a backend that was another's.
        tenants[(at + 3) % 20].backend.clone_from(&away);
        tenants.remove((at + 3) % 20);
        world.bucket.publish(&snapshot(generation, tenants.clone()));
        world.router.until_generation(generation).await;
    }
    world.bucket.publish(&snapshot(26, world.tenants.clone()));
    world.router.until_generation(26).await;
    let seen = watch.end().await;
    let wrong: Vec<&String> = seen.wrong.iter().filter(|wrong| !wrong.ends_with(": 308 ")).collect();
    assert!(wrong.is_empty() && seen.lost == 0 && seen.served > 40, "{wrong:?} {seen:?}");
    let (status, page) = world.router.ask("t01.app.example", "/x").await;
    assert_eq!((status, page.contains("/x")), (200, true));
}
