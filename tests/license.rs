//! `tidegate license` as it is typed: licences are issued from fleet.yaml, shown, judged offline and signed with another
//! key, and every licence that must not count is refused with exit code 2 and in words.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test reads files, and a panic is its report")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use accessos_routing::SigningKey;
use serde_json::Value;
use tempfile::TempDir;

/// A folder with fleet.yaml, in which only `globex` of prod and `acme` of dev have licences.
struct Repository {
    folder: TempDir,
}

impl Repository {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let text = fs::read_to_string("fleet.yaml").unwrap();
        let acme = "{ id: acme,      fleet: dev, license: { until: 2990-12-31 } }";
        let text = text.replacen("{ id: acme,      fleet: dev }", acme, 1);
        assert!(text.contains(acme) && text.contains("until: 2027-06-30"));
        let text = text.replacen("until: 2027-06-30", "until: 2990-06-30", 1);
        fs::write(folder.path().join("fleet.yaml"), text).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A new key in a file, and its public half.
    fn key(&self, name: &str) -> String {
        let pem = SigningKey::generate().unwrap();
        fs::write(self.path(name), &pem).unwrap();
        SigningKey::from_pem(&pem).unwrap().public().to_string()
    }

    fn output(&self, words: &[&str]) -> std::process::Output {
        let tidegate = Path::new(env!("CARGO_BIN_EXE_tidegate"));
        Command::new(tidegate).args(words).current_dir(self.folder.path()).env_clear().output().unwrap()
    }

    /// Exit code and what was printed, to whichever stream.
    fn ran(&self, words: &[&str]) -> (i32, String) {
        let ran = self.output(words);
        (ran.status.code().unwrap(), String::from_utf8([ran.stdout, ran.stderr].concat()).unwrap())
    }

    fn json(&self, words: &[&str]) -> Value {
        serde_json::from_slice(&self.output(&[words, &["--json"]].concat()).stdout).unwrap()
    }

    fn edit(&self, from: &str, to: &str) {
        let text = fs::read_to_string(self.path("fleet.yaml")).unwrap();
        assert!(text.contains(from));
        fs::write(self.path("fleet.yaml"), text.replacen(from, to, 1)).unwrap();
    }
}

const GLOBEX: &str = "licenses/prod/globex.json";

#[test]
fn a_licence_is_issued_from_the_file_and_counts_for_its_tenant_in_its_time() {
    let repository = Repository::new();
    let public = repository.key("key.pem");
    let issued = repository.json(&["license", "issue", "--key", "key.pem"]);
    assert_eq!((&issued["written"], &issued["public_key"]), (&2.into(), &public.as_str().into()));
    let (code, told) =
        repository.ran(&["license", "verify", "globex", "--keys", &public, "--at", "2990-06-30T23:59:59Z"]);
    assert!(code == 0 && told.starts_with("globex counts: serial 1, until 2990-06-30"), "{told}");
    let (code, told) = repository.ran(&["license", "show", "globex"]);
    assert!(code == 0 && told.contains("plan      enterprise") && told.contains("not verified"), "{told}");
    let bytes = fs::read(repository.path(GLOBEX)).unwrap();
    assert_eq!(repository.json(&["license", "issue", "--key", "key.pem"])["written"], 0);
    assert_eq!(fs::read(repository.path(GLOBEX)).unwrap(), bytes, "what is current stays as it is");
    repository.edit("until: 2990-06-30", "until: 2991-06-30");
    let (_, told) = repository.ran(&["license", "show", "globex"]);
    assert!(told.contains("fleet.yaml says enterprise, until 2991-06-30: issue it again"), "{told}");
    assert_eq!(repository.json(&["license", "issue", "--tenant", "globex", "--key", "key.pem"])["written"], 1);
    assert_eq!(repository.json(&["license", "show", "globex"])["licence"]["serial"], 2);
}

