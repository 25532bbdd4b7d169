//! The text as a tree whose every node knows where it stands, and the refusal of what no fleet file needs:
//! anchors and merge keys (a bomb of a hundred lines expands to gigabytes), keys that stand twice, several
//! documents, other keys than text.

use std::collections::BTreeMap;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span};

use super::problem::Problem;
use super::read::Source;

/// Larger files are refused before they are parsed. A thousand tenants take less than half of it.
const BYTES_MAX: usize = 1 << 20;
/// Nothing in a fleet file is deeper than eight.
const DEPTH_MAX: usize = 32;

/// A place in the text: bytes, line and column from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) bytes: (usize, usize),
}

/// A value in the text.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) mark: Mark,
    pub(super) kind: Kind,
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
    values: BTreeMap<String, Mark>,
    keys: BTreeMap<String, Mark>,
}

impl Document {
    /// Reads a source.
    pub(super) fn read(file: usize, source: &Source) -> Result<Self, Vec<Problem>> {
        let report = |mark: Mark, what: String, help: &str| problem(file, &source.name, mark, what, help);
        let text = text(source).map_err(|(what, help)| vec![report(START, what, help)])?;
        let mut builder = Builder { offsets: offsets(text), lines: text, depth: 0, found: Vec::new() };
        let parsed = builder.parse();
        let mut problems: Vec<Problem> =
            builder.found.into_iter().map(|(mark, what, help)| report(mark, what, help)).collect();
        match parsed {
            Ok(Some(root)) if problems.is_empty() => {
                let mut document =
                    Self { file, name: source.name.clone(), root, values: BTreeMap::new(), keys: BTreeMap::new() };
                document.index();
                Ok(document)
            }
            Ok(Some(_)) => Err(problems),
            Ok(None) => {
                problems.push(report(START, "the file is empty".to_owned(), "see README.md for a first fleet.yaml"));
                Err(problems)
            }
            Err((mark, what)) => {
                problems.push(report(mark, what, ""));
                Err(problems)
            }
        }
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

    fn index(&mut self) {
        let root = std::mem::replace(&mut self.root, Node { mark: START, kind: Kind::List(Vec::new()) });
        self.index_node("", &root);
        self.root = root;
    }

    fn index_node(&mut self, path: &str, node: &Node) {
        self.values.insert(path.to_owned(), node.mark);
        match &node.kind {
            Kind::Scalar { .. } => {}
            Kind::List(items) => {
                items.iter().enumerate().for_each(|(i, item)| self.index_node(&format!("{path}[{i}]"), item))
            }
            Kind::Map(entries) => {
                for (key, value) in entries {
                    let path = join(path, &key.text);
                    self.keys.insert(path.clone(), key.mark);
                    self.index_node(&path, value);
                }
            }
        }
    }
}

/// The path of a key below another path.
pub(super) fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// Whether a plain scalar is YAML's way to say nothing.
pub(super) fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

const START: Mark = Mark { line: 1, column: 1, bytes: (0, 0) };

fn problem(file: usize, name: &str, mark: Mark, what: String, help: &str) -> Problem {
    let Mark { line, column, bytes } = mark;
    Problem { file, name: name.to_owned(), line, column, bytes, what, help: help.to_owned() }
}

/// The source as text, if it is one.
fn text(source: &Source) -> Result<&str, (String, &'static str)> {
    let bytes = source.bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&source.bytes);
    if bytes.len() > BYTES_MAX {
        return Err((
            format!("{} bytes, more than the {BYTES_MAX} that are read", bytes.len()),
            "put tenants into files of their own: tenants.include",
        ));
    }
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err(("this is UTF-16".to_owned(), "save it as UTF-8"));
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|error| (format!("no UTF-8 from byte {} on", error.valid_up_to()), "save it as UTF-8"))?;
    match text.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        Some(control) => Err((format!("a control character ({})", control.escape_default()), "remove it")),
        None => Ok(text),
    }
}

/// Byte offset of each character: the parser counts characters, excerpts want bytes.
fn offsets(text: &str) -> Vec<usize> {
    text.char_indices().map(|(offset, _)| offset).chain([text.len()]).collect()
}

type Bad = (Mark, String);

struct Builder<'a> {
    offsets: Vec<usize>,
    lines: &'a str,
    depth: usize,
    found: Vec<(Mark, String, &'static str)>,
}

type Events<'a> = Parser<'a, saphyr_parser::StrInput<'a>>;

