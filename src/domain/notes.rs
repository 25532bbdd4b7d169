//! The notes of a version that was given for good: what was merged since the one before, and what each tenant got.

use std::collections::BTreeMap;

use super::ids::{SetId, Version};
use super::markdown::{cut, plain};
use super::merged::{History, Merged};
use super::plan::{Change, Plan};
use super::release::Release;

/// The longest notes that GitHub takes, in characters.
const LONGEST: usize = 125_000;

/// Tenants that are named where many got the same.
const NAMED: usize = 10;

/// The notes in Markdown. `plan` is what brought the release to the last fleet, where that is known.
pub fn notes(release: &Release, before: Option<&Version>, history: &History, plan: Option<&Plan>) -> String {
    let mut text = merged(before, history);
    if let Some(plan) = plan.filter(|plan| !plan.is_empty()) {
        text += &received(plan);
    }
    text += &images(release);
    cut(text, LONGEST, "\n(The rest is in the records.)\n")
}

fn merged(before: Option<&Version>, history: &History) -> String {
    let since = before.map_or_else(String::new, |before| format!(" since v{before}"));
    let mut text = format!("### Merged{since}\n\n");
    for pull in history.pulls() {
        text += &format!("- {} (#{}, by {})\n", plain(&pull.title), pull.number, plain(&pull.author));
    }
    for commit in history.merged.iter().filter(|merged| merged.pull.is_none()) {
        text += &format!("- {} ({})\n", plain(headline(commit)), commit.commit.short());
    }
    match (history.merged.is_empty(), history.cut) {
        (true, _) => text + "Nothing is recorded as merged.\n",
        (_, true) => text + "- and what came before that\n",
        _ => text,
    }
}

fn headline(merged: &Merged) -> &str {
    merged.message.lines().next().unwrap_or_default()
}

/// Who got what: tenants that got the same are one line.
fn received(plan: &Plan) -> String {
    let mut of_set: BTreeMap<SetId, Vec<String>> = BTreeMap::new();
    for change in plan.changes() {
        of_set.entry(change.service.set.clone()).or_default().push(step(change));
    }
    let mut groups: BTreeMap<Vec<String>, Vec<SetId>> = BTreeMap::new();
    for (set, steps) in of_set {
        groups.entry(steps).or_default().push(set);
    }
    let mut text =
        format!("\n### What was rolled out to {}\n\n| tenants | services |\n|---|---|\n", plain(plan.fleet.as_str()));
    for (steps, sets) in groups {
        let named: Vec<&str> = sets.iter().take(NAMED).map(SetId::as_str).collect();
        let more = sets.len().saturating_sub(NAMED);
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        text += &format!("| {}{more} | {} |\n", plain(&named.join(", ")), steps.join("<br>"));
    }
    for exclusion in &plan.excluded {
        text +=
            &format!("\n{} was left out: {}\n", plain(exclusion.set.as_str()), plain(&exclusion.reason.to_string()));
    }
    text
}

fn step(change: &Change) -> String {
    let name = |version: &Option<Version>| version.as_ref().map_or_else(|| "?".to_owned(), Version::to_string);
    format!(
        "{}: {} to {}",
        plain(change.service.service.as_str()),
        name(&change.before.version),
        name(&change.target.version)
    )
}

fn images(release: &Release) -> String {
    let mut text = format!("\n### Images\n\nBuilt as {} from {}\n\n", release.version, release.commit);
    for image in release.images.values() {
        text += &format!("- `{}`\n", image.reference());
    }
    text
}
