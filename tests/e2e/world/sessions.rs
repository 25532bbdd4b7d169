//! Who asked for what: the AWS actions of each job, in IAM's words, so that what a real rollout called can be laid beside
//! what its role may. A session is known by the access key that STS gave out for it, and signs every call after that.

use std::collections::{BTreeMap, BTreeSet};

use super::proxy::{Answer, Asked};

/// Every action so far, by the name of the session.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    by_key: BTreeMap<String, String>,
    actions: BTreeMap<String, BTreeSet<String>>,
}

impl Sessions {
    /// Takes in a call and its answer.
    pub(super) fn note(&mut self, asked: &Asked, answer: &Answer) {
        let body = asked.call.as_ref().map(|call| &call.body);
        if let Some(session) = body.and_then(|body| body["RoleSessionName"].as_str()) {
            let text = String::from_utf8_lossy(&answer.body);
            if let Some(key) = text.split("<AccessKeyId>").nth(1).and_then(|rest| rest.split('<').next()) {
                self.by_key.insert(key.to_owned(), session.to_owned());
            }
            let action = asked.action().unwrap_or_default();
            self.actions.entry(session.to_owned()).or_default().insert(format!("sts:{action}"));
        } else if let Some((key, service)) = signed(asked) {
            let session = self.by_key.get(key).cloned().unwrap_or_else(|| "no session".to_owned());
            let action = format!("{}:{}", iam(service), operation(asked, service));
            self.actions.entry(session).or_default().insert(action);
        }
    }

    /// The actions by session.
    pub(super) fn actions(&self) -> BTreeMap<String, BTreeSet<String>> {
        self.actions.clone()
    }

    /// Begins anew.
    pub(super) fn forget(&mut self) {
        self.actions.clear();
    }
}

/// The access key and the service that a call is signed for (Signature Version 4: `KEY/DATE/REGION/SERVICE/aws4_request`).
fn signed(asked: &Asked) -> Option<(&str, &str)> {
    let header = asked.headers.get("authorization")?.to_str().ok()?;
    let scope = header.split_once("Credential=")?.1.split(',').next()?;
    let mut parts = scope.split('/');
    Some((parts.next()?, parts.nth(2)?))
}

/// How IAM calls a service, where that differs from what its calls are signed for.
fn iam(service: &str) -> &str {
    if service == "monitoring" { "cloudwatch" } else { service }
}

fn operation(asked: &Asked, service: &str) -> String {
    match (asked.action(), asked.path().rsplit_once("/operation/")) {
        (Some(action), _) => action.to_owned(),
        // RPC v2, which CloudWatch speaks.
        (None, Some((_, operation))) => operation.to_owned(),
        (None, None) if service == "s3" && asked.method() == "GET" => "GetObject".to_owned(),
        (None, None) => format!("{} {}", asked.method(), asked.path()),
    }
}
