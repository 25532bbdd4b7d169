//! What is told of a tenant. All of it is names that its users see anyway, or that the control plane needs to find it.

use serde::Serialize;

/// A tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Tenant {
    /// Its id.
    pub id: String,
    /// Its fleet.
    pub fleet: String,
    /// Its cell, which only a snapshot tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cell: Option<String>,
    /// Its Region; none where only a snapshot tells of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Its ECS cluster; none where only a snapshot tells of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// Its hosts, the canonical one first.
    pub hosts: Vec<String>,
    /// How it stands.
    pub state: State,
    /// Where it answers instead, if it has moved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub moved_to: Option<String>,
    /// What it runs, by name.
    pub services: Vec<Service>,
}

/// A service or a one-shot task of a tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Its port, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// The path of its health check, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health: Option<String>,
}

/// What a service is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// It answers requests.
    Service,
    /// It does not.
    Worker,
    /// It runs once for each release.
    Task,
}

/// How a tenant stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Its requests are answered.
    Active,
    /// 503 for a while.
    Maintenance,
    /// Scaled to zero on purpose.
    Paused,
    /// It answers elsewhere.
    Moved,
    /// It has no routes any more.
    Gone,
}

/// All states, by their words.
pub const STATES: [(&str, State); 5] = [
    ("active", State::Active),
    ("maintenance", State::Maintenance),
    ("paused", State::Paused),
    ("moved", State::Moved),
    ("gone", State::Gone),
];
