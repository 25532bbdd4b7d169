//! One pattern of a `.dockerignore`. Docker turns each into a regular expression of its own making, in which `**`
//! need not be a whole part of the path (`**.pyc`, `a**/*.txt`) and classes know escapes; glob crates disagree on
//! both, so these few tokens are matched here. Time is pattern times path, whatever the pattern.

/// A pattern that was understood.
#[derive(Clone, Debug)]
pub(super) struct Glob(Vec<Token>);

/// A pattern that Docker refuses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no pattern: an open `[`, a range without an end, or a `\\` or `!` with nothing after it")]
pub(super) struct BadGlob(String);

impl BadGlob {
    /// This text is none.
    pub(super) fn new(pattern: &str) -> Self {
        Self(pattern.to_owned())
    }
}

#[derive(Clone, Debug)]
enum Token {
    Literal(char),
    /// `?`
    One,
    /// `*`
    Name,
    /// `**` or `**/` with something after it: any number of folders.
    Folders,
    /// `**` at the end, and before plain text at the beginning: anything at all.
    Anything,
    /// `[a-z]`, `[^a-z]`
    Class {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
}

impl Glob {
    /// Reads a cleaned pattern.
    ///
    /// # Errors
    /// Go's `filepath.Match` calls it malformed.
    pub(super) fn parse(pattern: &str) -> Result<Self, BadGlob> {
        let chars: Vec<char> = pattern.chars().collect();
        let mut rest = chars.as_slice();
        let mut tokens = Vec::new();
        while !rest.is_empty() {
            let at_start = rest.len() == chars.len();
            let (token, after) = Token::first_of(rest, at_start).ok_or_else(|| BadGlob::new(pattern))?;
            tokens.push(token);
            rest = after;
        }
        Ok(Self(tokens))
    }

