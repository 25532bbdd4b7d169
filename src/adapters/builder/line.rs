//! Output of foreign programs, made fit to be shown: a build may print anything, and the log it ends up in obeys
//! some of what it reads (terminal escapes, GitHub's workflow commands).

/// More than this of one line is not shown.
const LONGEST: usize = 2_000;

/// One line as it may be shown.
pub(super) fn shown(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut line: String = text.chars().map(|c| if c == '\t' { ' ' } else { c }).filter(|c| !c.is_control()).collect();
    if let Some((end, _)) = line.char_indices().nth(LONGEST) {
        line.truncate(end);
        line.push('…');
    }
    // GitHub's runner obeys `::command::` at the beginning of a line and the older `##[command]` anywhere in it.
    line = line.replace("##[", "# #[");
    if line.trim_start().starts_with("::") {
        line = line.replacen("::", ": :", 1);
    }
    line.trim_end().to_owned()
}

/// Cuts a stream of bytes into lines. What a line has beyond the longest is dropped as it comes, so that a
/// program that never ends its line does not fill the memory.
#[derive(Debug, Default)]
pub(super) struct Lines {
    line: Vec<u8>,
}

impl Lines {
    /// Takes the next bytes and hands on the lines they complete; a carriage return ends a line as well.
    pub(super) fn take(&mut self, bytes: &[u8], mut each: impl FnMut(String)) {
        for byte in bytes {
            match byte {
                b'\n' | b'\r' => self.end(&mut each),
                // Four bytes a character at the most, and one more character to see that there was more.
                byte if self.line.len() < (LONGEST + 1) * 4 => self.line.push(*byte),
                _ => {}
            }
        }
    }

    /// Hands on what came after the last end of a line. Empty lines are left out.
    pub(super) fn end(&mut self, mut each: impl FnMut(String)) {
        let line = shown(&std::mem::take(&mut self.line));
        if !line.is_empty() {
            each(line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_log_would_obey_is_made_harmless() {
        for (bytes, line) in [
            (&b"#7 DONE 0.1s"[..], "#7 DONE 0.1s"),
            (b"::set-output name=x::y", ": :set-output name=x::y"),
            (b"  ::error::x", "  : :error::x"),
            (b"\x1b::error::x", ": :error::x"),
            (b"x ##[group]y", "x # #[group]y"),
            (b"\x1b[31mred\x1b[0m\ttab", "[31mred[0m tab"),
            (b"caf\xe9", "caf\u{fffd}"),
        ] {
            assert_eq!(shown(bytes), line);
        }
    }

    #[test]
    fn a_line_without_an_end_stays_small() {
        let mut lines = Lines::default();
        let mut seen = Vec::new();
        lines.take("é".repeat(1_000_000).as_bytes(), |line| seen.push(line));
        assert!(lines.line.len() < 10_000);
        lines.take(b"\nnext\r\n50%\r100%", |line| seen.push(line));
        lines.end(|line| seen.push(line));
        assert_eq!(seen[0].chars().count(), LONGEST + 1);
        assert_eq!(seen[1..], ["next", "50%", "100%"]);
    }
}
