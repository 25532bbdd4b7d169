//! Foreign text in Markdown: titles, names and messages that must not become markup, links, lines of their own, or a
//! message to somebody.

/// The text so that GitHub shows it as it is.
///
/// An `@` is cut off from the name after it by an empty comment, else GitHub writes to whoever is called so.
pub fn plain(text: &str) -> String {
    const SPECIAL: [char; 13] = ['\\', '`', '*', '_', '~', '[', ']', '<', '>', '|', '#', '!', '&'];
    text.chars().fold(String::new(), |mut out, c| {
        match c {
            '@' => out.push_str("@<!-- -->"),
            c if SPECIAL.contains(&c) => out.extend(['\\', c]),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
        out
    })
}

/// As much of a text as GitHub takes, cut between lines, and told that it is cut.
///
/// `most` counts characters, as GitHub does: 65,536 of a comment, 125,000 of a release's notes.
pub fn cut(text: String, most: usize, rest: &str) -> String {
    if text.chars().count() <= most {
        return text;
    }
    let room = most.saturating_sub(rest.chars().count() + 1);
    let end = text.char_indices().nth(room).map_or(text.len(), |(at, _)| at);
    let kept = text.get(..end).unwrap_or_default();
    let kept = kept.rfind('\n').and_then(|line| kept.get(..line)).unwrap_or_default();
    format!("{kept}\n{rest}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn foreign_text_is_no_markup() {
        assert_eq!(plain("<b>|x|\n# y"), "\\<b\\>\\|x\\| \\# y");
        assert_eq!(plain("![x](http://y) $(id) ::error::"), "\\!\\[x\\](http://y) $(id) ::error::");
        assert_eq!(plain("thanks @everyone"), "thanks @<!-- -->everyone");
    }

    proptest! {
        #[test]
        fn what_is_cut_is_never_too_long(lines in prop::collection::vec("[a-zäß€]{0,20}", 0..40), most in 10usize..200) {
            let text = lines.join("\n");
            let cut = cut(text.clone(), most, "(more)");
            prop_assert!(cut.chars().count() <= most);
            prop_assert!(cut == text || cut.ends_with("\n(more)"));
        }
    }
}
