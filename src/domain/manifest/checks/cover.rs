//! Explicit waves together: that each finds somebody, that nobody is left over or wanted twice, and that the first
//! one takes few.

use std::collections::BTreeSet;

use super::Notes;
use crate::domain::fleet::{Growth, Select, ServiceSet, WavePolicy, WaveRule};
use crate::domain::ids::SetId;
use crate::domain::manifest::problem::some_of;
use crate::domain::wave::{Slice, assign};

/// What a first wave may take, whatever the file says: it is the one of which nothing is known yet.
const FIRST: Growth = Growth { first: 1, factor: 1, cap_percent: 25, cap_count: 6 };

/// Checks who is in which wave with nobody paused or pinned.
pub(super) fn check(notes: &mut Notes<'_>, path: &str, rules: &[WaveRule], tenants: &[ServiceSet]) {
    if !names_differ(notes, path, rules) || !by_name_first(notes, path, rules) {
        return;
    }
    let slices = assign(&WavePolicy::Explicit(rules.to_vec()), tenants, "");
    for (index, rule) in rules.iter().enumerate() {
        let path = format!("{path}[{index}]");
        if !slices.iter().any(|slice| is_of(slice, rule)) {
            let what = format!("nobody is left for wave `{}`", rule.name.escape_debug());
            notes.add(&path, what, "the waves before it take everybody; remove it or take less there");
        } else if let Select::Ids(ids) = &rule.select {
            wanted_twice(notes, &path, rule, ids, &slices);
        }
    }
    let covered: BTreeSet<&SetId> = slices.iter().flat_map(|slice| &slice.tenants).collect();
    let missing: Vec<&str> = tenants.iter().filter(|t| !covered.contains(&t.id)).map(|t| t.id.as_str()).collect();
    if !missing.is_empty() {
        let what = format!("in no wave: {}", some_of(&missing));
        notes.add(path, what, "end with a wave that says `plan: auto`");
    }
    first_is_small(notes, path, rules, &slices, tenants.len());
}

/// Whether a slice was made by a rule; those of a growing one are numbered.
fn is_of(slice: &Slice, rule: &WaveRule) -> bool {
    let rest = slice.name.strip_prefix(rule.name.as_str());
    rest.is_some_and(|rest| rest.is_empty() || (rest.starts_with(' ') && matches!(rule.select, Select::Rest(_))))
}

fn names_differ(notes: &mut Notes<'_>, path: &str, rules: &[WaveRule]) -> bool {
    let mut differ = true;
    for (index, rule) in rules.iter().enumerate() {
        if rules[..index].iter().any(|earlier| earlier.name == rule.name) {
            let what = format!("a second wave `{}`", rule.name.escape_debug());
            notes.add(&format!("{path}[{index}].name"), what, "give it a name of its own");
            differ = false;
        }
    }
    differ
}

/// Whoever is taken by number is another with every release, so a wave by name after that may find its tenants
/// taken with one release and not with the next.
fn by_name_first(notes: &mut Notes<'_>, path: &str, rules: &[WaveRule]) -> bool {
    let by_name = |rule: &WaveRule| matches!(rule.select, Select::Tag(_) | Select::Tier(_) | Select::Ids(_));
    let by_number = |rule: &&WaveRule| matches!(rule.select, Select::Percent(_) | Select::Count(_));
    let mut first = true;
    for (index, _) in rules.iter().enumerate().filter(|(_, rule)| by_name(rule)) {
        if let Some(earlier) = rules[..index].iter().find(by_number) {
            let what = format!("wave `{}` may already have taken tenants of this one", earlier.name.escape_debug());
            let help = "put waves by tag, tier or ids before those by percent or count";
            notes.add(&format!("{path}[{index}].select"), what, help);
            first = false;
        }
    }
    first
}

fn wanted_twice(notes: &mut Notes<'_>, path: &str, rule: &WaveRule, ids: &BTreeSet<SetId>, slices: &[Slice]) {
    for id in ids {
        let earlier = slices.iter().find(|slice| slice.tenants.contains(id) && !is_of(slice, rule));
        if let Some(earlier) = earlier {
            let what = format!("tenant `{id}` is in wave `{}` already", earlier.name.escape_debug());
            notes.add(&format!("{path}.select.ids"), what, "keep it in one");
        }
    }
}

fn first_is_small(notes: &mut Notes<'_>, path: &str, rules: &[WaveRule], slices: &[Slice], tenants: usize) {
    let first = slices.first().map_or(0, |slice| slice.tenants.len());
    let grows = matches!(rules.first().map(|rule| &rule.select), Some(Select::Rest(_)));
    let most = FIRST.cap(tenants);
    if tenants > 1 && first == tenants {
        notes.add(
            &format!("{path}[0]"),
            "every tenant is in the first wave".to_owned(),
            "a canary wave is a few tenants",
        );
    } else if !grows && first > most {
        let what = format!("the first wave takes {first} of {tenants} tenants");
        notes.add(&format!("{path}[0]"), what, &format!("it may take {most}: a quarter, or 6 if that is more"));
    }
}
