//! A gate of the owner's own: an executable that answers `{"verdict": "pass" | "fail" | "unknown", "why": "..."}`.

use serde::{Deserialize, Serialize};

use super::policy::CommandPolicy;
use super::verdict::{Evidence, Finding, GateName, Subject, Verdict};
use crate::domain::reason::Reason;

/// What came of running it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CommandAnswer {
    /// It ended.
    Ended {
        /// Its exit code; none if a signal ended it.
        code: Option<i32>,
        /// What it printed.
        output: String,
    },
    /// It did not begin or did not end in time; in words.
    Nothing(String),
}

/// Longest `why` that is passed on, in characters.
const WHY_MAX: usize = 300;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
    verdict: Word,
    #[serde(default)]
    why: String,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Word {
    Pass,
    Fail,
    Unknown,
}

/// Judges a wave by what the executable said. Only an exit code of 0 and an answer of that form can pass.
pub fn judge_command(policy: &CommandPolicy, answer: Option<&CommandAnswer>) -> Finding {
    let program = policy.run.first().cloned().unwrap_or_default();
    let finding = |verdict, words: String| {
        Finding::new(GateName::Command, Subject::Wave, verdict, policy.observe, Evidence::words(words))
    };
    let unknown = |why: String| Verdict::Unknown(Reason::GateUnknown { what: format!("command {program}"), why });
    let told = match answer {
        None => Err("it was not run".to_owned()),
        Some(CommandAnswer::Nothing(why)) => Err(why.clone()),
        Some(CommandAnswer::Ended { code: Some(0), output }) => {
            serde_json::from_str::<Told>(output.trim()).map_err(|error| format!("its answer cannot be read: {error}"))
        }
        Some(CommandAnswer::Ended { code, .. }) => {
            Err(code.map_or_else(|| "a signal ended it".to_owned(), |code| format!("it ended with exit code {code}")))
        }
    };
    match told {
        Err(why) => finding(unknown(why.clone()), why),
        Ok(Told { verdict, why }) => {
            let why: String = why.chars().filter(|c| !c.is_control()).take(WHY_MAX).collect();
            let verdict = match verdict {
                Word::Pass => Verdict::Pass,
                Word::Fail => Verdict::Fail(Reason::CommandFailed { program: program.clone(), why: why.clone() }),
                Word::Unknown => unknown(why.clone()),
            };
            finding(verdict, why)
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    fn judge(code: Option<i32>, output: &str) -> Verdict {
        let run = vec!["./smoke".to_owned()];
        let policy = CommandPolicy { run, timeout: SignedDuration::from_mins(1), observe: false };
        judge_command(&policy, Some(&CommandAnswer::Ended { code, output: output.to_owned() })).verdict
    }

    #[test]
    fn inv_09_only_a_plain_pass_passes() {
        assert_eq!(judge(Some(0), "{\"verdict\": \"pass\"}\n"), Verdict::Pass);
        assert!(matches!(judge(Some(0), r#"{"verdict":"fail","why":"login"}"#), Verdict::Fail(_)));
        for (code, output) in [
            (Some(0), ""),
            (Some(0), "ok"),
            (Some(0), r#"{"verdict":"passed"}"#),
            (Some(0), r#"{"verdict":"pass","also":1}"#),
            (Some(0), r#"{"verdict":"unknown","why":"no data"}"#),
            (Some(1), r#"{"verdict":"pass"}"#),
            (None, r#"{"verdict":"pass"}"#),
        ] {
            assert!(matches!(judge(code, output), Verdict::Unknown(_)), "{code:?} {output}");
        }
    }
}
