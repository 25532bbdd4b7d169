//! Whether a process of this machine still runs, by Linux's `/proc`. Sending it signal 0 would ask the same of
//! more systems, but takes unsafe code.

use std::io::ErrorKind;
use std::path::Path;

/// What was seen of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sighting {
    Running,
    Gone,
    /// There is no `/proc`, or it does not show everything.
    Unclear,
}

/// Looks for a process by its id.
pub(super) fn look_for(process: u32) -> Sighting {
    // The first process is always there: where it is not shown, what is not shown may be there too.
    if !Path::new("/proc/1").exists() {
        return Sighting::Unclear;
    }
    #[expect(clippy::disallowed_methods, reason = "the one place that looks for a process")]
    let stat = std::fs::read(format!("/proc/{process}/stat"));
    match stat {
        Ok(stat) if has_ended(&stat) => Sighting::Gone,
        Ok(_) => Sighting::Running,
        Err(error) if error.kind() == ErrorKind::NotFound => Sighting::Gone,
        Err(_) => Sighting::Unclear,
    }
}

/// Whether the process is over and only waits for its parent to notice. The state follows the program's name, which
/// may itself have brackets and blanks.
fn has_ended(stat: &[u8]) -> bool {
    let name_end = stat.iter().rposition(|byte| *byte == b')');
    let state = name_end.and_then(|end| stat.get(end + 2));
    matches!(state, Some(b'Z' | b'X'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_runs_and_one_beyond_the_last_does_not() {
        assert_eq!(look_for(std::process::id()), Sighting::Running);
        assert_eq!(look_for(u32::MAX), Sighting::Gone);
    }

    #[test]
    fn a_process_that_nobody_waited_for_is_gone() {
        assert!(has_ended(b"7 (tide) gate) Z 1 7 7"));
        assert!(!has_ended(b"7 (Z Z) S 1 7 7"));
        let mut child = std::process::Command::new("true").spawn().unwrap();
        while look_for(child.id()) == Sighting::Running {
            std::thread::yield_now();
        }
        assert_eq!(look_for(child.id()), Sighting::Gone, "it is not waited for before this line");
        child.wait().unwrap();
    }
}
