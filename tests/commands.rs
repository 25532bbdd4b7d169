//! The commands an operator types, one after another on one simulated world, as the built binary prints them.

#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test binary: it reads its own environment")]

use std::process::{Command, Output};

/// A simulated world in a folder of its own.
struct World {
    folder: tempfile::TempDir,
}

/// What a command printed, and how it ended.
struct Said {
    code: i32,
    out: String,
}

impl World {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// Runs a command with nothing of our own environment.
    fn run(&self, arguments: &[&str]) -> Said {
        let Output { status, stdout, .. } = Command::new(env!("CARGO_BIN_EXE_tidegate"))
            .args(arguments)
            .arg("--sim")
            .arg(self.folder.path())
            .env_clear()
            .output()
            .unwrap();
        Said { code: status.code().unwrap(), out: String::from_utf8(stdout).unwrap() }
    }

    /// Promotes to prod what waits there: asks for the plan, and approves it.
    fn promote(&self) -> Said {
        let asked = self.run(&["promote", "--fleet", "prod"]);
        assert_eq!(asked.code, 4, "{}", asked.out);
        let hash = asked.out.rsplit_once("--approved-plan ").unwrap().1.trim();
        self.run(&["promote", "--fleet", "prod", "--approved-plan", hash])
    }
}

/// The last line that is not about who is left out.
fn last(said: &Said) -> &str {
    said.out.lines().rfind(|line| !line.starts_with("left out")).unwrap_or_default()
}

