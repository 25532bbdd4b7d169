//! A file's bytes as text, or every reason why they are none, each at its line and column.

use super::positions::{Mark, START};
use super::read::Source;

/// Larger files are refused before they are parsed. A thousand tenants take less than half of it.
pub const BYTES_MAX: usize = 1 << 20;
/// A file with more control characters is no text at all, and naming them all would help nobody.
const CONTROLS_TOLD: usize = 10;

/// Where, what, and what to do about it.
pub(super) type Refusal = (Mark, String, &'static str);

/// The bytes after a byte order mark, if there is one: it says nothing in UTF-8, and some editors write it.
pub(super) fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// The source as text, if it is one.
pub(super) fn text(source: &Source) -> Result<&str, Vec<Refusal>> {
    let bytes = without_mark(&source.bytes);
    if bytes.len() > BYTES_MAX {
        let what = format!("larger than the {BYTES_MAX} bytes that are read");
        return Err(vec![(START, what, "put tenants into files of their own: tenants.include")]);
    }
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err(vec![(START, "this is UTF-16".to_owned(), "save it as UTF-8")]);
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let good = std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default();
        let what = format!("no UTF-8 from byte {} on", source.bytes.len() - bytes.len() + good.len());
        vec![(end_of(good), what, "save it as UTF-8")]
    })?;
    let controls: Vec<Refusal> = text
        .char_indices()
        .filter(|(_, c)| c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
        .take(CONTROLS_TOLD)
        .map(|(at, control)| {
            let what = format!("a control character ({})", control.escape_default());
            (end_of(&text[..at]), what, "remove it")
        })
        .collect();
    if controls.is_empty() { Ok(text) } else { Err(controls) }
}

/// The place right after a text.
fn end_of(text: &str) -> Mark {
    let line = text.bytes().filter(|byte| *byte == b'\n').count() + 1;
    let column = text.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
    Mark { line, column, bytes: (text.len(), text.len()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(bytes: &[u8]) -> Vec<String> {
        let source = Source { name: "f".to_owned(), bytes: bytes.to_vec() };
        let told = |(mark, what, _): &Refusal| format!("{}:{} {what}", mark.line, mark.column);
        text(&source).err().unwrap_or_default().iter().map(told).collect()
    }

    #[test]
    fn what_is_no_text_is_told_where_it_stands() {
        assert_eq!(refused(b"a: 1\nb: \xc3\xa9\xff"), ["2:5 no UTF-8 from byte 10 on"]);
        assert_eq!(refused(b"\xef\xbb\xbfa: \xff"), ["1:4 no UTF-8 from byte 6 on"]);
        assert_eq!(
            refused(b"a: \0\nb: \x1b[0m"),
            ["1:4 a control character (\\u{0})", "2:4 a control character (\\u{1b})"]
        );
        assert_eq!(refused(b"\xff\xfea\0"), ["1:1 this is UTF-16"]);
        assert_eq!(refused(&vec![b'#'; BYTES_MAX + 1]), ["1:1 larger than the 1048576 bytes that are read"]);
        assert_eq!(refused(b"\xef\xbb\xbfa:\tb\r\n"), Vec::<String>::new());
    }
}
