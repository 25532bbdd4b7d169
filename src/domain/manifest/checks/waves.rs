//! Waves: what each takes, and that it takes somebody.

use std::collections::BTreeSet;

use jiff::SignedDuration;

use super::{Notes, cover, words};
use crate::domain::fleet::{Growth, Select, ServiceSet, WavePolicy, WaveRule};
use crate::domain::manifest::mirror::{FleetEntry, SelectEntry, WaveEntry, WavesEntry};
use crate::domain::manifest::problem::did_you_mean;

/// How long a wave is watched where the file is silent.
const BAKE: SignedDuration = SignedDuration::from_mins(15);

/// How a fleet's tenants are put into waves.
pub(super) fn waves(notes: &mut Notes<'_>, path: &str, entry: &FleetEntry, tenants: &[ServiceSet]) -> WavePolicy {
    let bake = notes.duration(&format!("{path}.bake"), entry.bake.as_deref(), BAKE);
    let path = format!("{path}.waves");
    match &entry.waves {
        WavesEntry::Auto(auto) => {
            let growth = growth(notes, &path, (auto.first, auto.factor, auto.cap.as_deref()), tenants.len());
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
            let rules: Vec<WaveRule> = rules.into_iter().flatten().collect();
            if whole && !rules.is_empty() && !tenants.is_empty() {
                cover::check(notes, &path, &rules, tenants);
            }
            WavePolicy::Explicit(rules)
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
    let growing = (entry.first, entry.factor, entry.cap.as_deref());
    let select = match (&entry.select, entry.plan) {
        (Some(select), None) => self::select(notes, &format!("{path}.select"), select, tenants)?,
        (None, Some(_)) => Select::Rest(growth(notes, path, growing, tenants.len())),
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
            somebody(notes, path, "tag", tag, tags.collect()).then(|| Select::Tag(tag.clone()))
        }
        (None, Some(tier), None, None, None) => {
            let tiers = tenants.iter().filter_map(|t| t.tier.as_deref());
            somebody(notes, path, "tier", tier, tiers.collect()).then(|| Select::Tier(tier.clone()))
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

fn somebody(notes: &mut Notes<'_>, path: &str, kind: &str, word: &str, there: BTreeSet<&str>) -> bool {
    if there.contains(word) {
        return true;
    }
    let what = format!("no tenant of this fleet has the {kind} `{}`", word.escape_debug());
    let near = did_you_mean(word, there.iter().copied());
    let help = if near.is_empty() { "a wave of nobody protects nobody" } else { &near };
    notes.add(&format!("{path}.{kind}"), what, help);
    false
}

fn percent(notes: &mut Notes<'_>, path: &str, percent: u32, tenants: usize) -> Option<Select> {
    let path = format!("{path}.percent");
    if !(1..=100).contains(&percent) {
        notes.add(&path, format!("`percent` is {percent}"), "from 1 to 100");
        return None;
    }
    let percent = percent as usize;
    if tenants > 0 && tenants * percent / 100 == 0 {
        notes.add(&path, format!("{percent} % of {tenants} tenants is nobody"), "write `count: 1`");
        return None;
    }
    Some(Select::Percent(percent))
}

fn ids(notes: &mut Notes<'_>, path: &str, ids: &[String], tenants: &[ServiceSet]) -> Option<Select> {
    let path = format!("{path}.ids");
    if ids.is_empty() {
        notes.add(&path, "a wave of nobody".to_owned(), "name some tenants, or leave the wave out");
        return None;
    }
    let there: Vec<String> = tenants.iter().map(|tenant| tenant.id.to_string()).collect();
    let known: BTreeSet<&String> = there.iter().collect();
    let (mut whole, mut before) = (true, BTreeSet::new());
    for (index, id) in ids.iter().enumerate() {
        let path = format!("{path}[{index}]");
        whole &= known.contains(id) || notes.known(&path, "tenant of this fleet", id, there.iter());
        if !before.insert(id) {
            notes.add(&path, format!("tenant `{}` is listed twice", id.escape_debug()), "remove one");
        }
    }
    whole.then(|| Select::Ids(ids.iter().filter_map(|id| id.parse().ok()).collect()))
}

/// Growth as the file says it: first, factor, cap.
type Growing<'a> = (Option<u32>, Option<u32>, Option<&'a str>);

fn growth(notes: &mut Notes<'_>, path: &str, (first, factor, cap): Growing<'_>, tenants: usize) -> Growth {
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
    let growth = Growth { first: number(first, 1), factor: number(factor, 3), cap_percent, cap_count };
    let most = growth.cap(tenants);
    if tenants > 0 && growth.first > most {
        let what = format!("`first` is {}, and of {tenants} tenants `cap` lets {most} into a wave", growth.first);
        notes.add(&format!("{path}.first"), what, "begin with fewer");
    }
    growth
}
