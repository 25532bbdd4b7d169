//! What a repository holds before the first request: everything that tidegate reads but never
//! makes (people, pull requests, workflow runs, commits pushed by somebody else).

/// The start state of a fake. Begin with [`Seed::new`] and add to it.
#[derive(Clone, Debug)]
pub(crate) struct Seed {
    pub(crate) owner: String,
    pub(crate) name: String,
    pub(crate) default_branch: String,
    /// The account that every token belongs to.
    pub(crate) login: String,
    /// Takes any 40 hexadecimal digits for a commit: the real repository lives elsewhere.
    pub(crate) accept_any_sha: bool,
    pub(crate) users: Vec<(String, Role)>,
    pub(crate) pulls: Vec<PullRequest>,
    pub(crate) runs: Vec<WorkflowRun>,
    pub(crate) commits: Vec<String>,
}

impl Seed {
    pub(crate) fn new(owner: &str, name: &str) -> Self {
        Self {
            owner: owner.to_owned(),
            name: name.to_owned(),
            default_branch: "main".to_owned(),
            login: "github-actions[bot]".to_owned(),
            accept_any_sha: false,
            users: Vec::new(),
            pulls: Vec::new(),
            runs: Vec::new(),
            commits: Vec::new(),
        }
    }

    pub(crate) fn accept_any_sha(mut self) -> Self {
        self.accept_any_sha = true;
        self
    }

    pub(crate) fn user(mut self, login: &str, role: Role) -> Self {
        self.users.push((login.to_owned(), role));
        self
    }

    pub(crate) fn pull(mut self, pull: PullRequest) -> Self {
        self.pulls.push(pull);
        self
    }

    pub(crate) fn run(mut self, run: WorkflowRun) -> Self {
        self.runs.push(run);
        self
    }

    /// A commit that exists in the repository although nobody made it through the fake.
    pub(crate) fn commit(mut self, sha: &str) -> Self {
        self.commits.push(sha.to_owned());
        self
    }
}

/// What somebody may do in the repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    None,
    Read,
    Triage,
    Write,
    Maintain,
    Admin,
}

impl Role {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Read => "read",
            Self::Triage => "triage",
            Self::Write => "write",
            Self::Maintain => "maintain",
            Self::Admin => "admin",
        }
    }

    /// The older four-valued scale that the answer carries beside the role: it has no word for
    /// triage and maintain.
    pub(crate) fn permission(self) -> &'static str {
        match self {
            Self::Triage => "read",
            Self::Maintain => "write",
            other => other.name(),
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct PullRequest {
    pub(crate) number: u64,
    pub(crate) title: String,
    pub(crate) author: String,
    pub(crate) merged: bool,
    pub(crate) merge_commit_sha: Option<String>,
    pub(crate) head_sha: String,
    pub(crate) labels: Vec<String>,
}

#[derive(Clone, Debug)]
pub(crate) struct WorkflowRun {
    pub(crate) id: u64,
    pub(crate) attempt: u64,
    /// `queued`, `in_progress`, `completed` …
    pub(crate) status: String,
    /// `success`, `cancelled` …: set only when completed.
    pub(crate) conclusion: Option<String>,
    pub(crate) head_sha: String,
    pub(crate) actor: String,
}
