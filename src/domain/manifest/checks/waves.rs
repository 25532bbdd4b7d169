//! Waves: that each takes somebody, that together they take everybody, and that the first takes few.

use std::collections::BTreeSet;

use jiff::SignedDuration;

use super::{Notes, words};
use crate::domain::fleet::{Growth, Select, ServiceSet, WavePolicy, WaveRule};
use crate::domain::ids::SetId;
use crate::domain::manifest::mirror::{FleetEntry, SelectEntry, WaveEntry, WavesEntry};
use crate::domain::manifest::problem::did_you_mean;
use crate::domain::wave::assign;

/// How long a wave is watched where the file is silent.
const BAKE: SignedDuration = SignedDuration::from_mins(15);

/// How a fleet's tenants are put into waves.
pub(super) fn waves(notes: &mut Notes<'_>, path: &str, entry: &FleetEntry, tenants: &[ServiceSet]) -> WavePolicy {
    let bake = notes.duration(&format!("{path}.bake"), entry.bake.as_deref(), BAKE);
    let path = format!("{path}.waves");
    match &entry.waves {
        WavesEntry::Auto(auto) => {
            let growth = growth(notes, &path, auto.first, auto.factor, auto.cap.as_deref());
            WavePolicy::Auto { growth, bake }
        }
        WavesEntry::List(list) => {
            let rules = list.iter().enumerate();
            let rules: Vec<Option<WaveRule>> =
                rules.map(|(i, wave)| rule(notes, &format!("{path}[{i}]"), wave, bake, tenants)).collect();
            if rules.is_empty() {
                notes.add(&path, "no wave".to_owned(), "list some, or write `plan: auto`");
            }
            let whole = rules.iter().all(Option::is_some);
            let policy = WavePolicy::Explicit(rules.into_iter().flatten().collect());
            if whole {
                check_cover(notes, &path, &policy, tenants);
            }
            policy
        }
    }
}

fn rule(
    notes: &mut Notes<'_>,
    path: &str,
    entry: &WaveEntry,
    bake: SignedDuration,
    tenants: &[ServiceSet],
) -> Option<WaveRule> {
    let bake = notes.duration(&format!("{path}.bake"), entry.bake.as_deref(), bake);
    let select = match (&entry.select, entry.plan) {
        (Some(select), None) => self::select(notes, &format!("{path}.select"), select, tenants)?,
        (None, Some(_)) => Select::Rest(growth(notes, path, entry.first, entry.factor, entry.cap.as_deref())),
        _ => {
            let what = format!("wave `{}` must say either `select` or `plan: auto`", entry.name.escape_debug());
            notes.add(path, what, "select by tag, tier, percent, count or ids");
            return None;
        }
    };
    Some(WaveRule { name: entry.name.clone(), select, bake })
}

fn select(notes: &mut Notes<'_>, path: &str, entry: &SelectEntry, tenants: &[ServiceSet]) -> Option<Select> {
    let SelectEntry { tag, tier, percent, count, ids } = entry;
    match (tag, tier, percent, count, ids) {
        (Some(tag), None, None, None, None) => {
            let tags = tenants.iter().flat_map(|t| t.tags.iter().map(String::as_str));
            somebody(notes, path, "tag", tag, tags).then(|| Select::Tag(tag.clone()))
        }
        (None, Some(tier), None, None, None) => {
            let tiers = tenants.iter().filter_map(|t| t.tier.as_deref());
            somebody(notes, path, "tier", tier, tiers).then(|| Select::Tier(tier.clone()))
        }
        (None, None, Some(percent), None, None) => self::percent(notes, path, *percent, tenants.len()),
        (None, None, None, Some(0), None) => {
            notes.add(&format!("{path}.count"), "a wave of 0 tenants".to_owned(), "leave the wave out, or take some");
            None
        }
        (None, None, None, Some(count), None) => Some(Select::Count(usize::try_from(*count).unwrap_or(usize::MAX))),
        (None, None, None, None, Some(ids)) => self::ids(notes, path, ids, tenants),
        _ => {
            notes.add(path, "a wave selects in one way".to_owned(), "keep one of tag, tier, percent, count, ids");
            None
        }
    }
}

