//! A tenant's life as the built binary does it on the files of a repository: `add`, `offboard` up to its tombstone, and
//! `purge`, on a simulated world.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test reads files, and a panic is its report")]

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::export::tidegate;

struct Repository(tempfile::TempDir);

impl Repository {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::copy("fleet.yaml", folder.path().join("fleet.yaml")).unwrap();
        for fleet in ["dev", "prod"] {
            let file = format!("infra/envs/{fleet}/fleet.auto.tfvars.json");
            fs::create_dir_all(folder.path().join(&file).parent().unwrap()).unwrap();
            fs::copy(&file, folder.path().join(&file)).unwrap();
        }
        Self(folder)
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    fn file(&self) -> String {
        fs::read_to_string(self.path("fleet.yaml")).unwrap()
    }

    fn tenants(&self, words: &[&str]) -> (i32, String) {
        let (file, dir) = (self.path("fleet.yaml"), self.path("infra/envs"));
        tidegate(&[&["tenants"], words, &["--file", &file, "--dir", &dir]].concat())
    }

    fn moved(&self, words: &[&str]) -> (i32, String) {
        let sim = self.path("sim");
        self.tenants(&[words, &["--sim", &sim]].concat())
    }
}

#[test]
fn a_tenant_is_added_with_its_place_and_once() {
    let repository = Repository::new();
    let words = ["add", "piper", "--fleet", "prod", "--tier", "premium", "--tag", "no", "--evidence", "bucket"];
    let before = repository.file();
    let (code, said) = repository.tenants(&words);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("prod: tenants.piper: is missing\nprod: written\n"), "{said}");
    assert!(said.contains("its place in prod is s1/10"), "{said}");
    let line = "    - { id: piper, fleet: prod, tags: [\"no\"], tier: premium, data: { evidence: bucket } }";
    assert_eq!(repository.file(), format!("{}\n{line}\n", before.trim_end()), "and nothing else has changed");
    let (code, said) = repository.tenants(&words);
    assert_eq!((code, said.contains("piper has its line already")), (0, true), "{said}");
    let (code, said) = repository.tenants(&["add", "piper", "--fleet", "dev"]);
    assert_eq!((code, said.contains("[tenant_there]")), (2, true), "{said}");
    let (code, said) = repository.tenants(&["add", "piper2", "--fleet", "dev", "--host", "piper.a3os.app"]);
    assert_eq!((code, said.contains("the host `piper.a3os.app` is taken")), (2, true), "{said}");
    assert_eq!(repository.tenants(&["export", "--check"]), (0, "2 fleets: current\n".to_owned()));
}

#[test]
fn a_tenant_goes_step_by_step_and_its_id_never_comes_back() {
    let repository = Repository::new();
    let leave = ["offboard", "hooli", "--fleet", "dev", "--why", "the contract ends", "--retain-until", "2026-11-23"];
    let (code, said) = repository.moved(&leave);
    assert_eq!((code, said.contains("hooli is `state: offboarding` in ")), (0, true), "{said}");
    assert!(repository.file().contains("{ id: hooli,     fleet: dev, state: offboarding }"));
    assert_eq!(repository.tenants(&["export"]).0, 0);
    let (code, said) = repository.moved(&[&leave[..], &["--json"]].concat());
    assert_eq!(code, 0, "{said}");
    let told: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((&told["until"], &told["kept"]["objects"]), (&Value::from("2026-11-23"), &Value::from(1)));

    let mut approval = told["approval"].clone();
    for (key, value) in
        [("reason", "ended"), ("expires", "2099-12-31"), ("requested_by", "ada"), ("approved_by", "grace")]
    {
        approval[key] = value.into();
    }
    let file = repository.path("approval.json");
    fs::write(&file, approval.to_string()).unwrap();
    let (code, said) = repository.moved(&[&leave[..], &["--approval", &file]].concat());
    assert_eq!((code, said.contains("it is kept until 2026-11-23")), (4, true), "{said}");

    later(Path::new(&repository.path("sim")), "2026-11-24T08:00:00Z");
    let (code, said) = repository.moved(&[&leave[..], &["--approval", &file]].concat());
    assert_eq!((code, said.contains("a tombstone is in the place of hooli")), (0, true), "{said}");
    assert_eq!(repository.tenants(&["export"]).0, 0);
    assert!(repository.file().contains("{ id: hooli, fleet: dev, on: 2026-11-24, kept: "));
    let (code, said) = repository.tenants(&["add", "hooli", "--fleet", "dev"]);
    assert_eq!((code, said.contains("[tenant_was_removed]")), (2, true), "{said}");

    let purge = ["purge", "hooli", "--fleet", "dev", "--why", "its day is over"];
    let (code, said) = repository.moved(&purge);
    assert_eq!((code, said.contains("would be lost: every object and version in s3://")), (4, true), "{said}");
    let (code, said) = repository.moved(&[&purge[..], &["--approval", &file]].concat());
    assert_eq!((code, said.contains("[approval_does_not_count]")), (4, true), "{said}");
}

/// Lets time pass in a simulated world.
fn later(folder: &Path, now: &str) {
    let file = folder.join("world.json");
    let mut world: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    world["now"] = now.into();
    fs::write(&file, world.to_string()).unwrap();
}
