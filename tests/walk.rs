//! The README's first walk, as a new user goes it: every command of its block, in an empty folder, as it is written.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test binary: it reads its own environment")]

use std::path::Path;
use std::process::{Command, Output};

/// The block of the README that begins with this comment.
const BEGINS: &str = "# from an empty folder to a first release, simulated\n";

/// More would be no short walk.
const COMMANDS_MAX: usize = 9;

/// The lines of the walk: a command, and the exit code that it is said to have.
fn walk() -> Vec<(String, i32)> {
    let readme = std::fs::read_to_string("README.md").unwrap();
    let block = readme.split_once(BEGINS).unwrap().1.split_once("```").unwrap().0;
    let line = |line: &str| {
        let (command, comment) = line.split_once('#').unwrap_or((line, ""));
        let code = comment
            .split_once("exit ")
            .map_or(0, |(_, code)| code.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap());
        (command.trim().to_owned(), code)
    };
    block.lines().filter(|line| !line.trim().is_empty()).map(line).collect()
}

/// Runs a line without a shell: `mkdir`, `cd` and `tidegate` are all that the walk needs.
fn go(folder: &mut std::path::PathBuf, command: &str, hash: &str) -> Output {
    let words: Vec<&str> = command.split_whitespace().map(|word| if word == "HASH" { hash } else { word }).collect();
    let (program, arguments) = match words.as_slice() {
        ["tidegate", arguments @ ..] => (env!("CARGO_BIN_EXE_tidegate"), arguments),
        ["mkdir", name, "&&", "cd", same] if name == same => {
            folder.push(name);
            std::fs::create_dir(&*folder).unwrap();
            ("true", &[] as &[&str])
        }
        other => panic!("the walk has a command that is not known here: {other:?}"),
    };
    let path = std::env::var_os("PATH").unwrap();
    let mut command = Command::new(program);
    command.args(arguments).current_dir(&*folder).env_clear().env("PATH", path);
    // Without it the SDK would look for an instance's credentials, and wait.
    command.env("AWS_EC2_METADATA_DISABLED", "true").output().unwrap()
}

#[test]
fn the_readme_s_first_walk_goes_as_it_says() {
    let walk = walk();
    assert!((4..=COMMANDS_MAX).contains(&walk.len()), "{walk:?}");
    let folder = tempfile::tempdir().unwrap();
    let (mut at, mut hash) = (folder.path().to_owned(), String::new());
    for (command, code) in &walk {
        let said = go(&mut at, command, &hash);
        let text = String::from_utf8_lossy(&said.stdout).into_owned();
        assert_eq!(said.status.code(), Some(*code), "{command}\n{text}{}", String::from_utf8_lossy(&said.stderr));
        if let Some((_, rest)) = text.rsplit_once("--approved-plan ") {
            hash = rest.split_whitespace().next().unwrap().to_owned();
        }
    }
    assert!(
        walk.iter().any(|(command, _)| command.contains("promote") && command.contains("HASH")),
        "a release is part of it"
    );
    assert!(Path::new(&at).join(".github/workflows/promote.yml").is_file());
}
