//! The small grammars inside of values: hosts, paths, days, caps.

use crate::domain::calendar::Day;

/// A host name: labels of letters, digits and hyphens (RFC 1123), lower case, at least two of them.
pub(super) fn is_host(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    text.len() <= 253 && text.contains('.') && text.split('.').all(label)
}

/// A folder inside of the repository, written relative to it.
pub(super) fn is_inside(path: &str) -> bool {
    let inside = |part: &str| !matches!(part, ".." | "~") && !part.starts_with('-') && !part.contains('\\');
    !path.is_empty() && !path.starts_with('/') && path.split('/').all(inside)
}

/// A repository's name as the OCI distribution specification has it, with `{service}` as one of its words.
pub(super) fn is_repository(text: &str) -> bool {
    let word = |word: &str| {
        let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-');
        word.starts_with(|c: char| inner(c) && c.is_ascii_alphanumeric())
            && word.ends_with(|c: char| c.is_ascii_alphanumeric())
            && word.chars().all(inner)
    };
    text.replace("{service}", "service").split('/').all(word)
}

/// `mon-thu`, `mon`, `mon,wed,fri`.
pub(super) fn days(text: &str) -> Option<Vec<Day>> {
    let mut days = Vec::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (day(first)?, day(last)?);
        days.extend(Day::WEEK.into_iter().filter(|day| (first..=last).contains(day)));
    }
    days.sort();
    days.dedup();
    (!days.is_empty()).then_some(days)
}

fn day(text: &str) -> Option<Day> {
    const NAMES: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    NAMES.iter().position(|name| *name == text.trim()).map(|place| Day::WEEK[place])
}

/// A cap: `max(25%, 6)`, `25%` or `6`, as percent and count.
pub(super) fn cap(text: &str) -> Option<(usize, usize)> {
    let percent = |text: &str| text.trim().strip_suffix('%')?.parse().ok().filter(|p| (1..=100).contains(p));
    let count = |text: &str| text.trim().parse().ok().filter(|c| *c > 0);
    if let Some(inner) = text.trim().strip_prefix("max(").and_then(|rest| rest.strip_suffix(')')) {
        let (left, right) = inner.split_once(',')?;
        return Some((percent(left)?, count(right)?));
    }
    percent(text).map(|p| (p, 0)).or_else(|| count(text).map(|c| (0, c)))
}

/// A part, such as `0.1%` or `25%`, in parts per million; from one part per million to 100 %.
pub(super) fn ppm(text: &str) -> Option<u32> {
    let number = text.trim().strip_suffix('%')?.trim_end();
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || whole.len() > 3 || part.len() > 4 || !digits(whole) || !digits(part) || number.ends_with('.')
    {
        return None;
    }
    let parts: u32 = format!("{part:0<4}").parse().ok()?;
    let ppm = whole.parse::<u32>().ok()? * 10_000 + parts;
    (1..=1_000_000).contains(&ppm).then_some(ppm)
}

/// `3 of 5`, as 3 and 5.
pub(super) fn some_of(text: &str) -> Option<(u32, u32)> {
    let (some, all) = text.split_once(" of ")?;
    let count = |text: &str| text.trim().parse::<u32>().ok().filter(|count| (1..=60).contains(count));
    let (some, all) = (count(some)?, count(all)?);
    (some <= all).then_some((some, all))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_ranges_and_lists() {
        assert_eq!(days("mon-thu").unwrap(), [Day::Mon, Day::Tue, Day::Wed, Day::Thu]);
        assert_eq!(days("fri,mon").unwrap(), [Day::Mon, Day::Fri]);
        assert_eq!(days("fri-mon"), None);
        assert_eq!(days("monday"), None);
    }

    #[test]
    fn caps_have_three_forms() {
        assert_eq!(cap("max(25%, 6)"), Some((25, 6)));
        assert_eq!(cap("10%"), Some((10, 0)));
        assert_eq!(cap("6"), Some((0, 6)));
        for bad in ["", "0", "0%", "101%", "max(6)", "max(25, 6)", "-1", "max(25%, 6"] {
            assert_eq!(cap(bad), None, "{bad}");
        }
    }

    #[test]
    fn parts_are_exact_and_counts_are_counts() {
        assert_eq!(ppm("0.1%"), Some(1_000));
        assert_eq!(ppm("100%"), Some(1_000_000));
        assert_eq!(ppm("0.0001 %"), Some(1));
        for bad in ["", "%", "1", "0%", "101%", "0.00001%", "-1%", "1.%", ".5%", "1e2%", "1.2.3%", "٣%"] {
            assert_eq!(ppm(bad), None, "{bad}");
        }
        assert_eq!(some_of("3 of 5"), Some((3, 5)));
        for bad in ["", "3", "5 of 3", "0 of 5", "3 of 61", "3of5", "three of 5"] {
            assert_eq!(some_of(bad), None, "{bad}");
        }
    }

    #[test]
    fn repositories_are_paths_of_lower_case_words() {
        assert!(is_repository("accessos/{service}"));
        assert!(is_repository("team.a/{service}-image"));
        for bad in ["", "/x", "x/", "Accessos/{service}", "a b/{service}", "{registry}/{service}", "a:1", "a@b"] {
            assert!(!is_repository(bad), "{bad}");
        }
    }

    #[test]
    fn paths_stay_inside() {
        for bad in ["", "/etc", "../x", "a/../b", "~", "-x", "a\\b"] {
            assert!(!is_inside(bad), "{bad}");
        }
        assert!(is_inside("services/iam"));
        assert!(is_inside("."));
    }
}
