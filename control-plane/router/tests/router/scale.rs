//! A snapshot of 10,000 tenants, and three routers. The time from publishing to the last of them is printed, and judged by
//! nobody: it is the machine's, too. (`cargo test -- --nocapture scale`)

use std::time::{Duration, Instant};

use accessos_routing::Tenant;

use super::world::{Bucket, Process, shard, snapshot, tenant};

const TENANTS: usize = 10_000;

#[tokio::test]
async fn three_routers_take_in_ten_thousand_tenants() {
    let at = shard("one").await;
    let bucket = Bucket::open().await;
    let tenants: Vec<Tenant> = (0..TENANTS).map(|number| tenant(&format!("t{number:05}"), at)).collect();
    bucket.publish(&snapshot(1, tenants.clone()));
    let states: Vec<_> = (0..3).map(|_| tempfile::tempdir().unwrap()).collect();
    let mut routers = Vec::new();
    for state in &states {
        routers.push(Process::start(&bucket, state.path()).await);
    }
    for router in &routers {
        router.until_generation(1).await;
    }
    let bytes = bucket.key().seal(&snapshot(2, tenants)).unwrap();
    let size = bytes.len();
    let began = Instant::now();
    bucket.publish_bytes(2, bytes);
    for router in &routers {
        router.until_generation(2).await;
    }
    let took = began.elapsed();
    for router in &routers {
        let (status, text) = router.ask("t09999.app.example", "/x").await;
        assert_eq!((status, text.starts_with("one t09999.app.example t09999 /x")), (200, true));
    }
    let poll = Duration::from_millis(100);
    println!(
        "{TENANTS} tenants in {size} bytes: 3 routers serve the new generation after {took:?}, polling every {poll:?}"
    );
}