    /// Whether the pattern matches this whole path. The empty pattern matches nothing.
    pub(super) fn matches(&self, path: &[char]) -> bool {
        let mut reached = vec![false; path.len() + 1];
        reached[0] = !self.0.is_empty();
        for token in &self.0 {
            reached = token.step(path, &reached);
            // Most patterns differ from most paths in their first letters.
            if !reached.contains(&true) {
                return false;
            }
        }
        reached[path.len()]
    }
}

impl Token {
    /// The first token of a pattern and what comes after it; none if it is malformed.
    fn first_of(pattern: &[char], at_start: bool) -> Option<(Self, &[char])> {
        match pattern {
            ['*', '*'] | ['*', '*', '/'] => Some((Self::Anything, &[])),
            ['*', '*', '/', rest @ ..] => Some((Self::Folders, rest)),
            ['*', '*', rest @ ..] => {
                // Docker compares `**.pyc` as a suffix, but `**.py?` as a whole last part of the path.
                let plain = !rest.iter().any(|c| r"*?[]\".contains(*c));
                Some((if at_start && plain { Self::Anything } else { Self::Folders }, rest))
            }
            ['*', rest @ ..] => Some((Self::Name, rest)),
            ['?', rest @ ..] => Some((Self::One, rest)),
            ['[', '^', rest @ ..] => class(rest, true),
            ['[', rest @ ..] => class(rest, false),
            ['\\', escaped, rest @ ..] => Some((Self::Literal(*escaped), rest)),
            ['\\'] | [] => None,
            [plain, rest @ ..] => Some((Self::Literal(*plain), rest)),
        }
    }

    /// Where in the path one can be after this token, given where one could be before it.
    fn step(&self, path: &[char], before: &[bool]) -> Vec<bool> {
        let mut after = vec![false; before.len()];
        let mut open = false;
        for at in 0..before.len() {
            open |= before[at];
            let previous = at.checked_sub(1).map(|i| (before[i], path[i]));
            after[at] = match self {
                Self::Anything => open,
                Self::Folders => before[at] || (open && previous.is_some_and(|(_, c)| c == '/')),
                Self::Name => open,
                one => previous.is_some_and(|(here, c)| here && one.takes(c)),
            };
            if matches!(self, Self::Name) && path.get(at) == Some(&'/') {
                open = false;
            }
        }
        after
    }

    /// Whether a token that stands for one character stands for this one.
    fn takes(&self, c: char) -> bool {
        match self {
            Self::Literal(literal) => *literal == c,
            Self::One => c != '/',
            Self::Class { negated, ranges } => ranges.iter().any(|(low, high)| (*low..=*high).contains(&c)) != *negated,
            Self::Name | Self::Folders | Self::Anything => false,
        }
    }
}

/// A class up to its `]`, by the rules of Go: it is not empty, and a `-` or `]` in it is escaped.
fn class(mut pattern: &[char], negated: bool) -> Option<(Token, &[char])> {
    let mut ranges = Vec::new();
    loop {
        if let ([']', rest @ ..], false) = (pattern, ranges.is_empty()) {
            return Some((Token::Class { negated, ranges }, rest));
        }
        let (low, rest) = class_char(pattern)?;
        let (high, rest) = match rest {
            ['-', rest @ ..] => class_char(rest)?,
            rest => (low, rest),
        };
        ranges.push((low, high));
        pattern = rest;
    }
}

fn class_char(pattern: &[char]) -> Option<(char, &[char])> {
    match pattern {
        ['\\', escaped, rest @ ..] => Some((*escaped, rest)),
        ['-' | ']' | '\\', ..] | [] => None,
        [plain, rest @ ..] => Some((*plain, rest)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, path: &str) -> bool {
        Glob::parse(pattern).unwrap().matches(&path.chars().collect::<Vec<_>>())
    }

    /// Cases of moby/patternmatcher: pattern, paths it matches, paths it does not.
    const MOBY: &[(&str, &[&str], &[&str])] = &[
        ("**", &["file", "dir/file"], &[]),
        ("**/**", &["dir/file"], &[]),
        ("dir/**", &["dir/file", "dir/dir2/file"], &["dir"]),
        ("**/dir", &["dir", "a/dir"], &["dir/file", "adir"]),
        ("**/dir2/*", &["dir/dir2/file"], &["dir/dir2/a/b"]),
        ("**/dir2/**", &["dir/dir2/dir3/file"], &[]),
        ("**file", &["file", "dir/file", "dir/dir/file", "dir/profile"], &["file2"]),
        ("**.pyc", &["a.pyc", "dir/a.pyc"], &["a.py"]),
        ("**/file", &["file", "dir/dir/file"], &["dir/profile"]),
        ("**/file*", &["dir/dir/file", "dir/dir/file.txt"], &["dir/file/a"]),
        ("**/file*.txt*", &["dir/dir/file.txt"], &[]),
        ("**/**/*.txt", &["file.txt", "dir/dir/file.txt"], &["dir/file.txt2"]),
        ("a**/*.txt", &["a/file.txt", "a/dir/dir/file.txt", "ab/file.txt"], &["b/file.txt"]),
        ("a/*.txt", &["a/file.txt"], &["a/dir/file.txt"]),
        ("a/*.txt**", &["a/file.txt"], &[]),
        ("a[b-d]e", &["ace"], &["ae", "aae"]),
        ("a[^b-d]e", &["aze"], &["ace"]),
        (".*", &[".foo"], &["foo"]),
        ("abc.def", &["abc.def"], &["abcdef", "abcZdef"]),
        ("abc?def", &["abcZdef"], &["abcdef"]),
        ("**/foo/bar", &["foo/bar", "dir/dir2/foo/bar"], &[]),
        ("**/.foo", &[".foo"], &["bar.foo"]),
        ("a(b)c/def", &["a(b)c/def"], &["a(b)c/xyz"]),
        ("a.|)$(}+{bc", &["a.|)$(}+{bc"], &[]),
        (r"a\\", &[r"a\"], &[]),
        (r"a\*b", &["a*b"], &["ab", "axb"]),
        ("a*b*c*d*e*/f", &["axbxcxdxexxx/f"], &["axbxcxdxe/xxx/f", "axbxcxdxexxx/fff"]),
        ("a*b?c*x", &["abxbbxdbxebxczzx"], &["abxbbxdbxebxczzy"]),
        ("a?b", &["a☺b"], &["a/b"]),
        ("a???b", &[], &["a☺b"]),
        ("[a-ζ]*", &["α"], &[]),
        (r"[\]a]", &["]"], &[]),
        (r"[x\-]", &["x", "-"], &["z"]),
        ("*x", &["xxx"], &["xxx/y"]),
        ("", &[], &["", "a"]),
    ];

    #[test]
    fn patterns_match_what_docker_matches() {
        for (pattern, yes, no) in MOBY {
            for path in *yes {
                assert!(matches(pattern, path), "{pattern:?} on {path:?}");
            }
            for path in *no {
                assert!(!matches(pattern, path), "{pattern:?} on {path:?}");
            }
        }
    }

    #[test]
    fn malformed_patterns_are_refused() {
        for pattern in ["[", "a[", "[^", "[^bc", "[]a]", "[-]", "[x-]", "[-x]", "[a-b-c]", "\\"] {
            assert!(Glob::parse(pattern).is_err(), "{pattern}");
        }
    }

    #[test]
    fn many_stars_take_no_longer() {
        assert!(!matches(&format!("{}c", "a*".repeat(40)), &"a".repeat(4000)));
    }
}
