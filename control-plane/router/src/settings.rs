//! What the surroundings say: read once, every problem at once.

use std::fmt::Display;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use accessos_routing::{Limits, TrustedKeys, is_host};

use crate::forward::Bounds;
use crate::resolve::Site;
use crate::store::Place;

/// All of it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `ROUTER_ROOT_HOST`, `ROUTER_SHARED_HOST`, `SERVICE`.
    pub site: Site,
    /// `ROUTER_SNAPSHOT`: `s3://BUCKET/PREFIX`.
    pub place: Place,
    /// `ROUTER_KEYS`: one or two public keys, with a comma between them.
    pub keys: TrustedKeys,
    /// `ROUTER_LOSE_PERCENT` (10), `ROUTER_GENERATION_MIN` (0).
    pub limits: Limits,
    /// `ROUTER_POLL_SECONDS` (5; parts of a second are fine).
    pub poll: Duration,
    /// `ROUTER_STATE`: the folder in which the last snapshot is kept (`/var/lib/router`).
    pub state: PathBuf,
    /// `ROUTER_LISTEN` (`0.0.0.0:8080`).
    pub listen: SocketAddr,
    /// `ROUTER_METRICS` (`0.0.0.0:9090`), which no load balancer leads to.
    pub metrics: SocketAddr,
    /// `ROUTER_WORKERS`: threads that serve; one for each processor.
    pub workers: usize,
    /// `ROUTER_CONNECTIONS`: connections of one worker at a time (4096).
    pub connections: usize,
    /// `ROUTER_PROXIES` (1: the load balancer), `ROUTER_BODY_MAX` (64 MiB), `ROUTER_ANSWER_SECONDS` (60),
    /// `ROUTER_IDLE_SECONDS` (60).
    pub bounds: Bounds,
    /// `ROUTER_GUESSES_PER_MINUTE`: how often a client may ask for what is not there (60).
    pub guesses: u64,
    /// `ROUTER_DRAIN_SECONDS`: how long requests that are under way may take after SIGTERM (25: ECS kills after 30).
    pub drain: Duration,
    /// What the health check says beside its status: `SERVICE`, `TENANT`, `FLEET`, `VERSION`.
    pub identity: Vec<(String, String)>,
}

struct Reader<'a> {
    variable: &'a dyn Fn(&str) -> Option<String>,
    problems: Vec<String>,
}

impl Reader<'_> {
    fn read<T: FromStr<Err: Display>>(&mut self, name: &str, default: Option<&str>) -> Option<T> {
        let text = match (self.variable)(name).or(default.map(str::to_owned)) {
            Some(text) => text,
            None => {
                self.problems.push(format!("{name} is not set"));
                return None;
            }
        };
        text.parse().map_err(|error| self.problems.push(format!("{name}: {error}"))).ok()
    }

    fn host(&mut self, name: &str) -> Option<String> {
        let host: String = self.read(name, None)?;
        if !is_host(&host) {
            self.problems.push(format!("{name}: it is no host name in lower case"));
        }
        Some(host)
    }

    fn seconds(&mut self, name: &str, default: &str) -> Option<Duration> {
        let seconds: f64 = self.read(name, Some(default))?;
        let time = Duration::try_from_secs_f64(seconds).ok().filter(|time| !time.is_zero());
        if time.is_none() {
            self.problems.push(format!("{name}: it is no time in seconds"));
        }
        time
    }
}

impl Settings {
    /// Reads the surroundings.
    ///
    /// # Errors
    /// Everything that is missing or wrong, in words.
    pub fn read(variable: &dyn Fn(&str) -> Option<String>) -> Result<Self, Vec<String>> {
        let mut from = Reader { variable, problems: Vec::new() };
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).to_string();
        let (root, shared) = (from.host("ROUTER_ROOT_HOST"), from.host("ROUTER_SHARED_HOST"));
        let service: Option<String> = from.read("SERVICE", Some("edge-router"));
        let place = from.read("ROUTER_SNAPSHOT", None);
        let keys = from.read("ROUTER_KEYS", None);
        let lose_percent = from.read("ROUTER_LOSE_PERCENT", Some("10"));
        let generation_min = from.read("ROUTER_GENERATION_MIN", Some("0"));
        let poll = from.seconds("ROUTER_POLL_SECONDS", "5");
        let state = from.read("ROUTER_STATE", Some("/var/lib/router"));
        let listen = from.read("ROUTER_LISTEN", Some("0.0.0.0:8080"));
        let metrics = from.read("ROUTER_METRICS", Some("0.0.0.0:9090"));
        let workers = from.read("ROUTER_WORKERS", Some(&cores));
        let connections = from.read("ROUTER_CONNECTIONS", Some("4096"));
        let proxies = from.read("ROUTER_PROXIES", Some("1"));
        let body_max = from.read("ROUTER_BODY_MAX", Some("67108864"));
        let answer = from.seconds("ROUTER_ANSWER_SECONDS", "60");
        let idle = from.seconds("ROUTER_IDLE_SECONDS", "60");
        let guesses: Option<u64> = from.read("ROUTER_GUESSES_PER_MINUTE", Some("60"));
        let drain = from.seconds("ROUTER_DRAIN_SECONDS", "25");
        let said = ["SERVICE", "TENANT", "FLEET", "VERSION"];
        let identity = said.iter().map(|name| (name.to_lowercase(), variable(name).unwrap_or_default())).collect();
        let read = || {
            Some(Self {
                site: Site { root: root?, shared: shared?, service: service? },
                place: place?,
                keys: keys?,
                limits: Limits { lose_percent: lose_percent?, generation_min: generation_min? },
                poll: poll?,
                state: state?,
                listen: listen?,
                metrics: metrics?,
                workers: std::cmp::max(workers?, 1),
                connections: std::cmp::max(connections?, 1),
                bounds: Bounds { body_max: body_max?, answer: answer?, idle: idle?, proxies: proxies? },
                guesses: guesses.filter(|guesses| *guesses > 0).unwrap_or(1),
                drain: drain?,
                identity,
            })
        };
        match read() {
            Some(settings) if from.problems.is_empty() => Ok(settings),
            _ => Err(from.problems),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_is_missing_or_wrong_is_told_at_once() {
        let bad = |name: &str| match name {
            "ROUTER_ROOT_HOST" => Some("App.example".to_owned()),
            "ROUTER_POLL_SECONDS" => Some("-1".to_owned()),
            "ROUTER_LISTEN" => Some("x".to_owned()),
            _ => None,
        };
        let told = Settings::read(&bad).unwrap_err().join("\n");
        for name in
            ["ROOT_HOST", "SHARED_HOST is not set", "SNAPSHOT is not set", "KEYS is not set", "POLL_SECONDS", "LISTEN"]
        {
            assert!(told.contains(name), "{name}:\n{told}");
        }
    }
}
