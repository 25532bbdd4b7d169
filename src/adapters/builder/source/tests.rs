//! What changes a content address, and what does not. Each test is one sentence about a real repository.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::adapters::builder::sample::build;

/// A repository with one service, as a context that copies what a compiler made of a shared library.
struct Repository {
    _folder: TempDir,
    root: PathBuf,
    build: Build,
    platforms: Vec<String>,
}

impl Repository {
    fn new() -> Self {
        let repository = Self::without_git();
        repository.git(&["init", "--quiet"]);
        repository.git(&["add", "."]);
        repository
    }

    fn without_git() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("repository");
        let build = Build { inputs: vec!["lib".to_owned()], ..build("services/iam") };
        let repository = Self { _folder: folder, root, build, platforms: vec!["linux/amd64".to_owned()] };
        repository.write(".gitignore", "services/*/server\n");
        repository.write("services/iam/Dockerfile", "FROM scratch\nCOPY . /\n");
        repository.write("services/iam/.dockerignore", "docs\n");
        repository.write("services/iam/run", "run");
        repository.write("services/iam/docs/README.md", "read me");
        repository.write("lib/src/lib.rs", "lib");
        repository
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::File::create(&path).and_then(|mut file| io::Write::write_all(&mut file, text.as_bytes())).unwrap();
    }

    fn git(&self, arguments: &[&str]) {
        let identity = ["-c", "user.name=test", "-c", "user.email=test@example.test"];
        let done = Command::new("git").args(identity).args(arguments).current_dir(&self.root).status().unwrap();
        assert!(done.success(), "git {arguments:?}");
    }

    fn address(&self) -> PortResult<ContentHash> {
        address(&self.root, &self.build, self.platforms.clone())
    }
}

#[track_caller]
fn changes(change: impl FnOnce(&mut Repository)) {
    let mut repository = Repository::new();
    let before = repository.address().unwrap();
    change(&mut repository);
    assert_ne!(repository.address().unwrap(), before);
}

#[track_caller]
fn changes_nothing(change: impl FnOnce(&mut Repository)) {
    let mut repository = Repository::new();
    let before = repository.address().unwrap();
    change(&mut repository);
    assert_eq!(repository.address().unwrap(), before);
}

#[track_caller]
fn is_refused(because: &str, change: impl FnOnce(&mut Repository)) {
    let mut repository = Repository::new();
    change(&mut repository);
    let why = repository.address().unwrap_err().to_string();
    assert!(why.contains(because), "{why}");
}

#[test]
fn files_that_go_into_the_image_count() {
    changes(|r| r.write("services/iam/run", "run faster"));
    changes(|r| r.write("services/iam/new", ""));
    changes(|r| fs::remove_file(r.root.join("services/iam/run")).unwrap());
    changes(|r| fs::rename(r.root.join("services/iam/run"), r.root.join("services/iam/walk")).unwrap());
    changes(|r| fs::set_permissions(r.root.join("services/iam/run"), fs::Permissions::from_mode(0o755)).unwrap());
    changes(|r| symlink("run", r.root.join("services/iam/link")).unwrap());
    changes(|r| r.write("services/iam/Dockerfile", "FROM alpine:3\nCOPY . /\n"));
}

#[test]
fn files_that_do_not_go_into_the_image_do_not_count() {
    changes_nothing(|r| r.write("services/iam/server", "what a compiler made"));
    changes_nothing(|r| r.write("services/iam/docs/README.md", "read me again"));
    changes_nothing(|r| r.write("services/audit/Dockerfile", "FROM scratch\n"));
    changes_nothing(|r| r.git(&["commit", "--quiet", "-m", "nothing"]));
    changes_nothing(|r| {
        fs::set_permissions(r.root.join("services/iam/run"), fs::Permissions::from_mode(0o600)).unwrap()
    });
    changes_nothing(|r| {
        r.write("services/iam/never", "");
        r.git(&["add", "services/iam/never"]);
        fs::remove_file(r.root.join("services/iam/never")).unwrap();
    });
}

#[test]
fn one_machine_s_own_excludes_decide_nothing() {
    changes(|r| {
        r.write(".git/info/exclude", "services/iam/new\n");
        r.write("services/iam/new", "");
    });
}

#[test]
fn inputs_and_prepare_count() {
    changes(|r| r.write("lib/src/lib.rs", "library"));
    changes(|r| r.build.inputs.push("services".to_owned()));
    changes(|r| r.build.prepare = vec!["cargo".to_owned(), "build".to_owned()]);
    let mut repository = Repository::new();
    repository.write("tools/prepare", "cargo build");
    repository.build.prepare = vec!["./tools/prepare".to_owned()];
    let before = repository.address().unwrap();
    repository.write("tools/prepare", "cargo build --release");
    assert_ne!(repository.address().unwrap(), before, "a program of the repository");
}

