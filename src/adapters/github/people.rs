//! Who may do what on the repository.

use async_trait::async_trait;
use http::StatusCode;
use serde::Deserialize;

use super::client::{GitHub, encoded};
use crate::ports::{PeopleReader, PortResult};

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
