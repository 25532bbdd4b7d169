//! A problem of a file: where, what, and what to do. Always told together with all others.

use std::fmt;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use super::read::Source;
use super::text::without_mark;

/// One problem.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Which of the files, by position among the sources.
    pub file: usize,
    /// Its name.
    pub name: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Range in bytes, for excerpts.
    pub bytes: (usize, usize),
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub help: String,
}

/// All problems of a set of files, in the order of the text. Never empty.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Problems(pub(super) Vec<Problem>);

impl Problems {
    /// All of them, sorted by file and position, each once.
    pub(super) fn sorted(mut problems: Vec<Problem>) -> Self {
        problems.sort();
        problems.dedup();
        Self(problems)
    }

    /// The problems in the order of the text.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter()
    }

    /// The problems with the lines they are about, as rustc shows its own. Without colours.
    pub fn with_excerpts(&self, sources: &[Source]) -> String {
        let shown = self.0.iter().map(|problem| {
            let bytes = sources.get(problem.file).map(|source| without_mark(&source.bytes));
            let text = bytes.and_then(|bytes| std::str::from_utf8(bytes).ok());
            text.map_or_else(|| problem.to_string(), |text| excerpt(problem, text))
        });
        shown.collect::<Vec<_>>().join("\n\n") + "\n"
    }
}

fn excerpt(problem: &Problem, text: &str) -> String {
    let (start, end) = (problem.bytes.0.min(text.len()), problem.bytes.1.min(text.len()));
    let snippet =
        Snippet::source(text).path(&problem.name).annotation(AnnotationKind::Primary.span(start..end.max(start)));
    let mut group = Level::ERROR.primary_title(&problem.what).element(snippet);
    if !problem.help.is_empty() {
        group = group.element(Level::HELP.message(&problem.help));
    }
    Renderer::plain().render(&[group])
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.name, self.line, self.column, self.what)?;
        if self.help.is_empty() { Ok(()) } else { write!(f, "; {}", self.help) }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|problem| writeln!(f, "{problem}"))
    }
}

/// The word of `known` that is nearest to `word`; none if none is near.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let near = known.into_iter().map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate)).min();
    near.filter(|(distance, _)| *distance <= 2.max(word.chars().count() / 3)).map(|(_, candidate)| candidate)
}

/// The nearest word as a hint; nothing if none is near.
pub(super) fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, known).map_or_else(String::new, |near| format!("did you mean `{near}`?"))
}