impl<'a> Builder<'a> {
    fn parse(&mut self) -> Result<Option<Node>, Bad> {
        let mut events = Parser::new_from_str(self.lines);
        let mut root = None;
        while let Some(event) = events.next() {
            let (event, span) = event.map_err(|error| self.syntax(&error))?;
            match event {
                Event::StreamStart
                | Event::StreamEnd
                | Event::DocumentStart(_)
                | Event::DocumentEnd
                | Event::Nothing => {}
                _ if root.is_some() => {
                    return Err((self.mark(span), "a second document begins here, and only one is read".to_owned()));
                }
                event => root = Some(self.node(event, span, &mut events)?),
            }
        }
        Ok(root.filter(|node: &Node| !matches!(&node.kind, Kind::Scalar { text, plain: true } if is_null(text))))
    }

    fn node(&mut self, event: Event<'a>, span: Span, events: &mut Events<'a>) -> Result<Node, Bad> {
        let mark = self.mark(span);
        let anchor = match &event {
            Event::Scalar(_, _, anchor, _) | Event::SequenceStart(anchor, _) | Event::MappingStart(anchor, _) => {
                *anchor
            }
            _ => 0,
        };
        if anchor > 0 {
            self.found.push((mark, "anchors are not read".to_owned(), "write the value out"));
        }
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err((mark, format!("deeper than {DEPTH_MAX} levels")));
        }
        let kind = match event {
            Event::Scalar(text, style, _, _) => {
                Kind::Scalar { text: text.into_owned(), plain: style == ScalarStyle::Plain }
            }
            Event::SequenceStart(..) => self.list(events)?,
            Event::MappingStart(..) => self.map(events)?,
            Event::Alias(_) => {
                self.found.push((mark, "aliases are not read".to_owned(), "write the value out"));
                Kind::Scalar { text: String::new(), plain: false }
            }
            _ => return Err((mark, "this is no value".to_owned())),
        };
        self.depth -= 1;
        Ok(Node { mark, kind })
    }

    fn list(&mut self, events: &mut Events<'a>) -> Result<Kind, Bad> {
        let mut items = Vec::new();
        loop {
            let (event, span) = self.next(events)?;
            if event == Event::SequenceEnd {
                return Ok(Kind::List(items));
            }
            items.push(self.node(event, span, events)?);
        }
    }

    fn map(&mut self, events: &mut Events<'a>) -> Result<Kind, Bad> {
        let mut entries: Vec<(Key, Node)> = Vec::new();
        loop {
            let (event, span) = self.next(events)?;
            if event == Event::MappingEnd {
                return Ok(Kind::Map(entries));
            }
            let key = self.node(event, span, events)?;
            let Kind::Scalar { text, .. } = key.kind else {
                return Err((key.mark, "a key must be a text".to_owned()));
            };
            let (event, span) = self.next(events)?;
            let value = self.node(event, span, events)?;
            if text == "<<" {
                self.found.push((key.mark, "merge keys are not read".to_owned(), "write the keys out"));
                continue;
            }
            if let Some((first, _)) = entries.iter().find(|(other, _)| other.text == text) {
                let what = format!("the key `{text}` stands twice (first in line {})", first.mark.line);
                self.found.push((key.mark, what, "remove one"));
                continue;
            }
            entries.push((Key { text, mark: key.mark }, value));
        }
    }

    fn next(&self, events: &mut Events<'a>) -> Result<(Event<'a>, Span), Bad> {
        let end = || (START, "the file ends in the middle of a value".to_owned());
        events.next().ok_or_else(end)?.map_err(|error| self.syntax(&error))
    }

    fn syntax(&self, error: &ScanError) -> Bad {
        let marker = error.marker();
        let at = self.byte(marker.index());
        let mark = Mark { line: marker.line(), column: marker.col() + 1, bytes: (at, at) };
        let line = self.lines.lines().nth(marker.line().saturating_sub(1)).unwrap_or_default();
        let indent = &line[..line.len() - line.trim_start().len()];
        let what = if indent.contains('\t') {
            "a tab in the indentation, which YAML does not allow: use blanks"
        } else {
            error.info()
        };
        (mark, what.to_owned())
    }

    fn mark(&self, span: Span) -> Mark {
        let (start, end) = (self.byte(span.start.index()), self.byte(span.end.index()));
        Mark { line: span.start.line(), column: span.start.col() + 1, bytes: (start, end) }
    }

    fn byte(&self, character: usize) -> usize {
        self.offsets.get(character).or(self.offsets.last()).copied().unwrap_or_default()
    }
}
