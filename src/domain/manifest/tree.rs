//! Builds the tree of a text, and refuses on the way what no fleet file needs: anchors and merge keys (a bomb of a
//! hundred lines expands to gigabytes), tags, keys that stand twice, several documents, other keys than text.

use std::collections::BTreeMap;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, StrInput};

use super::positions::{Key, Kind, Mark, Node};
use super::problem::PROBLEMS_MAX;
use super::text::Refusal;

/// Nothing in a fleet file is deeper than eight.
const DEPTH_MAX: usize = 32;

/// The tree of a text, if it is YAML and not empty, and what is refused in it. With a tree, reading can go on.
pub(super) fn tree(text: &str) -> (Option<Node>, Vec<Refusal>) {
    let mut builder = Builder { offsets: offsets(text), text, depth: 0, refused: Vec::new() };
    let root = match builder.document() {
        Ok(root) => root,
        Err(refusal) => {
            builder.refused.push(refusal);
            None
        }
    };
    (root, builder.refused)
}

/// Byte offset of each character: the parser counts characters, excerpts want bytes.
fn offsets(text: &str) -> Vec<usize> {
    text.char_indices().map(|(offset, _)| offset).chain([text.len()]).collect()
}

type Events<'a> = Parser<'a, StrInput<'a>>;

struct Builder<'a> {
    offsets: Vec<usize>,
    text: &'a str,
    depth: usize,
    refused: Vec<Refusal>,
}

