//! Accounts, and what they may do.

use serde_json::{Value, json};

use crate::github::contract::shape::like;
use crate::github::repository::Repository;
use crate::github::wire::answer::{Answer, Handled};
use crate::github::wire::call::Call;

/// An account as most answers embed it.
pub(super) fn account(login: &str) -> Value {
    let kind = if login.ends_with("[bot]") {
        "Bot"
    } else {
        "User"
    };
    like(
        "simple-user",
        json!({ "login": login, "id": 1, "type": kind }),
    )
}

pub(super) fn permission(repo: &Repository, call: &Call, login: &str) -> Handled {
    let Some(role) = repo.users.get(login) else {
        let message = format!("{login} is not a user");
        return Err(Answer::refusal(404, &message));
    };
    let url = format!("{}/users/{login}", call.base);
    let facts = json!({ "login": login, "id": 1, "url": url, "role_name": role.name() });
    let body = json!({
        "permission": role.permission(),
        "role_name": role.name(),
        "user": like("nullable-collaborator", facts),
    });
    Ok(Answer::json(200, body))
}
