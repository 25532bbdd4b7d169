//! What the surroundings say: read once, every problem at once.

use std::fmt::Display;
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

/// Reads variables and collects what is wrong with them.
pub struct Settings<'a> {
    variable: &'a dyn Fn(&str) -> Option<String>,
    prefix: &'a str,
    problems: Vec<String>,
}

/// What every service is told. Each name follows the service's own prefix, as in `REGISTRY_LISTEN`.
#[derive(Clone, Debug)]
pub struct Common {
    /// `_LISTEN` (`0.0.0.0:8080`).
    pub listen: SocketAddr,
    /// `_CONNECTIONS`: at a time (1024).
    pub connections: usize,
    /// `_POLL_SECONDS` (15; parts of a second are fine).
    pub poll: Duration,
    /// `_DRAIN_SECONDS`: how long requests that are under way may take after SIGTERM (25: ECS kills after 30).
    pub drain: Duration,
    /// What the health check says beside its status: `SERVICE`, `TENANT`, `FLEET`, `VERSION`.
    pub identity: Vec<(String, String)>,
}

impl<'a> Settings<'a> {
    /// Of a service whose variables begin with this prefix.
    pub fn new(prefix: &'a str, variable: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self { variable, prefix, problems: Vec::new() }
    }

    /// A variable that must be there.
    pub fn required<T: FromStr<Err: Display>>(&mut self, name: &str) -> Option<T> {
        let found = self.optional(name);
        let name = self.name(name);
        if (self.variable)(&name).is_none() {
            self.problems.push(format!("{name} is not set"));
        }
        found
    }

    /// A variable that need not be there.
    pub fn optional<T: FromStr<Err: Display>>(&mut self, name: &str) -> Option<T> {
        let name = self.name(name);
        let text = (self.variable)(&name)?;
        // What was given is not quoted: it may be a secret in the wrong place.
        text.parse().map_err(|error| self.problems.push(format!("{name}: {error}"))).ok()
    }

    /// What is wrong besides.
    pub fn add(&mut self, problem: String) {
        self.problems.push(problem);
    }

    /// What every service is told.
    pub fn common(&mut self, service: &str) -> Option<Common> {
        let listen = self.optional("LISTEN").unwrap_or(SocketAddr::from(([0, 0, 0, 0], 8080)));
        let connections = self.optional("CONNECTIONS").unwrap_or(1024_usize);
        let (poll, drain) = (self.seconds("POLL_SECONDS", 15.0), self.seconds("DRAIN_SECONDS", 25.0));
        let of = |name: &str| (self.variable)(name).unwrap_or_default();
        let said = ["SERVICE", "TENANT", "FLEET", "VERSION"].map(|name| (name.to_lowercase(), of(name)));
        let named = |(name, value): (String, String)| match (name.as_str(), value.is_empty()) {
            ("service", true) => (name, service.to_owned()),
            _ => (name, value),
        };
        let identity = said.map(named).to_vec();
        Some(Common { listen, connections: connections.max(1), poll: poll?, drain: drain?, identity })
    }

    /// What was read, if nothing is wrong.
    ///
    /// # Errors
    /// Everything that is missing or wrong, in words.
    pub fn end<T>(self, read: Option<T>) -> Result<T, Vec<String>> {
        match read {
            Some(read) if self.problems.is_empty() => Ok(read),
            _ => Err(self.problems),
        }
    }

    fn seconds(&mut self, name: &str, default: f64) -> Option<Duration> {
        let seconds: f64 = self.optional(name).unwrap_or(default);
        let time = Duration::try_from_secs_f64(seconds).ok().filter(|time| !time.is_zero());
        if time.is_none() {
            let name = self.name(name);
            self.problems.push(format!("{name}: it is no time in seconds"));
        }
        time
    }

    fn name(&self, name: &str) -> String {
        format!("{}_{name}", self.prefix)
    }
}

impl Common {
    /// The name under which requests come in through a load balancer, as `/NAME/...`.
    pub fn service(&self) -> &str {
        self.identity.first().map(|(_, name)| name.as_str()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_is_missing_or_wrong_is_told_at_once_and_nothing_is_quoted() {
        let given = |name: &str| match name {
            "X_LISTEN" => Some("hunter2".to_owned()),
            "X_POLL_SECONDS" => Some("-1".to_owned()),
            _ => None,
        };
        let mut settings = Settings::new("X", &given);
        let (_, missing): (_, Option<u16>) = (settings.common("x"), settings.required("NUMBER"));
        let told = settings.end(missing).unwrap_err().join("\n");
        for word in ["X_LISTEN: ", "X_POLL_SECONDS: it is no time", "X_NUMBER is not set"] {
            assert!(told.contains(word), "{word}:\n{told}");
        }
        assert!(!told.contains("hunter2"), "{told}");
    }

    #[test]
    fn what_is_not_said_has_a_default() {
        let nothing = |_: &str| None;
        let mut settings = Settings::new("X", &nothing);
        let common = settings.common("tenant-registry");
        let common = settings.end(common).unwrap();
        assert_eq!((common.listen.port(), common.service()), (8080, "tenant-registry"));
    }
}
