//! Releases: the git tag of a version and its notes, where people look for them.

use async_trait::async_trait;
use http::StatusCode;
use serde_json::json;

use super::client::{GitHub, encoded};
use super::patience::Doubt;
use crate::domain::ids::{CommitSha, Version};
use crate::ports::{PortResult, ReleaseWriter};

#[async_trait]
impl ReleaseWriter for GitHub {
    /// GitHub makes the tag together with the release. One request, so that there is no tag without notes; and where
    /// releases are immutable, none that was published is ever touched again.
    async fn announce(&self, version: &Version, commit: &CommitSha, notes: &str) -> PortResult<()> {
        let tag = format!("v{version}");
        let body = json!({"tag_name": tag, "target_commitish": commit, "name": tag, "body": notes});
        let request = self.post(format!("announcing {tag}"), "/releases", body);
        let mut patience = self.patience();
        loop {
            if self.is_announced(&tag).await? {
                return Ok(());
            }
            match self.attempt(&request).await {
                Ok(_) => return Ok(()),
                // Somebody was quicker between the look and the attempt.
                Err(failure) if failure.is(StatusCode::UNPROCESSABLE_ENTITY) && self.is_announced(&tag).await? => {
                    return Ok(());
                }
                Err(failure) => {
                    if patience.after(failure).await? == Doubt::Effect {
                        self.patience().let_lists_catch_up().await;
                    }
                }
            }
        }
    }
}

impl GitHub {
    async fn is_announced(&self, tag: &str) -> PortResult<bool> {
        let request = self.get(format!("looking for the release {tag}"), &format!("/releases/tags/{}", encoded(tag)));
        match self.insist(&request).await {
            Ok(_) => Ok(true),
            Err(failure) if failure.is(StatusCode::NOT_FOUND) => Ok(false),
            Err(failure) => Err(failure.error),
        }
    }
}
