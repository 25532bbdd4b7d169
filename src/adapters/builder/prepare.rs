//! The program that a build wants run before it, such as a compiler whose result the Dockerfile only copies.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use super::child::Child;
use super::inside::inside;
use super::refused;
use crate::ports::PortResult;

/// The process for these words. It runs in the repository, whose real folder is `root`.
///
/// # Errors
/// The program is none, or a path that leads out of the repository.
pub(super) fn child(root: &Path, words: &[String], limit: Duration) -> PortResult<Child> {
    let doing = format!("preparing with `{}`", words.join(" "));
    let Some((program, arguments)) = words.split_first().filter(|(program, _)| is_program(program)) else {
        return Err(refused(doing, "it names no program"));
    };
    let program = if is_of_the_repository(program) {
        root.join(inside(root, Path::new(program))?).into_os_string()
    } else {
        OsString::from(program)
    };
    let (folder, arguments) = (root.to_owned(), arguments.to_vec());
    Ok(Child { doing, program, arguments, folder, variables: &[], input: None, limit })
}

/// Whether the program is a file of the repository: a path and not a name to search for, nor of the machine.
pub(super) fn is_of_the_repository(program: &str) -> bool {
    program.contains('/') && !program.starts_with('/')
}

fn is_program(word: &str) -> bool {
    !word.is_empty() && !word.starts_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_are_looked_for_in_the_repository() {
        for path in ["./prepare", "services/prepare", "../prepare"] {
            assert!(is_of_the_repository(path), "{path}");
        }
        for path in ["cargo", "/usr/bin/make"] {
            assert!(!is_of_the_repository(path), "{path}");
        }
    }

    #[test]
    fn a_program_outside_of_the_repository_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        for program in ["../sh", "-c", ""] {
            assert!(child(&root, &[program.to_owned()], Duration::MAX).is_err(), "{program}");
        }
        let child = child(&root, &["cargo".to_owned(), "build".to_owned()], Duration::MAX).unwrap();
        assert_eq!((child.program, child.arguments), ("cargo".into(), vec!["build".to_owned()]));
    }
}
