//! Which files of a build context Docker leaves out. The rules are moby/patternmatcher's and not git's: patterns
//! are anchored at the context, the last one that matches decides, and a pattern that matches a folder matches
//! what is in it. A rule read otherwise than Docker reads it is a changed file that changes no content address.

use std::path::Path;

use super::glob::{BadGlob, Glob};

/// The patterns of one `.dockerignore`.
#[derive(Clone, Debug, Default)]
pub(super) struct DockerIgnore(Vec<Rule>);

#[derive(Clone, Debug)]
struct Rule {
    glob: Glob,
    /// `!`: takes files back in.
    includes: bool,
}

impl DockerIgnore {
    /// Reads the text of the file.
    ///
    /// # Errors
    /// A pattern that Docker refuses too.
    pub(super) fn parse(text: &str) -> Result<Self, BadGlob> {
        let lines = text.strip_prefix('\u{feff}').unwrap_or(text).lines();
        // A comment is one before blanks are trimmed: `  #x` is a pattern.
        let patterns = lines.filter(|line| !line.starts_with('#')).map(str::trim).filter(|line| !line.is_empty());
        patterns.map(Rule::parse).collect::<Result<_, _>>().map(Self)
    }

    /// Whether the file at this path, relative to the context, is left out.
    ///
    /// Walks down from the context as BuildKit does. A rule that could change nothing for a folder is not asked
    /// there, so it does not count as matching what is in the folder either; `patternmatcher` calls this
    /// `MatchesUsingParentResults`, and the last two cases of the table below depend on it.
    pub(super) fn excludes(&self, path: &Path) -> bool {
        let path: Vec<char> = path.to_string_lossy().chars().collect();
        let ends = path.iter().enumerate().filter(|(_, c)| **c == '/').map(|(at, _)| at).chain([path.len()]);
        let mut hits = vec![false; self.0.len()];
        let mut excluded = false;
        for end in ends {
            excluded = false;
            for (rule, hit) in self.0.iter().zip(&mut hits) {
                *hit = *hit || (rule.includes == excluded && rule.glob.matches(&path[..end]));
                if *hit {
                    excluded = !rule.includes;
                }
            }
        }
        excluded
    }
}

impl Rule {
    fn parse(line: &str) -> Result<Self, BadGlob> {
        let (includes, pattern) = match line.strip_prefix('!') {
            Some(rest) => (true, rest.trim()),
            None => (false, line),
        };
        if pattern.is_empty() {
            return Err(BadGlob::new(line));
        }
        Ok(Self { glob: Glob::parse(&clean(pattern))?, includes })
    }
}

/// The pattern without `.`, `..`, doubled, leading and trailing slashes, as Go's `filepath.Clean` leaves it.
fn clean(pattern: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in pattern.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            // Above the context there is nothing; an anchored pattern cannot even say so.
            ".." if pattern.starts_with('/') => {}
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn excludes(text: &str, path: &str) -> bool {
        DockerIgnore::parse(text).unwrap().excludes(Path::new(path))
    }

    #[test]
    fn the_last_rule_that_matches_decides() {
        let cases = [
            ("*.go", "main.go", true),
            ("*.go\n!main.go", "main.go", false),
            ("!main.go\n*.go", "main.go", true),
            ("docs\n!docs/README.md", "docs/README.md", false),
            ("docs/\n!docs/README.md", "docs/README.md", false),
            ("docs/*\n!docs/README.md", "docs/README.md", false),
            ("docs\n!docs/README.md", "docs/other.md", true),
            ("**\n!util/docker/web", "util/docker/web/foo", false),
            ("**\n!util/docker/web\nutil/docker/web/foo", "util/docker/web/foo", true),
            ("**\n!dist/*.whl", "dist/proxy.py-2.4.0rc3.dev36+g08acad9-py3-none-any.whl", false),
            ("*\n!server", "server", false),
            ("*\n!server", "src/server", true),
            // A rule that changes nothing for the folder is not remembered for its files.
            ("a\n!a/b\na", "a/b", false),
            ("a/b\n!a", "a/b/c", true),
        ];
        for (text, path, excluded) in cases {
            assert_eq!(excludes(text, path), excluded, "{text:?} on {path:?}");
        }
    }

    #[test]
    fn a_folder_takes_its_files_with_it() {
        for (pattern, path, excluded) in [
            ("target", "target/debug/app", true),
            ("target", "sub/target/debug/app", false),
            ("**/target", "sub/target/debug/app", true),
            ("sub/*", "sub/a/b", true),
            ("abc/**", "abc", false),
            ("*.log", "sub/b.log", false),
        ] {
            assert_eq!(excludes(pattern, path), excluded, "{pattern:?} on {path:?}");
        }
    }

    #[test]
    fn lines_are_read_as_docker_reads_them() {
        let text = "\u{feff}test1\n/test2\n/a/file/here\n\nlastfile  \n# this is a comment\n! /a/file/here\r\n";
        for path in ["test1", "test2", "lastfile"] {
            assert!(excludes(text, path), "{path}");
        }
        for path in ["a/file/here", "# this is a comment", "sub/test1"] {
            assert!(!excludes(text, path), "{path}");
        }
        assert!(excludes("  #odd", "#odd"), "only a `#` in the first column is a comment");
        assert!(!excludes(".\n/\n", "file"), "nobody means to exclude everything by `.`");
        assert!(DockerIgnore::parse("a\n! ").is_err(), "a `!` alone takes nothing back in");
    }

    #[test]
    fn paths_are_cleaned() {
        let cases = [("./a//b/", "a/b"), ("a/../b", "b"), ("../a", "../a"), ("/../a", "a"), ("a/b/../..", "")];
        for (pattern, cleaned) in cases {
            assert_eq!(clean(pattern), cleaned, "{pattern}");
        }
    }
}
