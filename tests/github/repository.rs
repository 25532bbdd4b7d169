//! The one repository that the fake serves, as plain state without HTTP.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::Timestamp;

use super::deployments::Deployments;
use super::git::edits::{Files, remove};
use super::git::objects::{Commit, Entry, Objects, Oid, Signature, is_oid};
use super::git::refs::{ABSENT, RefProblem, RefUpdate, Refs};
use super::issues::Issues;
use super::seed::{PullRequest, Role, Seed, WorkflowRun};

/// How GraphQL names the repository.
pub(crate) const NODE_ID: &str = "R_kgDOFakeRepo";

pub(crate) struct Repository {
    pub(crate) owner: String,
    pub(crate) name: String,
    pub(crate) default_branch: String,
    pub(crate) login: String,
    /// Refs that lack commits of the default branch, so that `auto_merge` has something to do.
    pub(crate) behind: HashSet<String>,
    /// Commit status contexts that fail, by ref.
    pub(crate) failing: HashMap<String, Vec<String>>,
    pub(crate) deployments: Deployments,
    pub(crate) objects: Objects,
    pub(crate) refs: Refs,
    pub(crate) issues: Issues,
    pub(crate) pulls: Vec<PullRequest>,
    pub(crate) runs: Vec<WorkflowRun>,
    /// Run, who approved it, and the environment.
    pub(crate) approvals: Vec<(u64, String, String)>,
    pub(crate) releases: Vec<Release>,
    /// Environments by name, with their reviewers.
    pub(crate) environments: BTreeMap<String, Vec<String>>,
    /// Labels that issues can be given.
    pub(crate) labels: Vec<String>,
    pub(crate) users: BTreeMap<String, Role>,
}

/// A tag that everybody is told of.
#[derive(Clone, Debug)]
pub(crate) struct Release {
    pub(crate) tag: String,
    pub(crate) target: String,
    pub(crate) notes: String,
}

impl Repository {
    pub(crate) fn new(seed: Seed, now: Timestamp) -> Self {
        let mut repository = Self {
            objects: Objects::new(&seed.commits, seed.accept_any_sha),
            issues: Issues::of(&seed.pulls),
            owner: seed.owner,
            name: seed.name,
            default_branch: seed.default_branch,
            login: seed.login,
            behind: HashSet::new(),
            failing: HashMap::new(),
            deployments: Deployments::default(),
            refs: Refs::default(),
            pulls: seed.pulls,
            runs: seed.runs,
            approvals: Vec::new(),
            releases: Vec::new(),
            environments: BTreeMap::new(),
            labels: Vec::new(),
            users: seed.users.into_iter().collect(),
        };
        repository.begin(now);
        repository
    }

    /// The first commit: GitHub refuses refs in a repository that has none.
    fn begin(&mut self, now: Timestamp) {
        let tree = self.tree_with(Files::new(), [("README.md", b"# Seed\n".as_slice())]);
        let first = self.commit(tree, Vec::new(), "First commit", now);
        let name = format!("refs/heads/{}", self.default_branch);
        self.create_ref(&name, &first).unwrap();
    }

    pub(crate) fn full_name(&self) -> String {
        format!("{}/{}", self.owner, self.name)
    }

    /// The commit that a branch, a tag, a full ref name or an id stands for.
    pub(crate) fn resolve(&self, name: &str) -> Option<Oid> {
        let full_names = [name.to_owned(), format!("refs/heads/{name}"), format!("refs/tags/{name}")];
        let pointed = full_names.iter().find_map(|full| self.refs.get(full));
        let direct = || is_oid(name) && self.objects.has_commit(name);
        pointed.cloned().or_else(|| direct().then(|| name.to_owned()))
    }

    /// Stores the files with some added or replaced.
    pub(crate) fn tree_with<'a>(
        &mut self,
        mut files: Files,
        additions: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    ) -> Oid {
        for (path, bytes) in additions {
            let oid = self.objects.add_blob(bytes.to_vec());
            let mode = files.get(path).map_or("100644".to_owned(), |old| old.mode.clone());
            remove(&mut files, path);
            files.insert(path.to_owned(), Entry { mode, oid });
        }
        self.objects.add_files(&files)
    }

    /// A commit by the token's own account.
    pub(crate) fn commit(&mut self, tree: Oid, parents: Vec<Oid>, message: &str, now: Timestamp) -> Oid {
        let author = self.signature(now);
        self.objects.add_commit(Commit {
            tree,
            parents,
            message: message.to_owned(),
            committer: author.clone(),
            author,
        })
    }

    pub(crate) fn signature(&self, date: Timestamp) -> Signature {
        Signature { name: self.login.clone(), email: format!("{}@users.noreply.github.com", self.login), date }
    }

    pub(crate) fn create_ref(&mut self, name: &str, oid: &str) -> Result<(), RefProblem> {
        self.move_ref(name, Some(ABSENT), oid, false)
    }

    pub(crate) fn move_ref(
        &mut self,
        name: &str,
        before: Option<&str>,
        after: &str,
        force: bool,
    ) -> Result<(), RefProblem> {
        let update =
            RefUpdate { name: name.to_owned(), before: before.map(str::to_owned), after: after.to_owned(), force };
        let moved = self.refs.update(&self.objects, &[update]);
        moved.map_err(|(_, problem)| problem)
    }

    /// The bytes of a file at a commit.
    pub(crate) fn file(&self, commit: &str, path: &str) -> Option<&Vec<u8>> {
        let tree = &self.objects.commit(commit)?.tree;
        self.objects.blob(&self.objects.entry(tree, path)?.oid)
    }

    pub(crate) fn pull(&self, number: u64) -> Option<&PullRequest> {
        self.pulls.iter().find(|pull| pull.number == number)
    }
}
