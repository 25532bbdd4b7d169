//! What failures of one cause have in common: their words without everything that is another for each of them, such as
//! the tenant's name, ids of tasks, addresses, times and numbers.
//!
//! It may take two causes for one that differ in a number alone. Whoever shows what has one signature shows the words of
//! one of them as they were.

use super::ids::SetId;

/// What stands in the place of the tenant's own name.
const OWN: &str = "*";
/// What stands in the place of a number, an id, an address or a time.
const SOME: char = '#';
/// From this many digits on a word of hexadecimal digits is an id, if one of them is a decimal digit.
const HEX_MIN: usize = 8;
/// From this length on a word of letters with a digit in it is an id: nobody speaks so.
const ID_MIN: usize = 20;

/// The signature of words about a tenant or the control plane.
pub fn signature(words: &str, own: Option<&SetId>) -> String {
    let mut out = String::with_capacity(words.len());
    for (token, end) in tokens(&own.map_or_else(|| words.to_owned(), |own| without(words, own.as_str()))) {
        if !token.is_empty() {
            out += &of_token(token);
        }
        out.extend(end);
    }
    out
}

/// The words with the name taken out wherever it stands by itself, also between hyphens.
fn without(words: &str, name: &str) -> String {
    let mut out = String::with_capacity(words.len());
    let mut rest = words;
    while let Some(at) = rest.find(name).filter(|_| !name.is_empty()) {
        let (before, after) = (&rest[..at], &rest[at + name.len()..]);
        let alone = !before.ends_with(char::is_alphanumeric) && !after.starts_with(char::is_alphanumeric);
        out += before;
        out += if alone { OWN } else { name };
        rest = after;
    }
    out + rest
}

/// Tokens, each with the character that ends it.
fn tokens(words: &str) -> impl Iterator<Item = (&str, Option<char>)> {
    let ends = |c: char| c.is_whitespace() || "()[]{}<>,;=\"'`/|".contains(c);
    words.split_inclusive(ends).map(move |piece| match piece.chars().next_back().filter(|c| ends(*c)) {
        Some(end) => (&piece[..piece.len() - end.len_utf8()], Some(end)),
        None => (piece, None),
    })
}

fn of_token(token: &str) -> String {
    if let Some(arn) = of_arn(token) {
        return arn;
    }
    let digit = token.contains(|c: char| c.is_ascii_digit());
    let all = token.chars().all(|c| c.is_ascii_hexdigit() || "TZ.:+-".contains(c));
    // Addresses, times, versions; ids with hyphens in them.
    if digit && all && (token.contains(['.', ':']) || token.len() >= HEX_MIN) {
        return SOME.to_string();
    }
    let mut out = String::with_capacity(token.len());
    for run in runs(token) {
        let digit = run.contains(|c: char| c.is_ascii_digit());
        let hex = run.len() >= HEX_MIN && run.chars().all(|c| c.is_ascii_hexdigit());
        match digit {
            true if hex || run.len() >= ID_MIN => out.push(SOME),
            true => run.chars().for_each(|c| match c.is_ascii_digit() {
                true if out.ends_with(SOME) => {}
                true => out.push(SOME),
                false => out.push(c),
            }),
            false => out += run,
        }
    }
    out
}

/// An ARN without partition, Region and account, and without the six characters that Secrets Manager puts behind names.
fn of_arn(token: &str) -> Option<String> {
    let parts: Vec<&str> = token.splitn(6, ':').collect();
    let ["arn", _, service, _, _, resource] = parts.as_slice() else { return None };
    let cut = resource.rsplit_once('-').filter(|(_, tail)| *service == "secretsmanager" && tail.len() == 6);
    Some(format!("arn:{service}:{}", of_token(cut.map_or(resource, |(name, _)| name))))
}

/// A token cut where letters and digits begin and end.
fn runs(token: &str) -> Vec<&str> {
    let mut runs = Vec::new();
    let (mut from, mut was) = (0, None);
    for (at, c) in token.char_indices() {
        let is = Some(c.is_ascii_alphanumeric());
        if was.is_some() && was != is {
            runs.push(&token[from..at]);
            from = at;
        }
        was = is;
    }
    runs.push(&token[from..]);
    runs
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(words: &str, own: &str) -> String {
        signature(words, Some(&own.parse().unwrap()))
    }

    #[test]
    fn what_differs_between_two_of_one_cause_is_not_in_it() {
        for (one, other) in [
            ("acme: 10.0.3.7:8080 refused", "globex: 10.0.12.250:80 refused"),
            ("dial fe80::1:ff23 failed", "dial 2001:db8::8a2e:370:7334 failed"),
            (
                "arn:aws:ecs:eu-west-1:1:task/c1/0123456789abcdef0123456789abcdef",
                "arn:aws:ecs:eu-west-1:2:task/c1/ffff456789abcdef0123456789abcdef",
            ),
            (
                "arn:aws:secretsmanager:eu-west-1:1:secret:x-acme-db-AbCdEf",
                "arn:aws:secretsmanager:us-east-1:2:secret:x-globex-db-1b2C3d",
            ),
            ("secret accessos-prod-acme-db is missing", "secret accessos-prod-globex-db is missing"),
            ("(image r/iam@sha256:00aa11bb22cc33dd)", "(image r/iam@sha256:ffee11bb22cc33dd)"),
            ("2026-11-28T12:00:01.123Z ERROR pool", "2027-01-02T09:59:59Z ERROR pool"),
            ("12:00:01 ERROR pool", "9:00:01.5 ERROR pool"),
            ("request 7a2f1c9e-0b1d-4e5f-8a9b-0c1d2e3f4a5b", "request 00000000-abcd-4e5f-ffff-0c1d2e3f4a5b"),
            ("took 1500 ms (3 tasks)", "took 7 ms (12 tasks)"),
            ("trace Root=1-67891233-abcdef012345678912345678", "trace Root=1-00000000-12345678abcdef0123456789"),
        ] {
            assert_eq!(of(one, "acme"), of(other, "globex"));
        }
    }

    #[test]
    fn other_words_have_another() {
        for (one, other) in [
            ("container iam ran out of memory", "container iam ended with error 1"),
            ("the image is missing", "a secret cannot be read"),
            ("cafe is closed", "face is closed"),
        ] {
            assert_ne!(of(one, "acme"), of(other, "acme"));
        }
    }

    #[test]
    fn a_name_is_taken_out_only_where_it_stands_by_itself() {
        assert_eq!(of("the cat of app-prod-cat-iam concatenates", "cat"), "the * of app-prod-*-iam concatenates");
    }

    proptest! {
        /// Any words, of any letters, have a signature, and it is that of itself.
        #[test]
        fn it_is_total_and_stable(words in "\\PC{0,80}") {
            let once = signature(&words, None);
            prop_assert_eq!(signature(&once, None), once.clone());
        }
    }
}