fn somebody<'t>(
    notes: &mut Notes<'_>,
    path: &str,
    kind: &str,
    word: &str,
    there: impl Iterator<Item = &'t str>,
) -> bool {
    let there: BTreeSet<&str> = there.collect();
    if there.contains(word) {
        return true;
    }
    let what = format!("no tenant of this fleet has the {kind} `{}`", word.escape_debug());
    let near = did_you_mean(word, there.iter().copied());
    notes.add(
        &format!("{path}.{kind}"),
        what,
        if near.is_empty() { "a wave of nobody protects nobody" } else { &near },
    );
    false
}

fn percent(notes: &mut Notes<'_>, path: &str, percent: u32, tenants: usize) -> Option<Select> {
    let path = format!("{path}.percent");
    if !(1..=100).contains(&percent) {
        notes.add(&path, format!("{percent} percent"), "from 1 to 100");
        return None;
    }
    let percent = percent as usize;
    if tenants * percent / 100 == 0 {
        notes.add(&path, format!("{percent} % of {tenants} tenants is nobody"), "write `count: 1`");
        return None;
    }
    Some(Select::Percent(percent))
}

fn ids(notes: &mut Notes<'_>, path: &str, ids: &[String], tenants: &[ServiceSet]) -> Option<Select> {
    let there: Vec<String> = tenants.iter().map(|tenant| tenant.id.to_string()).collect();
    let mut whole = !ids.is_empty();
    for (index, id) in ids.iter().enumerate() {
        whole &= notes.known(&format!("{path}.ids[{index}]"), "tenant of this fleet", id, there.iter());
    }
    whole.then(|| Select::Ids(ids.iter().filter_map(|id| id.parse().ok()).collect()))
}

fn growth(notes: &mut Notes<'_>, path: &str, first: Option<u32>, factor: Option<u32>, cap: Option<&str>) -> Growth {
    for (key, value) in [("first", first), ("factor", factor)] {
        if value == Some(0) {
            notes.add(&format!("{path}.{key}"), format!("`{key}` is 0"), "it is at least 1");
        }
    }
    let (cap_percent, cap_count) = cap.map_or(Some((25, 6)), words::cap).unwrap_or_else(|| {
        let what = format!("`{}` is no cap", cap.unwrap_or_default().escape_debug());
        notes.add(&format!("{path}.cap"), what, "write it as \"max(25%, 6)\", 25% or 6");
        (25, 6)
    });
    let number = |value: Option<u32>, default: usize| value.map_or(default, |v| v as usize);
    Growth { first: number(first, 1), factor: number(factor, 3), cap_percent, cap_count }
}

/// Who is in which wave, with nobody paused or pinned: whoever is in none, whichever wave is empty.
fn check_cover(notes: &mut Notes<'_>, path: &str, policy: &WavePolicy, tenants: &[ServiceSet]) {
    let WavePolicy::Explicit(rules) = policy else { return };
    let slices = assign(policy, tenants, "");
    for (index, rule) in rules.iter().enumerate() {
        let named = |name: &str| name == rule.name || name.starts_with(&format!("{} ", rule.name));
        if !slices.iter().any(|slice| named(&slice.name)) {
            let what = format!("nobody is left for wave `{}`", rule.name.escape_debug());
            notes.add(
                &format!("{path}[{index}]"),
                what,
                "the waves before it take everybody; remove it or take less there",
            );
        }
    }
    let covered: BTreeSet<&SetId> = slices.iter().flat_map(|slice| &slice.tenants).collect();
    let missing: Vec<&str> = tenants.iter().filter(|t| !covered.contains(&t.id)).map(|t| t.id.as_str()).collect();
    if !missing.is_empty() {
        notes.add(path, format!("in no wave: {}", missing.join(", ")), "end with a wave that says `plan: auto`");
    }
    let first = slices.first().map_or(0, |slice| slice.tenants.len());
    if tenants.len() > 1 && first == tenants.len() {
        notes.add(path, "every tenant is in the first wave".to_owned(), "a canary wave is a few tenants");
    }
}
