//! The services' own answers over HTTP: not only that something answers, but that the right version does.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::policy::is_false;
use super::verdict::Verdict;
use crate::domain::ids::{ServiceKey, Version};
use crate::domain::reason::Reason;

/// How a service is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbePolicy {
    /// URL with `{host}`, `{health}`, `{tenant}`, `{service}`, `{fleet}` to fill in. The Host header is the tenant's.
    pub url: String,
    /// Time between two rounds.
    pub every: SignedDuration,
    /// Failures in a row that are still borne.
    pub failures_max: u32,
    /// Whether the answer must name the version that is being released.
    pub version_must_match: bool,
    /// Whether it only watches and has no vote.
    #[serde(default, skip_serializing_if = "is_false")]
    pub observe: bool,
}

/// One service to be asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// Which service.
    pub service: ServiceKey,
    /// Where, placeholders filled in.
    pub url: String,
    /// The tenant's host, for the Host header.
    pub host: String,
}

/// What one probe got.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// An HTTP answer.
    Http {
        /// Its status.
        status: u16,
        /// The version it named, if it named one.
        version: Option<String>,
    },
    /// No answer: refused, timed out, broke off.
    Nothing {
        /// In the client's words.
        why: String,
    },
}

/// What is known of a service's health since its watch began.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProbeRecord {
    /// Probes that passed.
    pub passed: u32,
    /// Failures in a row, up to now.
    pub failing: u32,
    /// What the last failure was.
    pub last_failure: String,
    /// When the last probe was made.
    pub last_at: Option<Timestamp>,
}

impl ProbePolicy {
    /// Whether this answer is a good one for a service that should answer `version`; if not, what it was.
    ///
    /// # Errors
    /// What was wrong, in words for a person.
    pub fn accepts(&self, answer: &Answer, version: Option<&Version>) -> Result<(), String> {
        match answer {
            Answer::Nothing { why } => Err(why.clone()),
            Answer::Http { status, .. } if !(200..300).contains(status) => Err(format!("HTTP {status}")),
            Answer::Http { version: seen, .. } => match version.filter(|_| self.version_must_match) {
                None => Ok(()),
                Some(wanted) if seen.as_deref() == Some(&wanted.to_string()) => Ok(()),
                Some(wanted) => {
                    let seen = seen.as_deref().unwrap_or("no version").escape_debug();
                    Err(format!("answers {seen} where {wanted} should run"))
                }
            },
        }
    }
}

impl ProbeRecord {
    /// The record with one more probe in it.
    #[must_use]
    pub fn with(mut self, result: Result<(), String>, at: Timestamp) -> Self {
        self.last_at = Some(at);
        match result {
            Ok(()) => {
                self.passed += 1;
                self.failing = 0;
            }
            Err(why) => {
                self.failing += 1;
                self.last_failure = why;
            }
        }
        self
    }
}

/// Judges one service's probes. With `done`, the watch is over, so a probe that was never answered well is an
/// unknown; before that it is merely early.
pub fn judge_probe(policy: &ProbePolicy, service: &ServiceKey, record: Option<&ProbeRecord>, done: bool) -> Verdict {
    let unknown =
        |why: &str| Verdict::Unknown(Reason::GateUnknown { what: format!("probe of {service}"), why: why.to_owned() });
    match record {
        Some(record) if record.failing > policy.failures_max => Verdict::Fail(Reason::ProbeFailed {
            service: service.clone(),
            failures: record.failing,
            last: record.last_failure.clone(),
        }),
        Some(record) if done && record.passed == 0 => unknown(&format!("none passed; last: {}", record.last_failure)),
        Some(record) if done && record.failing > 0 => unknown(&format!("the last one failed: {}", record.last_failure)),
        None if done => unknown("it was never made"),
        Some(_) | None => Verdict::Pass,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy() -> ProbePolicy {
        ProbePolicy {
            url: "https://{host}{health}".to_owned(),
            every: SignedDuration::from_secs(10),
            failures_max: 2,
            version_must_match: true,
            observe: false,
        }
    }

    fn service() -> ServiceKey {
        ServiceKey::try_from("acme/iam-service".to_owned()).unwrap()
    }

    #[test]
    fn the_right_version_must_answer_not_only_200() {
        let wanted = "1.4.0".parse().unwrap();
        let http = |status, version: &str| Answer::Http { status, version: Some(version.to_owned()) };
        assert_eq!(policy().accepts(&http(200, "1.4.0"), Some(&wanted)), Ok(()));
        assert_eq!(
            policy().accepts(&http(200, "1.3.9"), Some(&wanted)),
            Err("answers 1.3.9 where 1.4.0 should run".to_owned())
        );
        assert_eq!(policy().accepts(&http(503, "1.4.0"), Some(&wanted)), Err("HTTP 503".to_owned()));
        let silent = Answer::Http { status: 200, version: None };
        assert!(policy().accepts(&silent, Some(&wanted)).is_err());
    }

    #[test]
    fn inv_09_no_record_is_unknown_and_never_a_pass() {
        assert!(matches!(judge_probe(&policy(), &service(), None, true), Verdict::Unknown(_)));
        let never_good = ProbeRecord::default().with(Err("HTTP 500".to_owned()), Timestamp::UNIX_EPOCH);
        assert!(matches!(judge_probe(&policy(), &service(), Some(&never_good), true), Verdict::Unknown(_)));
    }

    #[test]
    fn failures_in_a_row_fail_and_a_single_one_does_not() {
        let mut record = ProbeRecord::default();
        for _ in 0..2 {
            record = record.with(Err("HTTP 500".to_owned()), Timestamp::UNIX_EPOCH);
            assert_eq!(judge_probe(&policy(), &service(), Some(&record), false), Verdict::Pass);
        }
        let failed = record.clone().with(Err("HTTP 500".to_owned()), Timestamp::UNIX_EPOCH);
        assert!(matches!(judge_probe(&policy(), &service(), Some(&failed), false), Verdict::Fail(_)));
        let mended = record.with(Ok(()), Timestamp::UNIX_EPOCH);
        assert_eq!(judge_probe(&policy(), &service(), Some(&mended), true), Verdict::Pass);
    }
}
