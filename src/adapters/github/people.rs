//! Who may do what on the repository.

use async_trait::async_trait;
use http::StatusCode;
use serde::Deserialize;

use super::client::{GitHub, encoded};
use crate::ports::{Approver, PeopleReader, PortResult};

#[derive(Deserialize)]
struct Standing {
    /// The older scale, without words for triage and maintain.
    permission: String,
    role_name: Option<String>,
}

/// The scale people are judged by. A role that an organisation made up itself is not on it.
const ROLES: [&str; 6] = ["admin", "maintain", "write", "triage", "read", "none"];

impl Standing {
    /// The role where it is one of GitHub's, else the permission that the made-up role was built on.
    fn words(self) -> String {
        self.role_name.filter(|role| ROLES.contains(&role.as_str())).unwrap_or(self.permission)
    }
}

#[async_trait]
impl PeopleReader for GitHub {
    async fn permission(&self, user: &str) -> PortResult<String> {
        let doing = format!("reading the permission of {user}");
        let request = self.get(doing, &format!("/collaborators/{}/permission", encoded(user)));
        match self.insist(&request).await {
            Ok(answer) => Ok(answer.json::<Standing>()?.words()),
            Err(failure) if failure.is(StatusCode::NOT_FOUND) => Ok("none".to_owned()),
            Err(failure) => Err(failure.error),
        }
    }

    async fn approvers(&self, run: u64) -> PortResult<Vec<Approver>> {
        let request = self.get(format!("reading who approved run {run}"), &format!("/actions/runs/{run}/approvals"));
        let reviews: Vec<Review> = self.insist(&request).await.map_err(|failure| failure.error)?.json()?;
        let approved = reviews.into_iter().filter(|review| review.state == "approved");
        Ok(approved.map(Approver::from).collect())
    }
}

/// What somebody said when a run waited for an environment.
#[derive(Deserialize)]
struct Review {
    /// `approved`, `rejected` or `pending`.
    state: String,
    user: Reviewer,
    environments: Vec<Environment>,
}

#[derive(Deserialize)]
struct Reviewer {
    login: String,
}

#[derive(Deserialize)]
struct Environment {
    #[serde(default)]
    name: String,
}

impl From<Review> for Approver {
    fn from(review: Review) -> Self {
        let environments = review.environments.into_iter().map(|environment| environment.name).collect();
        Self { login: review.user.login, environments }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_made_up_role_counts_as_what_it_was_built_on() {
        let words = |role: &str| Standing { permission: "write".to_owned(), role_name: Some(role.to_owned()) }.words();
        assert_eq!(words("maintain"), "maintain");
        assert_eq!(words("release-captain"), "write");
    }
}
