//! What a value without quotes can be taken for. YAML has had two versions with different rules, and the tools that
//! read tenants beside this one (Terraform, editors) do not all follow the same; so a text that one of them would
//! change on the way must have quotes.

/// A whole number from 0, in the one way of writing it that everybody reads alike.
pub(super) fn whole_number(text: &str) -> Option<u32> {
    text.parse().ok().filter(|_| stays_as_it_is(text))
}

/// Digits alone, no leading zero, and few enough for every reader's numbers.
fn stays_as_it_is(text: &str) -> bool {
    let digits = (1..=15).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    digits && (text == "0" || !text.starts_with('0'))
}

/// What some reader of YAML takes a text without quotes for, and so changes: `no` is false, `1.10` is 1.1, `012` is
/// 10, `1:30` is 90. A number that stays as it is written, such as 6, is none of these.
pub(super) fn taken_for(text: &str) -> Option<&'static str> {
    let lower = text.to_ascii_lowercase();
    if matches!(lower.as_str(), "true" | "false" | "yes" | "no" | "on" | "off" | "y" | "n") {
        return Some("true or false");
    }
    (!stays_as_it_is(text) && (is_number(&lower) || is_base_60(text))).then_some("a number")
}

fn is_number(lower: &str) -> bool {
    let bare = lower.trim_start_matches(['+', '-']);
    if matches!(bare, ".nan" | ".inf") {
        return true;
    }
    let radix = [("0x", 16), ("0o", 8), ("0b", 2)]
        .into_iter()
        .find_map(|(prefix, radix)| Some((bare.strip_prefix(prefix)?, radix)));
    if let Some((digits, radix)) = radix {
        return digits.chars().any(|c| c.is_digit(radix)) && digits.chars().all(|c| c.is_digit(radix) || c == '_');
    }
    let begins = bare.trim_start_matches('.').starts_with(|c: char| c.is_ascii_digit());
    begins && bare.replace('_', "").parse::<f64>().is_ok()
}

/// `1:30` or `190:20:30`, which YAML 1.1 counts in sixties.
fn is_base_60(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let mut parts = text.split(':');
    parts.next().is_some_and(digits) && text.contains(':') && parts.all(|part| digits(part) && part.len() <= 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_in_one_way() {
        assert_eq!(whole_number("0"), Some(0));
        assert_eq!(whole_number("4294967295"), Some(u32::MAX));
        for bad in
            ["", "-1", "+1", "012", "0o17", "0x1f", "1_000", "1e3", "1.0", "12:30", ".nan", "99999999999999999999"]
        {
            assert_eq!(whole_number(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_other_readers_change_needs_quotes() {
        for number in [
            "1.10", "1.4", "012", "0o17", "0x1F", "0b1", "1_000", "1e3", ".5", "-1", ".inf", "-.INF", ".NaN", "9:00",
            "09:00", "1:30:00",
        ] {
            assert_eq!(taken_for(number), Some("a number"), "{number}");
        }
        for boolean in ["no", "On", "TRUE", "y"] {
            assert_eq!(taken_for(boolean), Some("true or false"), "{boolean}");
        }
        for text in [
            "6",
            "111111111111",
            "1.4.0",
            "25%",
            "15m",
            "2026-12-20",
            "acme",
            "nan",
            "e3",
            "a:1",
            "promote:prod",
            "/",
            "0x",
            ".",
        ] {
            assert_eq!(taken_for(text), None, "{text}");
        }
    }
}
