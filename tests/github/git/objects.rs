//! Blobs, trees and commits under their SHA-1 ids.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::Timestamp;
use sha1::{Digest, Sha1};

pub(crate) type Oid = String;

pub(crate) const TREE_MODE: &str = "40000";

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// As git writes it: a tree is `40000`, without the leading zero that REST shows.
    pub(crate) mode: String,
    pub(crate) oid: Oid,
}

pub(crate) type Tree = BTreeMap<String, Entry>;

#[derive(Clone, Debug)]
pub(crate) struct Signature {
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) date: Timestamp,
}

#[derive(Clone, Debug)]
pub(crate) struct Commit {
    pub(crate) tree: Oid,
    pub(crate) parents: Vec<Oid>,
    pub(crate) message: String,
    pub(crate) author: Signature,
    pub(crate) committer: Signature,
}

#[derive(Default)]
pub(crate) struct Objects {
    blobs: HashMap<Oid, Vec<u8>>,
    trees: HashMap<Oid, Tree>,
    commits: HashMap<Oid, Commit>,
    /// Commits that are known to exist in the real repository, and nothing more.
    elsewhere: HashSet<Oid>,
    accept_any_sha: bool,
}

impl Objects {
    pub(crate) fn new(elsewhere: &[Oid], accept_any_sha: bool) -> Self {
        Self {
            elsewhere: elsewhere.iter().cloned().collect(),
            accept_any_sha,
            ..Self::default()
        }
    }

    pub(crate) fn add_elsewhere(&mut self, sha: &str) {
        self.elsewhere.insert(sha.to_owned());
    }

    pub(crate) fn add_blob(&mut self, bytes: Vec<u8>) -> Oid {
        let oid = object_id("blob", &bytes);
        self.blobs.insert(oid.clone(), bytes);
        oid
    }

    pub(crate) fn add_tree(&mut self, tree: Tree) -> Oid {
        let oid = object_id("tree", &tree_bytes(&tree));
        self.trees.insert(oid.clone(), tree);
        oid
    }

    pub(crate) fn add_commit(&mut self, commit: Commit) -> Oid {
        let oid = object_id("commit", commit_text(&commit).as_bytes());
        self.commits.insert(oid.clone(), commit);
        oid
    }

    pub(crate) fn blob(&self, oid: &str) -> Option<&Vec<u8>> {
        self.blobs.get(oid)
    }

    pub(crate) fn tree(&self, oid: &str) -> Option<&Tree> {
        self.trees.get(oid)
    }

    pub(crate) fn commit(&self, oid: &str) -> Option<&Commit> {
        self.commits.get(oid)
    }

    pub(crate) fn has_commit(&self, oid: &str) -> bool {
        let known = self.commits.contains_key(oid) || self.elsewhere.contains(oid);
        known || (self.accept_any_sha && is_oid(oid))
    }

    /// Whether `ancestor` is reached from `oid`. A commit from elsewhere has no known parents.
    pub(crate) fn descends(&self, oid: &str, ancestor: &str) -> bool {
        let (mut todo, mut seen) = (vec![oid], HashSet::new());
        while let Some(here) = todo.pop() {
            if here == ancestor {
                return true;
            }
            if seen.insert(here) {
                let parents = self.commits.get(here).map(|commit| &commit.parents);
                todo.extend(parents.into_iter().flatten().map(String::as_str));
            }
        }
        false
    }
}

pub(crate) fn is_oid(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn object_id(kind: &str, content: &[u8]) -> Oid {
    let mut hash = Sha1::new();
    hash.update(format!("{kind} {}\0", content.len()));
    hash.update(content);
    let digits = hash.finalize();
    digits.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn tree_bytes(tree: &Tree) -> Vec<u8> {
    let mut entries: Vec<_> = tree.iter().collect();
    // Git sorts a tree as if its name ended in a slash.
    entries.sort_by_key(|(name, entry)| match entry.mode.as_str() {
        TREE_MODE => format!("{name}/"),
        _ => (*name).clone(),
    });
    let mut bytes = Vec::new();
    for (name, entry) in entries {
        bytes.extend(format!("{} {name}\0", entry.mode).bytes());
        bytes.extend(raw_id(&entry.oid));
    }
    bytes
}

fn raw_id(oid: &str) -> impl Iterator<Item = u8> {
    let digits = oid.as_bytes().chunks(2);
    digits.map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap())
}

fn commit_text(commit: &Commit) -> String {
    let mut text = format!("tree {}\n", commit.tree);
    for parent in &commit.parents {
        text.push_str(&format!("parent {parent}\n"));
    }
    for (role, who) in [("author", &commit.author), ("committer", &commit.committer)] {
        let second = who.date.as_second();
        text.push_str(&format!(
            "{role} {} <{}> {second} +0000\n",
            who.name, who.email
        ));
    }
    text + "\n" + &commit.message
}
