//! Addresses of resources, as Terraform writes them: `module.fleet.module.tenant["acme"].aws_sqs_queue.dead`.
//!
//! The text is never searched: a key may hold anything, also `"].module.tenant["`. It is read from the left by the
//! grammar (Terraform, "Resource addressing"), and what does not follow it is no address.

use std::fmt;

/// One part of a path of modules: its name, and its key where there are several of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Module {
    /// As the configuration calls it.
    pub(super) name: String,
    /// Of `for_each` or `count`.
    pub(super) key: Option<Key>,
}

/// Which of several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// Of `for_each`.
    Text(String),
    /// Of `count`.
    Number(u64),
}

impl fmt::Display for Key {
    /// As HCL writes it: quotes, backslashes and the beginnings of templates are escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "[{number}]"),
            Self::Text(text) => write!(f, "[\"{}\"]", quoted(text)),
        }
    }
}

/// What Terraform escapes in a key (its `addrs` package, `toHCLQuotedString`), but for characters that do not print:
/// with one of them the address is refused as one that its parts do not make.
fn quoted(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '$' | '%' if rest.peek() == Some(&'{') => out.extend([c, c]),
            other => out.push(other),
        }
    }
    out
}

/// A text of the plan as it can be shown: as it is, but for what does not print or would move a cursor.
pub fn printable(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '"' | '\'' | '\\' => out.push(c),
            other => out.extend(other.escape_debug()),
        }
    }
    out
}

/// The path of modules that a `module_address` is; none if it is no such thing. The empty text is the root.
pub(super) fn modules(text: &str) -> Option<Vec<Module>> {
    let mut found = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        rest = if found.is_empty() { rest } else { rest.strip_prefix('.')? };
        rest = rest.strip_prefix("module.")?;
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        if !is_name(name) {
            return None;
        }
        let (key, after) = key(after)?;
        found.push(Module { name: name.to_owned(), key });
        rest = after;
    }
    Some(found)
}

/// A key at the beginning of the text, if there is one, and what comes after it.
fn key(text: &str) -> Option<(Option<Key>, &str)> {
    let Some(inner) = text.strip_prefix('[') else { return Some((None, text)) };
    if let Some(quoted) = inner.strip_prefix('"') {
        let (key, after) = unquoted(quoted)?;
        return Some((Some(Key::Text(key)), after.strip_prefix(']')?));
    }
    let (digits, after) = inner.split_once(']')?;
    Some((Some(Key::Number(digits.parse().ok()?)), after))
}

/// The text up to the closing quote, and what comes after it.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut key = String::new();
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((key, &text[at + 1..])),
            '\\' => key.push(match chars.next()?.1 {
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                same @ ('"' | '\\') => same,
                _ => return None,
            }),
            '$' | '%' if text[at..].starts_with(&format!("{c}{c}{{")) => {
                chars.next();
                key.push(c);
            }
            other => key.push(other),
        }
    }
    None
}

/// An identifier of the configuration.
pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_whatever_is_in_them() {
        for hostile in ["acme", "x\"].module.tenant[\"y", "a\\", "${x}", "%{if}", "$", "a.b", "]", "\n", "é", "$${", ""]
        {
            let written = format!("module.fleet.module.tenant{}", Key::Text(hostile.to_owned()));
            let read = modules(&written).unwrap_or_else(|| panic!("{written}"));
            assert_eq!(read.len(), 2, "{written}");
            assert_eq!(read[1].key, Some(Key::Text(hostile.to_owned())), "{written}");
        }
        assert_eq!(modules("").unwrap(), []);
        assert_eq!(modules("module.a[3]").unwrap()[0].key, Some(Key::Number(3)));
    }

    #[test]
    fn what_is_no_address_is_none() {
        for bad in [
            "tenant",
            "module",
            "module.",
            "module.a.",
            "module.a.b",
            "module.a[",
            "module.a[\"x",
            "module.a[\"x\"",
            "module.a[\"\\x\"]",
            "module.a[x]",
            "module.amodule.b",
            "module.a[1]module.b",
            "module.a b",
            ".module.a",
        ] {
            assert_eq!(modules(bad), None, "{bad}");
        }
    }
}
