//! Changes to whole trees, done on the flat list of their files: directories come and go by
//! themselves, as they do in git.

use std::collections::BTreeMap;

use super::objects::{Entry, Objects, Oid, TREE_MODE, Tree};

/// Every file below a tree by its full path.
pub(crate) type Files = BTreeMap<String, Entry>;

impl Objects {
    pub(crate) fn files(&self, tree: &str) -> Files {
        let mut files = Files::new();
        self.collect(tree, "", &mut files);
        files
    }

    fn collect(&self, tree: &str, prefix: &str, files: &mut Files) {
        for (name, entry) in self.tree(tree).into_iter().flatten() {
            let path = format!("{prefix}{name}");
            if entry.mode == TREE_MODE {
                self.collect(&entry.oid, &format!("{path}/"), files);
            } else {
                files.insert(path, entry.clone());
            }
        }
    }

    /// Stores the trees that hold exactly these files, and returns the root.
    pub(crate) fn add_files(&mut self, files: &Files) -> Oid {
        let mut root = Tree::new();
        let mut directories: BTreeMap<String, Files> = BTreeMap::new();
        for (path, entry) in files {
            match path.split_once('/') {
                None => drop(root.insert(path.clone(), entry.clone())),
                Some((directory, rest)) => {
                    let inside = directories.entry(directory.to_owned()).or_default();
                    inside.insert(rest.to_owned(), entry.clone());
                }
            }
        }
        for (name, inside) in directories {
            let oid = self.add_files(&inside);
            let mode = TREE_MODE.to_owned();
            root.insert(name, Entry { mode, oid });
        }
        self.add_tree(root)
    }

    /// The entry at a path below a tree: a file or a directory.
    pub(crate) fn entry(&self, tree: &str, path: &str) -> Option<&Entry> {
        let (name, rest) = path.split_once('/').unwrap_or((path, ""));
        let entry = self.tree(tree)?.get(name)?;
        if rest.is_empty() {
            return Some(entry);
        }
        self.entry(&entry.oid, rest)
    }
}

/// Takes away the file or the directory at a path; false when there was none.
pub(crate) fn remove(files: &mut Files, path: &str) -> bool {
    let before = files.len();
    let below = format!("{path}/");
    files.retain(|name, _| name != path && !name.starts_with(&below));
    files.len() < before
}
