//! A file as a tree whose every node knows where it stands, and the way from a path to its place.

use std::collections::BTreeMap;

use super::problem::Problem;
use super::read::Source;
use super::text::{Refusal, text};
use super::tree::tree;

/// A place in the text: bytes, line and column from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) bytes: (usize, usize),
}

/// Where a text begins.
pub(super) const START: Mark = Mark { line: 1, column: 1, bytes: (0, 0) };

/// A value in the text.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) mark: Mark,
    /// First byte after all of it.
    pub(super) end: usize,
    pub(super) kind: Kind,
}

impl Node {
    /// Whether it is an empty text or one of YAML's words for nothing.
    pub(super) fn says_nothing(&self) -> bool {
        let null = |text: &str| matches!(text, "~" | "null" | "Null" | "NULL");
        matches!(&self.kind, Kind::Scalar { text, plain } if text.is_empty() || (*plain && null(text)))
    }
}

/// What a value is.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// A text or number; `plain` if it has no quotes, so that its kind is a matter of reading.
    Scalar { text: String, plain: bool },
    /// A list.
    List(Vec<Node>),
    /// Keys and values, in the order of the text.
    Map(Vec<(Key, Node)>),
    /// Something that was refused already and can be anything.
    Refused,
}

/// A key.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) text: String,
    pub(super) mark: Mark,
}

/// One file: its tree, and its marks by path, such as `fleets.dev.waves` or `tenants.entries[3].id`.
#[derive(Clone, Debug)]
pub(super) struct Document {
    pub(super) file: usize,
    pub(super) name: String,
    pub(super) root: Node,
    /// What is refused in it, although its tree could be read.
    pub(super) refused: Vec<Problem>,
    values: BTreeMap<String, Mark>,
    keys: BTreeMap<String, Mark>,
}

impl Document {
    /// Reads a source. An error means that there is no tree to go on with.
    pub(super) fn read(file: usize, source: &Source) -> Result<Self, Vec<Problem>> {
        let report = |(mark, what, help): Refusal| problem(file, &source.name, mark, what, help);
        let text = text(source).map_err(|refused| refused.into_iter().map(report).collect::<Vec<_>>())?;
        let (root, refused) = tree(text);
        let refused: Vec<Problem> = refused.into_iter().map(report).collect();
        let Some(root) = root else {
            let empty = || report((START, "the file is empty".to_owned(), "see README.md for a first fleet.yaml"));
            return Err(if refused.is_empty() { vec![empty()] } else { refused });
        };
        let (values, keys) = (BTreeMap::new(), BTreeMap::new());
        let mut document = Self { file, name: source.name.clone(), root: root.clone(), refused, values, keys };
        document.index("", &root);
        Ok(document)
    }

    /// Where the value at this path stands; else the nearest thing around it that is there.
    pub(super) fn mark(&self, path: &str) -> Mark {
        let mut path = path;
        loop {
            if let Some(mark) = self.values.get(path).or_else(|| self.keys.get(path)) {
                return *mark;
            }
            match path.rfind(['.', '[']) {
                Some(end) => path = &path[..end],
                None => return START,
            }
        }
    }

    /// Where the key at this path stands.
    pub(super) fn key_mark(&self, path: &str) -> Mark {
        self.keys.get(path).copied().unwrap_or_else(|| self.mark(path))
    }

    /// A problem at a mark of this file.
    pub(super) fn problem(&self, mark: Mark, what: String, help: &str) -> Problem {
        problem(self.file, &self.name, mark, what, help)
    }

    /// Lets a value that stands under a misspelt key be found under the key that was meant.
    pub(super) fn mean(&mut self, written: &str, meant: &str) {
        for marks in [&mut self.values, &mut self.keys] {
            let below = marks.range(written.to_owned()..).map_while(|(path, mark)| {
                let below = path.strip_prefix(written)?;
                Some((below, *mark))
            });
            let found: Vec<(String, Mark)> = below
                .filter(|(below, _)| below.is_empty() || below.starts_with(['.', '[']))
                .map(|(below, mark)| (format!("{meant}{below}"), mark))
                .collect();
            marks.extend(found);
        }
    }

    fn index(&mut self, path: &str, node: &Node) {
        self.values.insert(path.to_owned(), node.mark);
        match &node.kind {
            Kind::Scalar { .. } | Kind::Refused => {}
            Kind::List(items) => {
                items.iter().enumerate().for_each(|(i, item)| self.index(&format!("{path}[{i}]"), item))
            }
            Kind::Map(entries) => {
                for (key, value) in entries {
                    let path = join(path, &key.text);
                    self.keys.insert(path.clone(), key.mark);
                    self.index(&path, value);
                }
            }
        }
    }
}

/// The path of a key below another path.
pub(super) fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn problem(file: usize, name: &str, mark: Mark, what: String, help: &str) -> Problem {
    let Mark { line, column, bytes } = mark;
    Problem { file, name: name.to_owned(), line, column, bytes, what, help: help.to_owned() }
}
