//! Broken fleet files and what `tidegate check` says about them: every problem, at its line and column, with what to
//! do about it, all in one go. The files in `broken/` were made from `shop.yaml`, each with problems of one kind,
//! and `all-levels.yaml` with problems of every kind.
//!
//! The binary itself runs, in an empty environment, so what stands here is what a person sees.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test reads files, and a panic is its report")]

mod bytes;
mod meaning;
mod properties;
mod shape;
mod yaml;

use std::path::Path;
use std::process::{Command, Output};

fn check(folder: &Path, file: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command.args(["check", "--file", file]).current_dir(folder).env_clear().output().unwrap()
}

fn refused(folder: &Path, file: &str) -> String {
    let ran = check(folder, file);
    let told = String::from_utf8(ran.stdout).unwrap();
    assert_eq!(ran.status.code(), Some(2), "{file}: {told}");
    assert_eq!(String::from_utf8(ran.stderr).unwrap(), "", "{file}");
    told
}

/// What is said about one of the broken files.
fn told(file: &str) -> String {
    refused(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/manifest/broken"), file)
}

/// What is said about a file of these bytes.
fn told_of(bytes: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("fleet.yaml"), bytes).unwrap();
    refused(folder.path(), "fleet.yaml")
}

#[test]
fn nothing_is_wrong_with_the_file_they_were_made_from() {
    let ran = check(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/manifest"), "shop.yaml");
    insta::assert_snapshot!(String::from_utf8(ran.stdout).unwrap(), @"shop: no problems; fleets dev with 1 service set, prod with 2 service sets");
    assert_eq!(ran.status.code(), Some(0));
}
