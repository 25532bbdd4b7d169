//! The ways an image can be broken on purpose, one a line:
//!
//! ```text
//! never-healthy fleet=prod     # 500 on every path
//! crash-at-start tenant=acme   # exits before it listens
//! exit-at-start 137            # as a task that ran out of memory does
//! crash-after 60s
//! errors 30%                   # 500 on that share of requests; health stays green, as in life
//! slow 2s                      # each answer waits
//! ```
//!
//! `fleet=` and `tenant=` narrow a fault: one image is then fine in dev and broken in prod,
//! which is what canaries are for. A line that is not understood ends the process, for a test
//! with a silently healthy "broken" image proves nothing.

use std::time::Duration;

use crate::identity::Identity;

/// The faults of an image, before it is known where it runs.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Script(Vec<Line>);

#[derive(Debug, PartialEq, Eq)]
struct Line {
    fault: Fault,
    fleet: Option<String>,
    tenant: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    NeverHealthy,
    CrashAtStart,
    ExitAtStart(u8),
    CrashAfter(Duration),
    Errors { percent: u8 },
    Slow(Duration),
}

/// The faults that hold for one process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    pub never_healthy: bool,
    pub crash_at_start: bool,
    pub exit_at_start: Option<u8>,
    pub crash_after: Option<Duration>,
    pub errors_percent: u8,
    pub slow: Duration,
}

/// Reads a fault file; the error names the line.
pub fn parse(text: &str) -> Result<Script, String> {
    let mut lines = Vec::new();
    for (index, raw) in text.lines().enumerate() {
        let words: Vec<&str> = raw.split('#').next().unwrap_or_default().split_whitespace().collect();
        if !words.is_empty() {
            lines.push(line(&words).map_err(|problem| format!("fault line {}: {problem}", index + 1))?);
        }
    }
    Ok(Script(lines))
}

fn line(words: &[&str]) -> Result<Line, String> {
    let (scopes, plain): (Vec<&str>, Vec<&str>) = words.iter().partition(|word| word.contains('='));
    let fault = match plain[..] {
        ["never-healthy"] => Fault::NeverHealthy,
        ["crash-at-start"] => Fault::CrashAtStart,
        ["exit-at-start", code] => {
            Fault::ExitAtStart(code.parse().map_err(|_| format!("not an exit code: {code:?} (0 to 255)"))?)
        }
        ["crash-after", delay] => Fault::CrashAfter(duration(delay)?),
        ["errors", share] => Fault::Errors { percent: percent(share)? },
        ["slow", delay] => Fault::Slow(duration(delay)?),
        _ => return Err(format!("not a fault: {:?}", plain.join(" "))),
    };
    let mut line = Line { fault, fleet: None, tenant: None };
    for scope in scopes {
        match scope.split_once('=') {
            Some(("fleet", name)) => line.fleet = Some(name.to_owned()),
            Some(("tenant", name)) => line.tenant = Some(name.to_owned()),
            _ => return Err(format!("not a scope: {scope:?}")),
        }
    }
    Ok(line)
}

fn duration(text: &str) -> Result<Duration, String> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(unit_at);
    let count: u64 = digits.parse().map_err(|_| format!("not a duration: {text:?}"))?;
    match unit {
        "ms" => Ok(Duration::from_millis(count)),
        "s" => Ok(Duration::from_secs(count)),
        "m" => Ok(Duration::from_secs(count.saturating_mul(60))),
        _ => Err(format!("not a duration: {text:?} (ms, s or m)")),
    }
}

fn percent(text: &str) -> Result<u8, String> {
    text.strip_suffix('%')
        .and_then(|digits| digits.parse().ok())
        .filter(|percent| *percent <= 100)
        .ok_or_else(|| format!("not a share: {text:?} (0% to 100%)"))
}

impl Script {
    /// Keeps the faults whose scope is this process; of two of a kind the later wins.
    pub fn for_identity(&self, identity: &Identity) -> Faults {
        let mut faults = Faults::default();
        for line in self.0.iter().filter(|line| line.concerns(identity)) {
            match line.fault {
                Fault::NeverHealthy => faults.never_healthy = true,
                Fault::CrashAtStart => faults.crash_at_start = true,
                Fault::ExitAtStart(code) => faults.exit_at_start = Some(code),
                Fault::CrashAfter(delay) => faults.crash_after = Some(delay),
                Fault::Errors { percent } => faults.errors_percent = percent,
                Fault::Slow(delay) => faults.slow = delay,
            }
        }
        faults
    }
}

impl Line {
    fn concerns(&self, identity: &Identity) -> bool {
        self.fleet.as_ref().is_none_or(|fleet| *fleet == identity.fleet)
            && self.tenant.as_ref().is_none_or(|tenant| *tenant == identity.tenant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_fleet(fleet: &str, text: &str) -> Result<Faults, String> {
        let identity = Identity::from_env(|name| match name {
            "FLEET" => Some(fleet.to_owned()),
            "TENANT" => Some("globex".to_owned()),
            _ => None,
        });
        parse(text).map(|script| script.for_identity(&identity))
    }

    #[test]
    fn comments_and_blank_lines_are_no_fault() {
        assert_eq!(in_fleet("dev", "# fine\n\n   # also fine\n"), Ok(Faults::default()));
    }

    #[test]
    fn every_kind_is_read() {
        let text = "never-healthy\ncrash-at-start\nexit-at-start 137\ncrash-after 60s\nerrors 30%  # some\nslow 250ms";
        let all = Faults {
            never_healthy: true,
            crash_at_start: true,
            exit_at_start: Some(137),
            crash_after: Some(Duration::from_secs(60)),
            errors_percent: 30,
            slow: Duration::from_millis(250),
        };
        assert_eq!(in_fleet("dev", text), Ok(all));
    }

    #[test]
    fn a_scope_narrows_and_two_scopes_narrow_further() {
        let broken = Ok(Faults { never_healthy: true, ..Faults::default() });
        assert_eq!(in_fleet("prod", "never-healthy fleet=prod"), broken);
        assert_eq!(in_fleet("dev", "never-healthy fleet=prod"), Ok(Faults::default()));
        assert_eq!(in_fleet("prod", "never-healthy fleet=prod tenant=globex"), broken);
        assert_eq!(in_fleet("prod", "never-healthy fleet=prod tenant=acme"), Ok(Faults::default()));
    }

    #[test]
    fn what_is_not_understood_is_refused_with_its_line() {
        for text in ["sick", "errors 101%", "errors 30", "slow 2h", "slow s", "slow", "never-healthy zone=a"] {
            let problem = in_fleet("dev", &format!("# first\n{text}"));
            assert!(problem.as_ref().is_err_and(|p| p.starts_with("fault line 2:")), "{text}: {problem:?}");
        }
    }
}