#[test]
fn a_rollback_holds_the_fleet_until_somebody_lifts_it() {
    let world = World::new();
    assert_eq!(world.promote().code, 0);
    let back = world.run(&["rollback", "--fleet", "prod", "--why", "customers complain"]);
    assert_eq!((back.code, last(&back)), (0, "prod is back on 0.0.0-unrecorded"));
    let held = world.promote();
    assert_eq!(held.code, 4);
    insta::assert_snapshot!(held.out, @"
    prod is on hold since 2026-11-23T12:22:20Z, by somebody at a terminal: customers complain [on_hold]
      `tidegate unhold --fleet FLEET --why ...` lifts it
    ");
    let status = world.run(&["status", "--fleet", "prod"]).out;
    assert!(status.contains("ON HOLD since 2026-11-23T12:22:20Z by somebody at a terminal: customers complain"));
    assert_eq!(world.run(&["unhold", "--fleet", "prod", "--why", "mended"]).code, 0);
    assert!(world.promote().out.contains("prod: wave 1/5 control plane begins"));
}

#[test]
fn a_paused_tenant_is_left_out_by_name_and_comes_back_through_the_gate() {
    let world = World::new();
    let asleep = world.run(&["pause", "--fleet", "prod", "--tenant", "wayne", "--why", "trial ended"]);
    assert_eq!(asleep.code, 0);
    assert_eq!(last(&asleep), "1 tenant of prod at zero tasks; `tidegate resume --fleet prod --why ...` wakes them");
    let promoted = world.promote();
    assert_eq!(promoted.code, 0);
    assert!(promoted.out.contains("left out: wayne: paused"));
    let status = world.run(&["status", "--fleet", "prod"]).out;
    assert!(status.contains("paused: wayne since") && status.contains("by somebody at a terminal: trial ended"));

    let awake = world.run(&["resume", "--fleet", "prod", "--tenant", "wayne", "--why", "renewed"]);
    assert_eq!(awake.code, 0, "{}", awake.out);
    assert!(awake.out.contains("up      wayne/iam-service"), "it is watched: {}", awake.out);
    let again = world.run(&["resume", "--fleet", "prod", "--tenant", "wayne", "--why", "twice"]);
    assert_eq!(again.code, 2, "{}", again.out);
    assert!(world.promote_says_nothing_to_do());
}

impl World {
    fn promote_says_nothing_to_do(&self) -> bool {
        let said = self.run(&["promote", "--fleet", "prod"]);
        said.code == 0 && said.out.contains("nothing to do")
    }
}

#[test]
fn a_bad_version_stays_out_until_the_mark_is_taken_away() {
    let world = World::new();
    let plan = world.run(&["plan", "--fleet", "prod"]).out;
    let version = plan.split_whitespace().find(|word| word.starts_with("0.1.0-main")).unwrap().to_owned();
    let why = ["--fleet", "prod", "--why", "leaks memory"];
    assert_eq!(world.run(&[&["bad", "--version", &version][..], &why].concat()).code, 0);
    let refused = world.promote();
    assert_eq!(refused.code, 2);
    assert!(refused.out.contains("is marked bad in prod, by somebody at a terminal: leaks memory [marked_bad]"));
    assert_eq!(world.run(&[&["bad", "--clear", "--version", &version][..], &why].concat()).code, 0);
    assert_eq!(world.promote().code, 0);
}

#[test]
fn a_pin_leaves_a_tenant_out_and_needs_one_that_exists() {
    let world = World::new();
    let until = ["--version", "0.0.9", "--until", "2026-12-31", "--fleet", "prod", "--why", "audit"];
    assert_eq!(world.run(&[&["pin", "--tenant", "nobody"][..], &until].concat()).code, 2);
    assert_eq!(world.run(&[&["pin", "--tenant", "stark"][..], &until].concat()).code, 0);
    let plan = world.run(&["plan", "--fleet", "prod"]).out;
    assert!(plan.contains("left out: stark: pinned to 0.0.9 by somebody at a terminal until 2026-12-31: audit"));
    assert_eq!(world.run(&["unpin", "--tenant", "stark", "--fleet", "prod", "--why", "done"]).code, 0);
    assert!(!world.run(&["plan", "--fleet", "prod"]).out.contains("left out: stark"));
}

#[test]
fn breaking_the_glass_goes_past_a_hold_and_is_written_down() {
    let world = World::new();
    assert_eq!(world.run(&["hold", "--fleet", "prod", "--why", "incident"]).code, 0);
    let asked = world.run(&["promote", "--fleet", "prod"]);
    let hash = asked.out.rsplit_once("--approved-plan ").unwrap().1.trim();
    let glass = ["promote", "--fleet", "prod", "--approved-plan", hash, "--break-glass", "the fix itself"];
    assert_eq!(world.run(&glass).code, 0);
    let kept = std::fs::read_to_string(world.folder.path().join("world.json")).unwrap();
    assert!(kept.contains("broke_glass") && kept.contains("the fix itself") && kept.contains("on_hold"));
}

#[test]
fn inv_14_inv_24_what_was_approved_is_what_runs_or_nothing() {
    let world = World::new();
    let asked = world.run(&["promote", "--fleet", "prod"]);
    let hash = asked.out.rsplit_once("--approved-plan ").unwrap().1.trim().to_owned();
    let until = ["--version", "0.0.9", "--until", "2026-12-31", "--fleet", "prod", "--why", "audit"];
    assert_eq!(world.run(&[&["pin", "--tenant", "stark"][..], &until].concat()).code, 0);
    let stale = world.run(&["promote", "--fleet", "prod", "--approved-plan", &hash]);
    assert_eq!(stale.code, 5, "{}", stale.out);
    assert!(stale.out.contains("was approved, but the plan is now") && stale.out.contains("[stale_plan]"));
}

#[test]
fn inv_03_inv_29_prod_takes_only_what_succeeded_in_dev() {
    let world = World::new();
    let built = ["build", "--commit", &"c".repeat(40), "--run-number", "9"];
    let built = world.run(&built);
    assert_eq!(built.code, 0, "{}", built.out);
    let version = built.out.lines().find_map(|line| line.strip_prefix("release ")).unwrap();
    let version = version.split_once(" of ").unwrap().0;
    let refused = world.run(&["promote", "--fleet", "prod", "--version", version]);
    assert_eq!(refused.code, 2, "{}", refused.out);
    assert!(refused.out.contains("has no success recorded in dev, so it cannot be promoted [not_promotable]"));
}

#[test]
fn inv_35_looking_changes_nothing() {
    let world = World::new();
    world.run(&["status"]);
    let kept = || {
        let text = std::fs::read_to_string(world.folder.path().join("world.json")).unwrap();
        let world: serde_json::Value = serde_json::from_str(&text).unwrap();
        let writes = ["GitHub write", "ECS UpdateService", "ECS RegisterTaskDefinition", "ECR PutImage"];
        (writes.map(|call| world["calls"][call].clone()), world["rollouts"].clone(), world["leases"].clone())
    };
    let before = kept();
    for looking in [&["plan", "--fleet", "prod"][..], &["status"], &["promote", "--fleet", "prod"]] {
        world.run(looking);
        assert_eq!(kept(), before, "{looking:?}");
    }
}

#[test]
fn inv_23_a_plan_is_the_same_bytes_every_time() {
    let world = World::new();
    let (first, second) = (world.run(&["plan", "--fleet", "prod"]), world.run(&["plan", "--fleet", "prod"]));
    assert_eq!(first.out, second.out);
    assert!(first.out.contains("left out: initech: paused"));
}

#[test]
fn nothing_to_abort_or_continue_is_said_so() {
    let world = World::new();
    for command in ["abort", "continue"] {
        let why: &[&str] = if command == "abort" { &["--why", "x"] } else { &[] };
        let said = world.run(&[&[command, "--fleet", "prod"], why].concat());
        assert_eq!(said.code, 2);
        assert!(said.out.contains("prod has no open rollout [nothing_to_continue]"), "{}", said.out);
    }
}

#[test]
fn a_rehearsal_ends_as_the_rollout_would() {
    let world = World::new();
    let failing = |failure: &str| world.run(&["rehearse", "--fleet", "prod", "--fail", failure]);
    let stopped = failing("tenant=globex,service=iam-service,at=bake");
    assert_eq!(stopped.code, 3);
    assert!(stopped.out.contains("stopped in wave 2 canary: globex/iam-service: 3 probes in a row failed: HTTP 500"));
    assert!(stopped.out.contains("of simulated time; calls: "));
    assert_eq!(world.run(&["rehearse", "--fleet", "prod"]).code, 0);
    let configured = world.run(&["rehearse", "--fleet", "prod", "--configuration"]);
    assert_eq!(configured.code, 0, "{}", configured.out);
    assert!(configured.out.contains("memory 512 -> 1024"), "{}", configured.out);
    assert_eq!(failing("tenant=nobody").code, 2);
    let unseen = failing("tenant=globex,at=errors");
    assert_eq!(unseen.code, 2);
    assert!(unseen.out.contains("the gate of prod has no `errors` in fleet.yaml"), "{}", unseen.out);

    let file = std::fs::read_to_string("fleet.yaml").unwrap();
    let file = file.replacen("\n    unknown: hold", "\n    errors: { good: 0.1%, bad: 1% }\n    unknown: hold", 1);
    let path = world.folder.path().join("fleet.yaml");
    std::fs::write(&path, file).unwrap();
    let seen = [
        "rehearse",
        "--file",
        path.to_str().unwrap(),
        "--fleet",
        "prod",
        "--fail",
        "tenant=globex,service=iam-service,at=errors",
    ];
    let stopped = world.run(&seen);
    assert_eq!(stopped.code, 3, "{}", stopped.out);
    assert!(stopped.out.contains("stopped in wave 2 canary: globex/iam-service: "), "{}", stopped.out);
    assert!(stopped.out.contains("requests failed during its watch [error_rate]"), "{}", stopped.out);
    let line = stopped.out.lines().find(|line| line.contains("gate    canary errors: FAIL")).unwrap();
    assert!(line.contains("2 failed") && line.contains("requests failed over all tenants of the wave"), "{line}");
}