#[test]
fn arguments_and_platforms_count_but_not_their_order() {
    changes(|r| drop(r.build.args.insert("FEATURES".to_owned(), "sso".to_owned())));
    changes(|r| r.platforms.push("linux/arm64".to_owned()));
    let with = |platforms: [&str; 3]| {
        let mut repository = Repository::new();
        repository.platforms = platforms.map(str::to_owned).into();
        repository.address().unwrap()
    };
    assert_eq!(
        with(["linux/amd64", "linux/arm64", "linux/amd64"]),
        with(["linux/arm64", "linux/amd64", "linux/arm64"])
    );
}

#[test]
fn dockerignore_counts_also_for_files_that_are_made_later() {
    changes(|r| r.write("services/iam/.dockerignore", "docs\nserver\n"));
    changes(|r| r.write("services/iam/Dockerfile.dockerignore", "run\n"));
    is_refused("`[` is no pattern", |r| r.write("services/iam/.dockerignore", "[\n"));
    // The Dockerfile goes to the builder whatever the file says.
    let repository = Repository::new();
    repository.write("services/iam/.dockerignore", "*\n");
    let before = repository.address().unwrap();
    repository.write("services/iam/run", "nobody copies it");
    assert_eq!(repository.address().unwrap(), before);
    repository.write("services/iam/Dockerfile", "FROM scratch\nENV A=b\n");
    assert_ne!(repository.address().unwrap(), before);
}

#[test]
fn where_the_repository_is_does_not_count() {
    let (one, other) = (Repository::new(), Repository::new());
    assert_eq!(one.address().unwrap(), other.address().unwrap());
    let plain = Repository::without_git();
    assert_eq!(plain.address().unwrap(), one.address().unwrap(), "an exported tree");
    fs::rename(one.root.join("services"), one.root.join("apps")).unwrap();
    let moved = Repository { build: Build { context: "apps/iam".to_owned(), ..one.build.clone() }, ..one };
    assert_eq!(moved.address().unwrap(), other.address().unwrap());
}

#[test]
fn the_whole_repository_can_be_the_context() {
    let mut repository = Repository::new();
    repository.write("Dockerfile", "FROM scratch\n");
    repository.build = build(".");
    let before = repository.address().unwrap();
    repository.write("lib/src/lib.rs", "library");
    assert_ne!(repository.address().unwrap(), before);
}

#[test]
fn a_checkout_within_the_checkout_is_read_as_one() {
    let repository = Repository::new();
    repository.write("services/iam/vendor/.gitignore", "made\n");
    repository.write("services/iam/vendor/code", "code");
    let vendor = Repository { root: repository.root.join("services/iam/vendor"), ..Repository::without_git() };
    vendor.git(&["init", "--quiet"]);
    let before = repository.address().unwrap();
    vendor.write("made", "by its build");
    assert_eq!(repository.address().unwrap(), before);
    vendor.write("code", "other code");
    assert_ne!(repository.address().unwrap(), before);
}

#[test]
fn nothing_outside_of_the_repository_gets_in() {
    is_refused("leads out of the repository", |r| r.build.context = "..".to_owned());
    is_refused("must be relative", |r| r.build.inputs = vec!["/etc".to_owned()]);
    is_refused("leads out of the repository", |r| {
        r.write("../Dockerfile", "FROM scratch\n");
        r.build.dockerfile = "../../../Dockerfile".to_owned();
    });
    is_refused("outside of the repository", |r| symlink("/etc/passwd", r.root.join("services/iam/passwd")).unwrap());
    is_refused("No such file", |r| r.build.dockerfile = "Containerfile".to_owned());
    is_refused("No such file", |r| r.build.inputs = vec!["none".to_owned()]);
}

#[test]
fn names_are_taken_as_they_are() {
    changes(|r| r.write("services/iam/a\nb \u{e9}*", ""));
    let mut repository = Repository::new();
    repository.write(":(top)*/Dockerfile", "FROM scratch\n");
    repository.build = build(":(top)*");
    let before = repository.address().unwrap();
    repository.write("services/iam/run", "no part of this context");
    assert_eq!(repository.address().unwrap(), before);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn the_order_of_writing_does_not_count(
        names in proptest::collection::btree_set("[a-c]{1,3}(/[d-f]{1,2}){0,2}", 1..6),
    ) {
        let written = |names: &mut dyn Iterator<Item = &String>| {
            let repository = Repository::without_git();
            names.for_each(|name| repository.write(&format!("services/iam/files/{name}.txt"), name));
            repository.address().unwrap()
        };
        prop_assert_eq!(written(&mut names.iter()), written(&mut names.iter().rev()));
    }
}

#[tokio::test]
async fn the_port_answers_what_the_function_computes() {
    let repository = Repository::new();
    let source = SourceTree::at(&repository.root);
    let found = source.content_address(&repository.build, &repository.platforms).await;
    assert_eq!(found, repository.address());
    let missing = SourceTree::at(Path::new("/none")).content_address(&repository.build, &[]).await;
    assert!(missing.is_err());
}
