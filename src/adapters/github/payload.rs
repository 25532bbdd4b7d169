//! The payload of a deployment: the intent, which can be written once and never changed. Small on purpose: how
//! much GitHub takes is written nowhere, and the plan itself lies on the state branch.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::domain::approved::Approved;
use crate::domain::ids::{AppName, CommitSha, ContentHash, FleetName, Version};
use crate::domain::ledger::Intent;
use crate::domain::plan::{Direction, Plan};

/// Version of this form.
const SCHEMA: u32 = 1;

/// The limit we set ourselves.
pub(super) const LARGEST: usize = 16 * 1024;

/// The task of a deployment that goes forward.
pub(super) const DEPLOY: &str = "tidegate:deploy";

/// The task of a deployment that goes back.
pub(super) const ROLLBACK: &str = "tidegate:rollback";

/// What is recorded with a deployment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Payload {
    schema: u32,
    kind: Kind,
    app: AppName,
    release: Version,
    commit: CommitSha,
    plan: ContentHash,
    direction: Direction,
    pub(super) waves: Waves,
    replaces: Option<Version>,
    run: Option<u64>,
    attempt: Option<u64>,
    /// Who opened it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    /// Who approved the plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    approved: Option<Approved>,
    /// Tells a request that was repeated from a second one.
    pub(super) key: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Deploy,
    Rollback,
}

/// Names and sizes of the waves or, where that is too much, how many there are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Waves {
    Listed(Vec<(String, usize)>),
    Counted(usize),
}

impl Payload {
    /// The payload for carrying out a plan in this attempt of a run.
    pub(super) fn of(plan: &Plan, intent: &Intent, attempt: Option<u64>) -> Self {
        let number = |number: Option<u64>| number.map_or("-".to_owned(), |number| number.to_string());
        let mut payload = Self {
            schema: SCHEMA,
            kind: if plan.is_rollback() { Kind::Rollback } else { Kind::Deploy },
            app: plan.app.clone(),
            release: intent.version.clone(),
            commit: intent.commit.clone(),
            plan: intent.plan.clone(),
            direction: intent.direction.clone(),
            waves: Waves::Listed(intent.waves.clone()),
            replaces: plan.replaces.clone(),
            run: intent.run,
            attempt,
            by: intent.by.clone(),
            approved: intent.approved.clone(),
            key: format!("{}/{}/{}", intent.plan, number(intent.run), number(attempt)),
        };
        if payload.to_json().to_string().len() > LARGEST {
            payload.waves = Waves::Counted(intent.waves.len());
        }
        payload
    }

    pub(super) fn to_json(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    /// Reads what GitHub gives back: an object, or its text, or the text of its text. REST and GraphQL differ,
    /// and so do clients that sent it.
    pub(super) fn read(raw: &Value) -> Result<Self, String> {
        let mut value = raw.clone();
        for _layer in 0..2 {
            let Value::String(text) = &value else { break };
            value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        }
        let payload: Self = serde_json::from_value(value).map_err(|error| error.to_string())?;
        match payload.schema {
            SCHEMA => Ok(payload),
            other => Err(format!("it has form {other}, and this tidegate reads form {SCHEMA}")),
        }
    }

    /// The task of the deployment.
    pub(super) fn task(&self) -> &'static str {
        match self.kind {
            Kind::Deploy => DEPLOY,
            Kind::Rollback => ROLLBACK,
        }
    }

    /// What people read of the deployment.
    pub(super) fn description(&self, fleet: &FleetName) -> String {
        let Self { app, release, .. } = self;
        let text = format!("{app} {release} to {fleet}, plan {}", self.plan.short());
        text.chars().take(140).collect()
    }

    /// The intent, with these waves.
    pub(super) fn intent(&self, fleet: &FleetName, waves: Vec<(String, usize)>) -> Intent {
        Intent {
            fleet: fleet.clone(),
            version: self.release.clone(),
            commit: self.commit.clone(),
            plan: self.plan.clone(),
            direction: self.direction.clone(),
            waves,
            run: self.run,
            by: self.by.clone(),
            approved: self.approved.clone(),
        }
    }

    /// Hash of the plan.
    pub(super) fn plan(&self) -> &ContentHash {
        &self.plan
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn payload(waves: usize) -> Payload {
        let waves = (1..=waves).map(|n| (format!("wave {n}"), n)).collect();
        let intent = Intent {
            fleet: "prod".parse().unwrap(),
            version: "1.4.1-main.57.ab12cd3".parse().unwrap(),
            commit: "a".repeat(40).parse().unwrap(),
            plan: ContentHash::of(b"plan"),
            direction: Direction::Deploy,
            waves,
            run: Some(7),
            by: Some("ana".to_owned()),
            approved: Some(Approved::NotNeeded),
        };
        let plan: Plan = serde_json::from_value(json!({
            "schema": 1, "app": "accessos", "fleet": "prod", "replaces": "1.4.0", "direction": "deploy",
            "release": { "version": intent.version, "commit": intent.commit, "images": {} },
            "waves": [], "unchanged": [], "excluded": [], "on_failure": "stop",
            "gate": { "deadline": "PT15M", "stopped_tasks_max": 0, "targets_healthy": true, "probe": null, "unknown": "hold" },
        }))
        .unwrap();
        Payload::of(&plan, &intent, Some(2))
    }

    #[test]
    fn it_is_read_through_up_to_two_layers_of_text() {
        let payload = payload(5);
        let object = payload.to_json();
        let text = Value::String(object.to_string());
        let twice = Value::String(text.to_string());
        for raw in [&object, &text, &twice] {
            assert_eq!(Payload::read(raw).unwrap(), payload);
        }
        let thrice = Value::String(twice.to_string());
        assert!(Payload::read(&thrice).is_err());
    }

    #[test]
    fn it_stays_small_whatever_the_number_of_waves() {
        assert_eq!(payload(2_000).waves, Waves::Counted(2_000));
        for waves in [0, 5, 500, 1_000, 2_000] {
            assert!(payload(waves).to_json().to_string().len() <= LARGEST, "{waves}");
        }
    }

    #[test]
    fn a_newer_form_is_not_guessed_at() {
        let mut newer = payload(1).to_json();
        newer["schema"] = 2.into();
        assert!(Payload::read(&newer).unwrap_err().contains("form 2"));
    }

    #[test]
    fn words_for_people() {
        insta::assert_snapshot!(payload(1).description(&"prod".parse().unwrap()), @"accessos 1.4.1-main.57.ab12cd3 to prod, plan 64879f7d6b96");
    }
}
