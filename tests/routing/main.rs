//! `tidegate routing` as people use it, on a simulated world: publish, look, decide, take back, and every refusal.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test reads files, and a panic is its report")]

use std::fs;
use std::process::Command;

use accessos_routing::SigningKey;
use serde_json::Value;

/// A fleet.yaml with routers, a world, and the key that publishes.
struct Place {
    folder: tempfile::TempDir,
    pem: String,
}

impl Place {
    fn new() -> Self {
        let pem = SigningKey::generate().unwrap();
        let place = Self { folder: tempfile::tempdir().unwrap(), pem };
        place.write(&place.file());
        place
    }

    /// This repository's file, with a snapshot for prod that this key may publish.
    fn file(&self) -> String {
        let public = SigningKey::from_pem(&self.pem).unwrap().public();
        let routing =
            format!("    routing: {{ snapshot: \"s3://bucket-prod/routing\", keys: [\"{public}\"] }}\n    from: dev\n");
        fs::read_to_string("fleet.yaml").unwrap().replacen("    from: dev\n", &routing, 1)
    }

    fn write(&self, text: &str) {
        fs::write(self.folder.path().join("fleet.yaml"), text).unwrap();
    }

    fn run(&self, pem: &str, words: &[&str]) -> (i32, String, Value) {
        let ran = Command::new(env!("CARGO_BIN_EXE_tidegate"))
            .args(["routing", "--json", "--sim", "world"])
            .args(words)
            .args(["--fleet", "prod"])
            .current_dir(self.folder.path())
            .env_clear()
            .env("TIDEGATE_ROUTING_KEY", pem)
            .env("GITHUB_ACTOR", "ana")
            .output()
            .unwrap();
        let text = String::from_utf8(ran.stderr).unwrap();
        let json = serde_json::from_slice(&ran.stdout).unwrap_or_default();
        (ran.status.code().unwrap(), text, json)
    }

    fn routing(&self, words: &[&str]) -> (i32, String, Value) {
        self.run(&self.pem, words)
    }

    /// The generation in force, and the state of a tenant in it.
    fn state(&self, id: &str) -> (u64, String) {
        let (_, _, json) = self.routing(&["show"]);
        let force = &json["generations"][0];
        let tenant = force["tenants"].as_array().unwrap().iter().find(|tenant| tenant["id"] == id);
        let state = tenant.map_or("none", |tenant| tenant["state"].as_str().unwrap());
        (force["generation"].as_u64().unwrap(), state.to_owned())
    }
}

#[test]
fn it_is_published_once_and_again_when_something_is_decided() {
    let place = Place::new();
    assert!(place.routing(&["show"]).1.contains("nothing was ever published"));
    assert_eq!(place.routing(&["diff"]).0, 5);
    let (code, text, json) = place.routing(&["publish"]);
    assert_eq!((code, &json["generation"], &json["tenants"]), (0, &1.into(), &9.into()), "{text}");
    assert_eq!(place.state("initech"), (1, "paused".to_owned()), "by the file");
    assert_eq!(place.routing(&["diff"]).0, 0);
    assert_eq!(place.routing(&["publish"]).2["decision"], "nothing_to_do");
    assert_eq!(place.state("stark"), (1, "active".to_owned()));

    let set = |state: &str| place.routing(&["set", "--tenant", "stark", "--state", state, "--why", "disk"]).0;
    assert_eq!(set("maintenance"), 0);
    assert_eq!(place.state("stark"), (2, "maintenance".to_owned()));
    assert_eq!(set("active"), 0);
    assert_eq!(place.state("stark"), (3, "active".to_owned()));
    assert_eq!(set("moved"), 2, "it does not say where to");
    let moved = place.routing(&["set", "--tenant", "stark", "--state", "moved", "--to", "Stark.EU", "--why", "w"]);
    assert!(moved.0 == 4 && moved.1.contains("no host name"), "{moved:?}");
}

#[test]
fn a_rollback_is_a_new_generation_and_holds() {
    let place = Place::new();
    place.routing(&["publish"]);
    place.write(
        &place.file().replace(
            "{ id: stark,     fleet: prod, tier",
            "{ id: stark,     fleet: prod, host: new.stark.example, tier",
        ),
    );
    assert_eq!(place.routing(&["publish"]).0, 0);
    let (code, text, _) = place.routing(&["rollback", "--why", "wrong host"]);
    assert_eq!(code, 0, "{text}");
    let (_, _, json) = place.routing(&["show", "--all"]);
    let all: Vec<(u64, Option<u64>)> = json["generations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["generation"].as_u64().unwrap(), one["restores"].as_u64()))
        .collect();
    assert_eq!(all, [(3, Some(1)), (2, None), (1, None)]);
    assert_eq!(json["generations"][0]["tenants"], json["generations"][2]["tenants"]);
    let (code, text, _) = place.routing(&["publish"]);
    assert!(code == 4 && text.contains("taken back by a person"), "{text}");
    assert_eq!(place.routing(&["publish", "--past-rollback"]).2["generation"], 4);
    assert_eq!(place.routing(&["rollback", "--to", "9", "--why", "w"]).0, 2);
}

#[test]
fn what_routers_would_refuse_is_not_published() {
    let place = Place::new();
    let other = SigningKey::generate().unwrap();
    let (code, text, _) = place.run(&other, &["publish"]);
    assert!(code == 2 && text.contains("is none of fleets.prod.routing.keys"), "{text}");
    let (code, text, _) = place.run("-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----", &["publish"]);
    assert!(code == 2 && !text.contains("c2VjcmV0"), "{text}");
    assert_eq!(place.routing(&["publish"]).0, 0);
    let lines = |text: &str, gone: &[&str]| -> String {
        let stays = |line: &&str| !gone.iter().any(|id| line.contains(&format!("{{ id: {id},")));
        text.lines().filter(stays).map(|line| format!("{line}\n")).collect()
    };
    place.write(&lines(&place.file(), &["wonka", "tyrell", "soylent"]));
    let (code, text, _) = place.routing(&["publish"]);
    assert!(code == 4 && text.contains("it loses 3 of 9 tenants, and 1 may go at once"), "{text}");
    assert_eq!(place.routing(&["publish", "--lose", "3"]).2["tenants"], 6);
    // Two tenants with one host.
    let twice = place.file().replace("tier: premium", "tier: premium, email_domains: [a.com]");
    place.write(&twice);
    let (code, text, _) = place.routing(&["publish"]);
    assert!(code == 4 && text.contains("host a-com.a3os.app is of stark and of umbrella"), "{text}");
    let unknown = place.file().replace("s3://bucket-prod/routing", "https://x").replace("keys: [\"", "keys: [\"!");
    place.write(&unknown);
    let (code, text, _) = place.routing(&["publish"]);
    assert_eq!(code, 2);
    assert!(text.contains("is no place in S3") && text.contains("32 bytes in base64"), "{text}");
}
