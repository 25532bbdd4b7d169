//! Takes secrets out of words from outside before anybody sees them: log lines of a container go into a public log.
//!
//! It errs on the side of taking too much. A line says what went wrong also without its long words.

/// What stands in the place of a secret.
const GONE: &str = "[redacted]";

/// Words after which a value follows that nobody may see.
const NAMES: [&str; 11] = [
    "password",
    "passwd",
    "pwd",
    "secret",
    "token",
    "apikey",
    "api_key",
    "api-key",
    "authorization",
    "credential",
    "private_key",
];

/// Beginnings of secrets that are known by them.
const BEGINNINGS: [&str; 12] =
    ["AKIA", "ASIA", "ghp_", "gho_", "ghs_", "ghu_", "ghr_", "github_pat_", "xoxb-", "xoxp-", "eyJ", "sk_live_"];

/// From this many characters on a word of base64 or hexadecimal digits is taken for a key.
const LONG: usize = 24;

/// The text without what looks like a secret.
pub fn redacted(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut hide = 0u8;
    for piece in text.split_inclusive(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '&' | '?' | '(' | ')')) {
        let word =
            piece.trim_end_matches(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '&' | '?' | '(' | ')'));
        let end = &piece[word.len()..];
        if word.is_empty() {
            out += end;
            continue;
        }
        let scheme = matches!(word.to_ascii_lowercase().trim_matches(['"', '\'']), "bearer" | "basic");
        if hide > 0 && !scheme && !matches!(word, "=" | ":") {
            out += GONE;
            hide -= 1;
        } else {
            let (shown, next) = of_word(word);
            out += &shown;
            hide = if scheme { 1 } else { hide.max(u8::from(next)) };
        }
        out += end;
    }
    out
}

/// A word without its secret, and whether the next word is one.
fn of_word(word: &str) -> (String, bool) {
    if let Some(url) = without_login(word) {
        return (url, false);
    }
    let lower = word.to_ascii_lowercase();
    let named = NAMES.iter().any(|name| lower.contains(name));
    match word.find(['=', ':']) {
        Some(at) if named && lower[..at].contains_any(&NAMES) => {
            let value = word[at + 1..].trim_matches(['"', '\'', '}', '{', ':']);
            let shown = format!("{}{}", &word[..=at], if value.is_empty() { "" } else { GONE });
            (shown, value.is_empty())
        }
        _ if word.contains_any(&BEGINNINGS) || is_key(word) => (GONE.to_owned(), false),
        _ => (word.to_owned(), false),
    }
}

/// `https://user:password@host` without what is before the `@`.
fn without_login(word: &str) -> Option<String> {
    let (scheme, rest) = word.split_once("://")?;
    let (login, host) = rest.split_once('@')?;
    login.contains(':').then(|| format!("{scheme}://{GONE}@{host}"))
}

/// Whether some part of a word is long and made of the digits of keys: letters and figures mixed.
fn is_key(word: &str) -> bool {
    word.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '_' | '-' | '='))).any(|part| {
        let figures = part.bytes().filter(u8::is_ascii_digit).count();
        let letters = part.bytes().filter(u8::is_ascii_alphabetic).count();
        let hex = part.len() >= LONG && part.bytes().all(|b| b.is_ascii_hexdigit());
        hex || (part.len() >= LONG && figures >= 3 && letters >= 3 && part.matches(['/', '-']).count() < 3)
    })
}

trait ContainsAny {
    fn contains_any(&self, words: &[&str]) -> bool;
}

impl ContainsAny for str {
    fn contains_any(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.contains(word))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn inv_32_tokens_keys_and_passwords_are_taken_out() {
        for (line, shown) in [
            ("password=hunter2 user=ana", "password=[redacted] user=ana"),
            ("DB_PASSWORD: hunter2", "DB_PASSWORD: [redacted]"),
            ("{\"token\":\"abc\",\"level\":\"info\"}", "{\"token\":[redacted],\"level\":\"info\"}"),
            ("Authorization: Bearer abc.def", "Authorization: Bearer [redacted]"),
            ("key AKIAIOSFODNN7EXAMPLE is old", "key [redacted] is old"),
            ("got ghs_16C7e42F292c6912E7710c838347Ae178B4a", "got [redacted]"),
            ("cannot reach postgres://app:s3cret@db:5432/x", "cannot reach postgres://[redacted]@db:5432/x"),
            ("sha 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b", "sha [redacted]"),
            ("GET /x?api_key=abc&page=2", "GET /x?api_key=[redacted]&page=2"),
        ] {
            assert_eq!(redacted(line), shown);
        }
    }

    #[test]
    fn what_says_why_stays() {
        for line in [
            "thread 'main' panicked at src/main.rs:12:5: no such table: users",
            "connection refused (os error 111)",
            "error: listen tcp 0.0.0.0:8080: bind: address already in use",
            "java.lang.NullPointerException at com.example.orders.CheckoutController.placeOrder",
        ] {
            assert_eq!(redacted(line), line);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_taken_and_the_named_secret_never_shown(before in "[a-z ]{0,20}", secret in "[A-Za-z0-9]{6,40}") {
            let shown = redacted(&format!("{before} token={secret} after"));
            prop_assert!(!shown.contains(&format!("={secret}")), "{shown}");
        }

        #[test]
        fn no_text_breaks_it(text in "\\PC{0,200}") {
            redacted(&text);
        }
    }
}
