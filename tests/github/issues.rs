//! Comments and labels of issues. A pull request is an issue of the same number.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::seed::PullRequest;

#[derive(Clone, Debug)]
pub(crate) struct Comment {
    pub(crate) id: u64,
    pub(crate) issue: u64,
    pub(crate) author: String,
    pub(crate) body: String,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

#[derive(Default)]
pub(crate) struct Issues {
    labels: BTreeMap<u64, Vec<String>>,
    /// Oldest first, as GitHub lists them.
    pub(crate) comments: Vec<Comment>,
    last_comment: u64,
}

impl Issues {
    pub(crate) fn of(pulls: &[PullRequest]) -> Self {
        let mut issues = Self::default();
        pulls.iter().for_each(|pull| issues.open(pull));
        issues
    }

    pub(crate) fn open(&mut self, pull: &PullRequest) {
        self.labels.insert(pull.number, pull.labels.clone());
    }

    /// The labels of an issue; none when there is no such issue.
    pub(crate) fn labels(&self, issue: u64) -> Option<&[String]> {
        self.labels.get(&issue).map(Vec::as_slice)
    }

    pub(crate) fn add_label(&mut self, issue: u64, label: &str) {
        let labels = self.labels.entry(issue).or_default();
        if !labels.iter().any(|known| known == label) {
            labels.push(label.to_owned());
        }
    }

    /// Takes a label away; false when the issue does not have it.
    pub(crate) fn remove_label(&mut self, issue: u64, label: &str) -> bool {
        let labels = self.labels.entry(issue).or_default();
        let before = labels.len();
        labels.retain(|known| known != label);
        labels.len() < before
    }

    pub(crate) fn add_comment(
        &mut self,
        issue: u64,
        author: &str,
        body: &str,
        now: Timestamp,
    ) -> Comment {
        self.last_comment += 1;
        let comment = Comment {
            id: self.last_comment,
            issue,
            author: author.to_owned(),
            body: body.to_owned(),
            created_at: now,
            updated_at: now,
        };
        self.comments.push(comment.clone());
        comment
    }

    pub(crate) fn comment_mut(&mut self, id: u64) -> Option<&mut Comment> {
        self.comments.iter_mut().find(|comment| comment.id == id)
    }
}
