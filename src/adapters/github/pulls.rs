//! Pull requests as they are now, what was merged, and the one comment of ours under a pull request.

use async_trait::async_trait;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::client::GitHub;
use super::patience::Doubt;
use crate::domain::ids::CommitSha;
use crate::domain::merged::{History, Merged, PullRequest};
use crate::ports::{Fault, PortError, PortResult, PullReader, PullWriter};

/// Pages of 100 commits that are read at most. Whatever is older than 1,000 commits decides no version.
const PAGES: usize = 10;

/// Begins every comment of ours, unseen by people.
const MARK: &str = "<!-- tidegate -->";

#[derive(Deserialize)]
struct Pull {
    number: u64,
    title: String,
    user: Option<Account>,
    labels: Vec<Label>,
    merged: bool,
    merge_commit_sha: Option<String>,
    head: Head,
}

#[derive(Deserialize)]
struct Account {
    login: String,
    #[serde(rename = "type", default)]
    kind: String,
}

#[derive(Deserialize)]
struct Label {
    name: String,
}

#[derive(Deserialize)]
struct Head {
    sha: CommitSha,
}

#[derive(Deserialize)]
struct Comment {
    id: u64,
    body: Option<String>,
    user: Option<Account>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Commits {
    nodes: Vec<Commit>,
    page_info: PageInfo,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageInfo {
    has_next_page: bool,
    end_cursor: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Commit {
    oid: CommitSha,
    message: String,
    associated_pull_requests: Nodes<ListedPull>,
}

#[derive(Deserialize)]
struct Nodes<T> {
    nodes: Vec<T>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListedPull {
    number: u64,
    title: String,
    author: Option<Login>,
    labels: Option<Nodes<Label>>,
    merged: bool,
    merge_commit: Option<Oid>,
    head_ref_oid: CommitSha,
}

#[derive(Deserialize)]
struct Login {
    login: String,
}

#[derive(Deserialize)]
struct Oid {
    oid: CommitSha,
}

/// What GitHub calls the author of what a deleted account wrote.
const GHOST: &str = "ghost";

impl From<Pull> for PullRequest {
    fn from(pull: Pull) -> Self {
        Self {
            number: pull.number,
            title: pull.title,
            author: pull.user.map_or_else(|| GHOST.to_owned(), |user| user.login),
            labels: pull.labels.into_iter().map(|label| label.name).collect(),
            merged: pull.merged,
            // Before the merge this is the commit of a trial merge, which is none of the default branch.
            merge_commit: pull.merge_commit_sha.filter(|_| pull.merged).and_then(|sha| sha.parse().ok()),
            head: pull.head.sha,
        }
    }
}

impl From<ListedPull> for PullRequest {
    fn from(pull: ListedPull) -> Self {
        Self {
            number: pull.number,
            title: pull.title,
            author: pull.author.map_or_else(|| GHOST.to_owned(), |author| author.login),
            labels: pull.labels.into_iter().flat_map(|labels| labels.nodes).map(|label| label.name).collect(),
            merged: pull.merged,
            merge_commit: pull.merge_commit.map(|commit| commit.oid),
            head: pull.head_ref_oid,
        }
    }
}

impl From<Commit> for Merged {
    fn from(commit: Commit) -> Self {
        // A commit can be in several pull requests; the one that brought it to the default branch was merged.
        let pulls = commit.associated_pull_requests.nodes;
        let pull = pulls.into_iter().filter(|pull| pull.merged).min_by_key(|pull| pull.number);
        Self { commit: commit.oid, message: commit.message, pull: pull.map(PullRequest::from) }
    }
}

#[async_trait]
impl PullReader for GitHub {
    async fn pull(&self, number: u64) -> PortResult<Option<PullRequest>> {
        let request = self.get(format!("reading pull request #{number}"), &format!("/pulls/{number}"));
        match self.insist(&request).await {
            Ok(answer) => Ok(Some(answer.json::<Pull>()?.into())),
            Err(failure) if failure.is(StatusCode::NOT_FOUND) => Ok(None),
            Err(failure) => Err(failure.error),
        }
    }

    async fn history(&self, until: &CommitSha, since: Option<&CommitSha>) -> PortResult<History> {
        let mut history = History::default();
        let mut after = None;
        for _page in 0..PAGES {
            let page = self.page_of_history(until, after.as_deref()).await?;
            for commit in page.nodes {
                if Some(&commit.oid) == since {
                    return Ok(history);
                }
                history.merged.push(commit.into());
            }
            after = page.page_info.end_cursor;
            if !page.page_info.has_next_page || after.is_none() {
                return Ok(history);
            }
        }
        history.cut = true;
        Ok(history)
    }
}

impl GitHub {
    async fn page_of_history(&self, until: &CommitSha, after: Option<&str>) -> PortResult<Commits> {
        let doing = format!("reading what was merged up to {}", until.short());
        let variables = json!({"owner": self.owner(), "name": self.name(), "until": until, "after": after});
        let mut data = self.query(&doing, include_str!("queries/history.graphql"), &variables).await?;
        let commits = data.pointer_mut("/repository/object/history").map(Value::take);
        let commits = commits.ok_or_else(|| PortError::new(Fault::Refused, &doing, "there is no such commit"))?;
        serde_json::from_value(commits).map_err(|error| PortError::new(Fault::Refused, &doing, error))
    }

    /// The comment of ours, if there is one. Anybody can write our mark, so it must be a program's, as ours is.
    async fn our_comment(&self, pull: u64) -> PortResult<Option<Comment>> {
        let doing = format!("looking for our comment on #{pull}");
        let comments: Vec<Comment> = self.list(&doing, &format!("/issues/{pull}/comments?")).await?;
        let program = |comment: &Comment| comment.user.as_ref().is_some_and(|user| user.kind == "Bot");
        let marked = |comment: &Comment| comment.body.as_deref().is_some_and(|body| body.starts_with(MARK));
        Ok(comments.into_iter().find(|comment| program(comment) && marked(comment)))
    }
}

#[async_trait]
impl PullWriter for GitHub {
    async fn comment(&self, pull: u64, body: &str) -> PortResult<()> {
        let body = format!("{MARK}\n{body}");
        let mut patience = self.patience();
        loop {
            let known = self.our_comment(pull).await?;
            if known.as_ref().is_some_and(|comment| comment.body.as_deref() == Some(&body)) {
                return Ok(());
            }
            let doing = format!("commenting on #{pull}");
            let request = match &known {
                Some(comment) => self.patch(doing, &format!("/issues/comments/{}", comment.id), json!({"body": body})),
                None => self.post(doing, &format!("/issues/{pull}/comments"), json!({"body": body})),
            };
            match self.attempt(&request).await {
                Ok(_) => return Ok(()),
                Err(failure) => {
                    if patience.after(failure).await? == Doubt::Effect {
                        self.patience().let_lists_catch_up().await;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commit_of_a_trial_merge_is_no_merge() {
        let pull = |merged: bool| -> PullRequest {
            let json = json!({"number": 7, "title": "t", "user": null, "labels": [], "merged": merged,
                              "merge_commit_sha": "a".repeat(40), "head": {"sha": "b".repeat(40)}});
            serde_json::from_value::<Pull>(json).unwrap().into()
        };
        assert_eq!(pull(false).merge_commit, None);
        assert!(pull(true).merge_commit.is_some());
        assert_eq!(pull(true).author, "ghost");
    }
}
