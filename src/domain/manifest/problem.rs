//! A problem of a file: where, what, and what to do. Always told together with all others.

use std::fmt;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use super::read::Source;
use super::text::without_mark;

/// Reading stops at about this many: nobody mends more in one go, and a hostile file could hold a million.
pub(super) const PROBLEMS_MAX: usize = 1000;
/// So many are shown with their lines; the rest as a line each.
const EXCERPTS_MAX: usize = 50;

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
        let shown = self.0.iter().enumerate().map(|(index, problem)| {
            let source = sources.get(problem.file).filter(|_| index < EXCERPTS_MAX);
            let bytes = source.map(|source| without_mark(&source.bytes));
            let text = bytes.and_then(|bytes| std::str::from_utf8(bytes).ok());
            text.map_or_else(|| problem.to_string(), |text| excerpt(problem, text))
        });
        shown.collect::<Vec<_>>().join("\n\n") + "\n"
    }
}

fn excerpt(problem: &Problem, text: &str) -> String {
    // Excerpts may be cut at whole characters only; a mark that is not at one is a fault, and no reason to say nothing.
    let (start, end) = (text.floor_char_boundary(problem.bytes.0), text.floor_char_boundary(problem.bytes.1));
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

/// The word of `known` that is nearest to `word`: a few slips away, or longer or shorter at its end. None if none is
/// near.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = word.chars().count();
    let slips = if length < 4 { 1 } else { 2.max(length / 3) };
    let continued = |candidate: &str| {
        length >= 3 && candidate.len() >= 3 && (word.starts_with(candidate) || candidate.starts_with(word))
    };
    let near = known.into_iter().filter_map(|candidate| {
        let distance = strsim::damerau_levenshtein(word, candidate);
        (distance <= slips || continued(candidate)).then_some((distance, candidate))
    });
    near.min().map(|(_, candidate)| candidate)
}

/// The nearest word as a hint; nothing if none is near.
pub(super) fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, known).map_or_else(String::new, |near| format!("did you mean `{near}`?"))
}

/// Names for a sentence: all of them, or the first ten and how many more there are.
pub(super) fn some_of(names: &[&str]) -> String {
    const TOLD: usize = 10;
    match names.len().checked_sub(TOLD) {
        Some(more) if more > 0 => format!("{} and {more} more", names[..TOLD].join(", ")),
        _ => names.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_a_slip_away() {
        let near = |word: &str| nearest(word, ["app", "bake", "id", "on_failure", "tags"]);
        assert_eq!(near("bake_time"), Some("bake"));
        assert_eq!(near("on_falure"), Some("on_failure"));
        assert_eq!(near("tgas"), Some("tags"));
        assert_eq!(near("on"), None);
        assert_eq!(near("ed"), Some("id"));
        assert_eq!(near("x"), None);
        assert_eq!(near(""), None);
    }

    #[test]
    fn long_lists_are_cut() {
        let names: Vec<String> = (1..=12).map(|n| n.to_string()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert_eq!(some_of(&names[..10]), "1, 2, 3, 4, 5, 6, 7, 8, 9, 10");
        assert_eq!(some_of(&names), "1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 2 more");
    }
}