impl<'a> Builder<'a> {
    fn document(&mut self) -> Result<Option<Node>, Refusal> {
        let mut events = Parser::new_from_str(self.text);
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
                    self.refuse(self.mark(span), "a second document, and only one is read", "keep one in this file");
                    break;
                }
                event => root = Some(self.node(event, span, &mut events)?),
            }
        }
        Ok(root.filter(|node: &Node| !node.says_nothing()))
    }

    fn node(&mut self, event: Event<'a>, span: Span, events: &mut Events<'a>) -> Result<Node, Refusal> {
        let mark = self.mark(span);
        self.depth += 1;
        if self.refused.len() >= PROBLEMS_MAX {
            return Err((mark, "too many problems to read on".to_owned(), "mend those before this place first"));
        }
        if self.depth > DEPTH_MAX {
            return Err((mark, format!("deeper than {DEPTH_MAX} levels"), "nothing in a fleet file is"));
        }
        self.ornaments(mark, &event);
        let (kind, end) = match event {
            Event::Scalar(text, style, _, _) => {
                (Kind::Scalar { text: text.into_owned(), plain: style == ScalarStyle::Plain }, mark.bytes.1)
            }
            Event::SequenceStart(..) => self.list(events)?,
            Event::MappingStart(..) => self.map(events)?,
            Event::Alias(_) => {
                self.refuse(mark, "aliases are not read", "write the value out");
                (Kind::Refused, mark.bytes.1)
            }
            _ => return Err((mark, "this is no value".to_owned(), "see README.md for a fleet.yaml")),
        };
        self.depth -= 1;
        Ok(Node { mark, end: self.end(mark, &kind, end), kind })
    }

    /// Where a value ends. One in brackets ends with the closing one; of one without, the parser tells where the next
    /// thing begins, so that its last part says where it ends.
    fn end(&self, mark: Mark, kind: &Kind, told: usize) -> usize {
        let (start, told) = (mark.bytes.0.min(self.text.len()), told.min(self.text.len()));
        let last = match kind {
            Kind::List(_) if self.text[start..].starts_with('[') => Some(told),
            Kind::Map(_) if self.text[start..].starts_with('{') => Some(told),
            Kind::List(items) => items.last().map(|item| item.end),
            Kind::Map(entries) => entries.last().map(|(_, value)| value.end),
            Kind::Scalar { .. } | Kind::Refused => Some(told),
        };
        let last = last.unwrap_or(mark.bytes.1).max(start);
        start + self.text.get(start..last).unwrap_or_default().trim_end().len()
    }

    /// Anchors and tags.
    fn ornaments(&mut self, mark: Mark, event: &Event<'a>) {
        let (anchor, tag) = match event {
            Event::Scalar(_, _, anchor, tag) | Event::SequenceStart(anchor, tag) | Event::MappingStart(anchor, tag) => {
                (*anchor, tag)
            }
            _ => return,
        };
        if anchor > 0 {
            self.refuse(mark, "anchors are not read", "write the value out where it is needed");
        }
        if tag.is_some() {
            self.refuse(mark, "tags are not read", "remove it; quotes make a text of anything");
        }
    }

    fn list(&mut self, events: &mut Events<'a>) -> Result<(Kind, usize), Refusal> {
        let mut items = Vec::new();
        loop {
            let (event, span) = self.next(events)?;
            if event == Event::SequenceEnd {
                return Ok((Kind::List(items), self.byte(span.end.index())));
            }
            items.push(self.node(event, span, events)?);
        }
    }

    fn map(&mut self, events: &mut Events<'a>) -> Result<(Kind, usize), Refusal> {
        let mut entries: Vec<(Key, Node)> = Vec::new();
        let mut lines = BTreeMap::new();
        loop {
            let (event, span) = self.next(events)?;
            if event == Event::MappingEnd {
                return Ok((Kind::Map(entries), self.byte(span.end.index())));
            }
            let key = self.node(event, span, events)?;
            let (event, span) = self.next(events)?;
            let value = self.node(event, span, events)?;
            match key.kind {
                Kind::Scalar { text, .. } => {
                    let key = Key { text, mark: key.mark };
                    if self.is_new(&key, &mut lines) {
                        entries.push((key, value));
                    }
                }
                Kind::List(_) | Kind::Map(_) => self.refuse(key.mark, "a key must be a text", "write a name"),
                Kind::Refused => {}
            }
        }
    }

    /// Whether a key is one, and the first of its name in this map.
    fn is_new(&mut self, key: &Key, lines: &mut BTreeMap<String, usize>) -> bool {
        if key.text == "<<" {
            self.refuse(key.mark, "merge keys are not read", "write the keys out");
            return false;
        }
        let first = lines.get(&key.text).copied();
        if let Some(first) = first {
            let what = format!("the key `{}` stands twice (first in line {first})", key.text.escape_debug());
            self.refuse(key.mark, &what, "remove one");
        } else {
            lines.insert(key.text.clone(), key.mark.line);
        }
        first.is_none()
    }

    fn next(&self, events: &mut Events<'a>) -> Result<(Event<'a>, Span), Refusal> {
        let ended = || {
            let end = self.byte(usize::MAX);
            let mark = Mark { line: self.text.lines().count().max(1), column: 1, bytes: (end, end) };
            (mark, "the file ends in the middle of a value".to_owned(), "write the rest of it")
        };
        events.next().ok_or_else(ended)?.map_err(|error| self.syntax(&error))
    }

    fn refuse(&mut self, mark: Mark, what: &str, help: &'static str) {
        self.refused.push((mark, what.to_owned(), help));
    }

    fn syntax(&self, error: &ScanError) -> Refusal {
        let marker = error.marker();
        let at = self.byte(marker.index());
        let mark = Mark { bytes: (at, at), ..self.within(marker.line(), marker.col() + 1) };
        let line = self.text.lines().nth(marker.line().saturating_sub(1)).unwrap_or_default();
        let indent = &line[..line.len() - line.trim_start().len()];
        if let Some(tab) = indent.find('\t') {
            let start = self.byte(marker.index().saturating_sub(marker.col()));
            let mark = Mark { line: marker.line(), column: tab + 1, bytes: (start + tab, start + tab + 1) };
            return (mark, "a tab in the indentation, which YAML does not allow".to_owned(), "use blanks");
        }
        let what = format!("this is no YAML: {}", error.info());
        (mark, what, "look at the quotes, brackets and indentation here and in the line before")
    }

    /// A place in the text. After a comment at the very end, the parser counts a line that is not there.
    fn within(&self, line: usize, column: usize) -> Mark {
        let last = self.text.lines().count().max(1);
        if line <= last || self.text.ends_with('\n') {
            return Mark { line, column, bytes: (0, 0) };
        }
        let column = self.text.lines().last().map_or(0, |text| text.chars().count()) + 1;
        Mark { line: last, column, bytes: (0, 0) }
    }

    fn mark(&self, span: Span) -> Mark {
        let (start, end) = (self.byte(span.start.index()), self.byte(span.end.index()));
        Mark { line: span.start.line(), column: span.start.col() + 1, bytes: (start, end) }
    }

    fn byte(&self, character: usize) -> usize {
        self.offsets.get(character).or(self.offsets.last()).copied().unwrap_or_default()
    }
}