#[test]
fn forged_expired_swapped_replayed_and_unknown_are_refused_and_say_so() {
    let repository = Repository::new();
    let (public, other) = (repository.key("key.pem"), repository.key("other.pem"));
    let refused = |words: &[&str]| -> Vec<String> {
        let words = [&["license", "verify"], words].concat();
        assert_eq!(repository.ran(&words).0, 2, "{words:?}");
        let told = repository.json(&words);
        assert_eq!(told["counts"], false, "{told}");
        told["refusals"].as_array().unwrap().iter().map(|of| of["code"].as_str().unwrap().to_owned()).collect()
    };
    repository.json(&["license", "issue", "--key", "key.pem"]);
    let now = "2990-01-01T00:00:00Z";
    assert_eq!(refused(&["globex", "--keys", &public, "--at", "2990-07-01T00:00:00Z"]), ["expired"]);
    assert_eq!(refused(&["globex", "--keys", &public, "--at", "2020-01-01T00:00:00Z"]), ["not_yet_valid"]);
    assert_eq!(refused(&["globex", "--keys", &other, "--at", now]), ["unknown_key"]);
    assert_eq!(refused(&["stark", "--keys", &public, "--licence", GLOBEX, "--at", now]), ["other_tenant"]);
    fs::copy(repository.path(GLOBEX), repository.path("first.json")).unwrap();
    repository.edit("until: 2990-06-30", "until: 2991-06-30");
    repository.json(&["license", "issue", "--key", "key.pem"]);
    let old = ["globex", "--keys", &public, "--licence", "first.json", "--at", now];
    assert_eq!(refused(&[&old[..], &["--seen", GLOBEX]].concat()), ["replayed"]);
    let mut envelope: Value = serde_json::from_slice(&fs::read(repository.path(GLOBEX)).unwrap()).unwrap();
    let first: Value = serde_json::from_slice(&fs::read(repository.path("first.json")).unwrap()).unwrap();
    envelope["signatures"] = first["signatures"].clone();
    fs::write(repository.path("forged.json"), envelope.to_string()).unwrap();
    assert_eq!(refused(&["globex", "--keys", &public, "--licence", "forged.json", "--at", now]), ["forged"]);
    fs::write(repository.path("bad.json"), "{").unwrap();
    assert_eq!(refused(&["globex", "--keys", &public, "--licence", "bad.json", "--at", now]), ["malformed"]);
    fs::write(repository.path("large.json"), " ".repeat(9_000)).unwrap();
    assert_eq!(refused(&["globex", "--keys", &public, "--licence", "large.json", "--at", now]), ["too_large"]);
}

#[test]
fn after_a_rotation_one_key_is_trusted_and_what_is_not_ours_stops_it() {
    let repository = Repository::new();
    let (old, new) = (repository.key("old.pem"), repository.key("new.pem"));
    repository.json(&["license", "issue", "--key", "old.pem"]);
    let (code, told) = repository.ran(&["license", "rotate", "--keys", &new, "--key", "new.pem"]);
    assert!(code == 2 && told.contains("licence of prod/globex: no key that is trusted signed it"), "{told}");
    assert_eq!(repository.json(&["license", "rotate", "--keys", &old, "--key", "new.pem"])["written"], 2);
    let verify = |keys: &str| repository.ran(&["license", "verify", "globex", "--keys", keys]).0;
    assert_eq!((verify(&new), verify(&format!("{old},{new}")), verify(&old)), (0, 0, 2));
    assert_eq!(repository.json(&["license", "rotate", "--keys", &old, "--key", "new.pem"])["written"], 0);
}

#[test]
fn what_is_asked_for_wrongly_writes_nothing_and_quotes_no_key() {
    let repository = Repository::new();
    repository.key("key.pem");
    fs::write(repository.path("no.pem"), "hunter2").unwrap();
    let (code, told) = repository.ran(&["license", "issue", "--key", "no.pem"]);
    assert!(code == 2 && told.contains("signed: it is no PRIVATE KEY") && !told.contains("hunter2"), "{told}");
    let (code, told) = repository.ran(&["license", "issue"]);
    assert!(code == 2 && told.contains("there is no key"), "{told}");
    for words in [&["--tenant", "nobody"][..], &["--fleet", "nowhere"], &["--tenant", "acme", "--fleet", "prod"]] {
        let (code, told) = repository.ran(&[&["license", "issue", "--key", "key.pem"], words].concat());
        assert!(code == 2 && told.contains("fleet.yaml has no"), "{words:?}: {told}");
    }
    assert!(!repository.path("licenses").exists());
    repository.json(&["license", "issue", "--key", "key.pem"]);
    fs::write(repository.path(GLOBEX), "{}").unwrap();
    let (code, told) = repository.ran(&["license", "issue", "--key", "key.pem"]);
    assert!(code == 2 && told.contains("licence of prod/globex: it is no licence"), "{told}");
}

/// What the fleet's policy makes of a licence that has ended is in the plan, in words, before anybody approves it.
#[test]
fn a_plan_tells_whom_it_leaves_out_for_want_of_a_licence_and_whom_it_reaches_all_the_same() {
    let repository = Repository::new();
    repository.edit("license: { until: 2990-12-31 }", "license: { until: 2020-12-31 }");
    let policies = [
        ("", "left out: acme: licence ended on 2020-12-31\n"),
        ("expired: exclude, missing: exclude", "left out: hooli: no licence\n"),
        ("expired: pause", "left out: acme: licence ended on 2020-12-31, so it sleeps until it has one again\n"),
        ("expired: release", "without a licence that counts, and released all the same: acme\n"),
    ];
    let dev = fs::read_to_string(repository.path("fleet.yaml")).unwrap();
    for (policy, words) in policies {
        let line = "    domain: dev.a3os.app\n";
        assert!(dev.contains(line));
        let text = dev.replacen(line, &format!("{line}    license: {{ {policy} }}\n"), 1);
        fs::write(repository.path("fleet.yaml"), text).unwrap();
        let (code, told) = repository.ran(&["rehearse", "--fleet", "dev"]);
        assert!(code == 0 && told.contains(words), "{policy}: {code}\n{told}");
    }
}
