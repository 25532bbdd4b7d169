//! Changes of the list of tenants in a file that people keep: what is written elsewhere in it stays as it is, byte by
//! byte, with its comments and its order.
//!
//! Why text and not a tree that is written out again: no YAML library keeps what people wrote. So the tree only says
//! where things stand, the text is changed there, and the result is read again: it must mean what it meant before but
//! for the one tenant, or nothing is changed.

use std::ops::Range;

use super::positions::{Document, Key, Kind, Node};
use super::read::{Source, read};
use super::text::without_mark;
use crate::domain::fleet::{Application, Evidence, Fleet, Rds, SecondPlace, ServiceSet, SetState, Tombstone};
use crate::domain::ids::{CellName, FleetName, SetId};
use crate::domain::reason::Reason;

/// A tenant that is to be added, as its line says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTenant {
    /// Its id.
    pub id: SetId,
    /// Its fleet.
    pub fleet: FleetName,
    /// Its own host.
    pub host: Option<String>,
    /// Words to select it by.
    pub tags: Vec<String>,
    /// Its tier.
    pub tier: Option<String>,
    /// Its part of RDS.
    pub rds: Option<Rds>,
    /// Its part of S3.
    pub evidence: Option<Evidence>,
}

impl NewTenant {
    /// Whether this fleet has the tenant as it is wanted.
    pub fn is(&self, fleet: &Fleet) -> bool {
        let as_wanted = |set: &ServiceSet| {
            let default = format!("{}.{}", self.id, fleet.domain);
            set.host == *self.host.as_ref().unwrap_or(&default)
                && set.tags == self.tags.iter().cloned().collect()
                && set.tier == self.tier
                && set.data.rds == self.rds.unwrap_or_default()
                && set.data.evidence == self.evidence.unwrap_or_default()
        };
        fleet.name == self.fleet && fleet.set(&self.id).is_some_and(as_wanted)
    }
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit<'a> {
    /// Adds a tenant at the end of the list, in the file of this number.
    Add(&'a NewTenant, usize),
    /// Sets a tenant's state to `offboarding`.
    Leave(&'a SetId),
    /// Takes a tenant's line away and puts a tombstone into the same file.
    Remove(&'a SetId, &'a Tombstone),
    /// Has a tenant's line name the cell where it runs and another one, which Terraform keeps or takes away.
    Place(&'a SetId, &'a CellName, &'a CellName, bool),
}

/// A file that was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edited {
    /// Which of the sources.
    pub file: usize,
    /// Its new bytes.
    pub bytes: Vec<u8>,
    /// What the files mean with it.
    pub application: Application,
}

/// A piece of text in place of another.
type Change = (Range<usize>, String);

/// The sources with one change.
///
/// # Errors
/// It cannot be made where the text stands, or the result would be wrong or mean more than this change.
pub fn edit(sources: &[Source], change: &Edit<'_>) -> Result<Edited, Reason> {
    let before = read(sources).map_err(|problems| Reason::WouldNotCheck { problems: problems.to_string() })?;
    let (file, changes) = changes(sources, change)?;
    let Some(source) = sources.get(file) else { return Err(no_place("there is no such file", "fleet.yaml")) };
    let bytes = applied(source, changes).ok_or_else(|| no_place("its text and its tree differ", &source.name))?;
    let mut all = sources.to_vec();
    all[file].bytes.clone_from(&bytes);
    let after = read(&all).map_err(|problems| Reason::WouldNotCheck { problems: problems.to_string() })?;
    if is_only(change, &before, &after) {
        return Ok(Edited { file, bytes, application: after });
    }
    Err(no_place("more than this tenant would change", &source.name))
}

fn no_place(why: &str, file: &str) -> Reason {
    Reason::NotEditable { file: file.to_owned(), why: why.to_owned() }
}

/// Whether nothing else changed its meaning.
fn is_only(change: &Edit<'_>, before: &Application, after: &Application) -> bool {
    let id = match change {
        Edit::Add(new, _) => &new.id,
        Edit::Leave(id) | Edit::Remove(id, _) | Edit::Place(id, ..) => *id,
    };
    let find = |app: &Application| app.fleets.iter().find_map(|fleet| fleet.set(id).cloned());
    let (was, is) = (find(before), find(after));
    let changed = match change {
        Edit::Add(..) => was.is_none() && is.is_some(),
        Edit::Leave(_) => is.as_ref().is_some_and(|set| set.state == SetState::Offboarding),
        Edit::Place(_, cell, other, keep) => {
            let place = if *keep { SecondPlace::Also } else { SecondPlace::Leaves };
            let second = Some(place((*other).clone()));
            // Nothing of it changes but where it is.
            let moved = |set: &ServiceSet| {
                is.as_ref().is_some_and(|is| {
                    *is == ServiceSet {
                        cell: (*cell).clone(),
                        cluster: is.cluster.clone(),
                        second: second.clone(),
                        ..set.clone()
                    }
                })
            };
            was.as_ref().is_some_and(moved)
        }
        Edit::Remove(_, tombstone) => is.is_none() && after.removed.get(id) == Some(*tombstone),
    };
    let without = |app: &Application| {
        let mut app = app.clone();
        app.fleets.iter_mut().for_each(|fleet| fleet.sets.retain(|set| &set.id != id));
        app.removed.remove(id);
        app
    };
    changed && without(before) == without(after)
}

fn changes(sources: &[Source], change: &Edit<'_>) -> Result<(usize, Vec<Change>), Reason> {
    let documents: Vec<Document> = sources.iter().enumerate().filter_map(|(n, s)| Document::read(n, s).ok()).collect();
    match change {
        Edit::Add(new, file) => {
            let document = documents.get(*file).ok_or_else(|| no_place("there is no such file", "fleet.yaml"))?;
            let text = text_of(&sources[*file]);
            let list = home(document, *file).and_then(|home| value(home, "entries"));
            let added = list.and_then(|list| appended(text, list, &line_of(new)));
            let added = added.ok_or_else(|| no_place("it has no list of tenants to add to", &document.name))?;
            Ok((*file, vec![added]))
        }
        Edit::Leave(id) => {
            let (file, document, _, index) = find(&documents, id)?;
            let text = text_of(&sources[file]);
            let entry = entries(document, file).and_then(|entries| entries.get(index));
            let left = entry.and_then(|entry| leaving(text, entry));
            Ok((file, vec![left.ok_or_else(|| no_place("its line has no shape that can be changed", &document.name))?]))
        }
        Edit::Place(id, cell, other, keep) => {
            let (file, document, _, index) = find(&documents, id)?;
            let text = text_of(&sources[file]);
            let entry = entries(document, file).and_then(|entries| entries.get(index));
            let placed = entry.and_then(|entry| placed(text, entry, cell, (other, *keep)));
            Ok((file, placed.ok_or_else(|| no_place("its line has no shape that can be changed", &document.name))?))
        }
        Edit::Remove(id, tombstone) => {
            let (file, document, list, index) = find(&documents, id)?;
            let text = text_of(&sources[file]);
            let taken = taken(text, list, index);
            let buried = home(document, file).and_then(|home| buried(text, home, &line_of_tombstone(id, tombstone)));
            let both = taken.zip(buried).ok_or_else(|| no_place("its line cannot be taken out", &document.name))?;
            Ok((file, vec![both.0, both.1]))
        }
    }
}

/// The map that holds the list of tenants.
fn home(document: &Document, file: usize) -> Option<&Node> {
    if file == 0 { value(&document.root, "tenants") } else { Some(&document.root) }
}

fn entries(document: &Document, file: usize) -> Option<&Vec<Node>> {
    match &value(home(document, file)?, "entries")?.kind {
        Kind::List(items) => Some(items),
        Kind::Map(_) | Kind::Scalar { .. } | Kind::Refused => None,
    }
}

/// Where a tenant stands: the file, and the place in its list.
fn find<'a>(documents: &'a [Document], id: &SetId) -> Result<(usize, &'a Document, &'a Node, usize), Reason> {
    let of = |(file, document): (usize, &'a Document)| {
        let is_it = |item: &Node| matches!(value(item, "id").map(|id| &id.kind), Some(Kind::Scalar { text, .. }) if text == id.as_str());
        let index = entries(document, file)?.iter().position(is_it)?;
        Some((file, document, value(home(document, file)?, "entries")?, index))
    };
    documents.iter().enumerate().find_map(of).ok_or_else(|| no_place("it has no such tenant", "fleet.yaml"))
}

fn pairs(node: &Node) -> &[(Key, Node)] {
    match &node.kind {
        Kind::Map(pairs) => pairs,
        Kind::List(_) | Kind::Scalar { .. } | Kind::Refused => &[],
    }
}

fn value<'a>(node: &'a Node, key: &str) -> Option<&'a Node> {
    pairs(node).iter().find(|(name, _)| name.text == key).map(|(_, value)| value)
}

fn text_of(source: &Source) -> &str {
    std::str::from_utf8(without_mark(&source.bytes)).unwrap_or_default()
}

/// Whether a list or a map stands in brackets. A list that does not can begin where its first item does.
fn in_brackets(text: &str, node: &Node) -> bool {
    let bracket = if matches!(node.kind, Kind::List(_)) { '[' } else { '{' };
    text.get(node.mark.bytes.0..).is_some_and(|rest| rest.starts_with(bracket))
}

fn line_feed(text: &str) -> &'static str {
    if text.contains("\r\n") { "\r\n" } else { "\n" }
}

/// The end of the line that holds this byte, before its line feed.
fn line_end(text: &str, at: usize) -> usize {
    let end = text[at..].find('\n').map_or(text.len(), |found| at + found);
    if text[..end].ends_with('\r') { end - 1 } else { end }
}

fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |found| found + 1)
}

/// Where the hyphen of a list's item stands.
fn hyphen(text: &str, item: &Node) -> Option<usize> {
    let before = text.get(..item.mark.bytes.0)?.trim_end();
    before.ends_with('-').then(|| before.len() - 1)
}

/// An item after the last one of a list.
fn appended(text: &str, list: &Node, item: &str) -> Option<Change> {
    let Kind::List(items) = &list.kind else { return None };
    let last = items.last()?;
    if in_brackets(text, list) {
        return Some((last.end..last.end, format!(", {item}")));
    }
    let hyphen = hyphen(text, last)?;
    let indent = " ".repeat(hyphen - line_start(text, hyphen));
    let at = line_end(text, last.end);
    Some((at..at, format!("{}{indent}- {item}", line_feed(text))))
}

/// A tombstone in a home of tenants: after the last one, or as the first under a key that is not there yet.
fn buried(text: &str, home: &Node, line: &str) -> Option<Change> {
    if let Some(list) = value(home, "removed")
        && let Some(change) = appended(text, list, line)
    {
        return Some(change);
    }
    let (first, (_, last)) = (pairs(home).first()?, pairs(home).last()?);
    if in_brackets(text, home) {
        return Some((last.end..last.end, format!(", removed: [{line}]")));
    }
    let (at, feed) = (line_end(text, last.end), line_feed(text));
    let indent = " ".repeat(first.0.mark.column.checked_sub(1)?);
    Some((at..at, format!("{feed}{indent}removed:{feed}{indent}  - {line}")))
}

/// An item taken out of its list, with its whole lines where it has them for itself.
fn taken(text: &str, list: &Node, index: usize) -> Option<Change> {
    let Kind::List(items) = &list.kind else { return None };
    let item = items.get(index)?;
    if in_brackets(text, list) {
        let range = match (items.get(index + 1), index.checked_sub(1).and_then(|before| items.get(before))) {
            (Some(next), _) => item.mark.bytes.0..next.mark.bytes.0,
            (None, Some(before)) => before.end..item.end,
            (None, None) => item.mark.bytes.0..item.end,
        };
        return Some((range, String::new()));
    }
    let start = line_start(text, hyphen(text, item)?);
    let end = text[item.end..].find('\n').map_or(text.len(), |found| item.end + found + 1);
    Some((start..end, String::new()))
}

/// A tenant's cell and its second place. The key that names the second one may be another than before.
fn placed(text: &str, entry: &Node, cell: &CellName, (other, keep): (&CellName, bool)) -> Option<Vec<Change>> {
    let key = if keep { "also_in" } else { "leaves" };
    let second = pairs(entry).iter().find(|(key, _)| ["also_in", "leaves"].contains(&key.text.as_str()));
    let mut changes = Vec::new();
    let mut new = Vec::new();
    match value(entry, "cell") {
        Some(value) => changes.push((value.mark.bytes.0..value.end, scalar(cell.as_str()))),
        None => new.push(("cell", cell)),
    }
    match second {
        Some((was, value)) => {
            let start = was.mark.bytes.0;
            changes.push((start..start + was.text.len(), key.to_owned()));
            changes.push((value.mark.bytes.0..value.end, scalar(other.as_str())));
        }
        None => new.push((key, other)),
    }
    let (first, fleet) = pairs(entry).iter().find(|(key, _)| key.text == "fleet")?;
    let said = |(key, cell): &(&str, &CellName)| format!("{key}: {}", scalar(cell.as_str()));
    let lines: Vec<String> = new.iter().map(said).collect();
    if !lines.is_empty() && in_brackets(text, entry) {
        changes.push((fleet.end..fleet.end, format!(", {}", lines.join(", "))));
    } else if !lines.is_empty() {
        let at = line_end(text, fleet.end);
        let start = format!("{}{}", line_feed(text), " ".repeat(first.mark.column.checked_sub(1)?));
        changes.push((at..at, lines.iter().map(|line| format!("{start}{line}")).collect()));
    }
    Some(changes)
}

/// A tenant's state, set to `offboarding`.
fn leaving(text: &str, entry: &Node) -> Option<Change> {
    if let Some(state) = value(entry, "state") {
        return Some((state.mark.bytes.0..state.end, "offboarding".to_owned()));
    }
    let (key, fleet) = pairs(entry).iter().find(|(key, _)| key.text == "fleet")?;
    if in_brackets(text, entry) {
        return Some((fleet.end..fleet.end, ", state: offboarding".to_owned()));
    }
    let at = line_end(text, fleet.end);
    let indent = " ".repeat(key.mark.column.checked_sub(1)?);
    Some((at..at, format!("{}{indent}state: offboarding", line_feed(text))))
}

/// The bytes with these changes, the byte order mark kept.
fn applied(source: &Source, mut changes: Vec<Change>) -> Option<Vec<u8>> {
    let text = text_of(source);
    let ahead = source.bytes.len() - without_mark(&source.bytes).len();
    // From the end, so that each range still holds.
    changes.sort_by_key(|(range, _)| std::cmp::Reverse(range.start));
    let mut changed = text.to_owned();
    for (range, with) in changes {
        changed.get(range.clone())?;
        changed.replace_range(range, &with);
    }
    Some([&source.bytes[..ahead], changed.as_bytes()].concat())
}

/// A new tenant's line.
fn line_of(new: &NewTenant) -> String {
    let mut parts = vec![format!("id: {}", scalar(new.id.as_str())), format!("fleet: {}", scalar(new.fleet.as_str()))];
    if !new.tags.is_empty() {
        let tags: Vec<String> = new.tags.iter().map(|tag| scalar(tag)).collect();
        parts.push(format!("tags: [{}]", tags.join(", ")));
    }
    parts.extend(new.tier.as_ref().map(|tier| format!("tier: {}", scalar(tier))));
    parts.extend(new.host.as_ref().map(|host| format!("host: {}", scalar(host))));
    let data = [new.rds.map(|rds| format!("rds: {rds}")), new.evidence.map(|evidence| format!("evidence: {evidence}"))];
    let data: Vec<String> = data.into_iter().flatten().collect();
    if !data.is_empty() {
        parts.push(format!("data: {{ {} }}", data.join(", ")));
    }
    format!("{{ {} }}", parts.join(", "))
}

fn line_of_tombstone(id: &SetId, tombstone: &Tombstone) -> String {
    let kept = tombstone.kept.as_ref().map(|hash| format!(", kept: \"{hash}\"")).unwrap_or_default();
    format!(
        "{{ id: {}, fleet: {}, on: {}{kept} }}",
        scalar(id.as_str()),
        scalar(tombstone.fleet.as_str()),
        tombstone.on
    )
}

/// A text as a scalar: in quotes unless every reader of YAML takes it for the same text.
fn scalar(text: &str) -> String {
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
    let word = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];
    if plain && !word.contains(&text.to_ascii_lowercase().as_str()) {
        return text.to_owned();
    }
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEAD: &str = "schema: 1\napp: shop\ndomain: shop.example\nimages: { repository: \"shop/{service}\" }\n\
        services: { web: { build: web, port: 8080, health: /up } } # one\n\
        cells:\n  one: { account: \"111111111111\", region: eu-west-1, clusters: [shop] }\n\
        gates:\n  default: { rollout: { deadline: 15m } }\n\
        fleets:\n  dev: { cells: [one], deploy_on: merge, waves: { plan: auto }, gate: default, on_failure: stop }\n";

    fn sources(tenants: &str) -> Vec<Source> {
        vec![Source { name: "fleet.yaml".to_owned(), bytes: format!("{HEAD}{tenants}").into_bytes() }]
    }

    fn after(tenants: &str, change: &Edit<'_>) -> String {
        let edited = edit(&sources(tenants), change).unwrap_or_else(|reason| panic!("{reason}\n{tenants}"));
        String::from_utf8(edited.bytes).unwrap().strip_prefix(HEAD).unwrap().to_owned()
    }

    fn new(id: &str) -> NewTenant {
        let (id, fleet) = (id.parse().unwrap(), "dev".parse().unwrap());
        NewTenant { id, fleet, host: None, tags: Vec::new(), tier: None, rds: None, evidence: None }
    }

    fn tombstone() -> Tombstone {
        Tombstone { fleet: "dev".parse().unwrap(), on: "2026-12-31".parse().unwrap(), kept: None }
    }

    const LIST: &str = "tenants:\n  entries: # ours\n    - { id: acme, fleet: dev } # first\n    # the other\n    \
        - id: bolt\n      fleet: dev   # in lines\n      tags: [a]\n# end\n";

    #[test]
    fn a_tenant_is_added_after_the_last_and_nothing_else_changes() {
        let mut tenant = new("cog");
        tenant.tags = vec!["canary".to_owned(), "no".to_owned(), "1.10".to_owned()];
        tenant.host = Some("cog.example".to_owned());
        (tenant.rds, tenant.evidence) = (Some(Rds::Database), Some(Evidence::Bucket));
        let line = "    - { id: cog, fleet: dev, tags: [canary, \"no\", \"1.10\"], host: cog.example, \
                    data: { rds: database, evidence: bucket } }\n# end\n";
        assert_eq!(after(LIST, &Edit::Add(&tenant, 0)), LIST.replace("# end\n", line));
        let short = "tenants: { entries: [{ id: acme, fleet: dev }, { id: bolt, fleet: dev }] }";
        assert_eq!(
            after(short, &Edit::Add(&new("cog"), 0)),
            "tenants: { entries: [{ id: acme, fleet: dev }, { id: bolt, fleet: dev }, { id: cog, fleet: dev }] }"
        );
    }

    #[test]
    fn one_that_leaves_says_so_in_its_own_line() {
        let (acme, bolt) = ("acme".parse().unwrap(), "bolt".parse().unwrap());
        let said = after(LIST, &Edit::Leave(&acme));
        assert_eq!(said, LIST.replace("acme, fleet: dev }", "acme, fleet: dev, state: offboarding }"));
        let said = after(LIST, &Edit::Leave(&bolt));
        assert_eq!(said, LIST.replace("# in lines\n", "# in lines\n      state: offboarding\n"));
        let paused = LIST.replace("acme, fleet: dev", "acme, fleet: dev, state: paused");
        let said = after(&paused, &Edit::Leave(&acme));
        assert_eq!(said, paused.replace("paused", "offboarding"));
    }

    #[test]
    fn one_that_moves_names_both_its_places() {
        let (acme, one, two) = ("acme".parse().unwrap(), "one".parse().unwrap(), "two".parse().unwrap());
        let two_cells = |tenants: &str| {
            let cell = "\n  two: { account: \"222222222222\", region: eu-west-1, clusters: [other] }\ngates:";
            let head = HEAD.replace("\ngates:", cell).replace("cells: [one]", "cells: [one, two]");
            vec![Source { name: "fleet.yaml".to_owned(), bytes: format!("{head}{tenants}").into_bytes() }]
        };
        let after = |tenants: &str, cell: &CellName, other: &CellName, keep: bool| {
            let edited = edit(&two_cells(tenants), &Edit::Place(&acme, cell, other, keep)).unwrap();
            let text = String::from_utf8(edited.bytes).unwrap();
            text[text.find("tenants:").unwrap()..].to_owned()
        };
        let list = "tenants:\n  entries:\n    - { id: acme, fleet: dev, cell: one } # first\n";
        let both = after(list, &one, &two, true);
        assert_eq!(both, list.replace("fleet: dev, cell: one", "fleet: dev, also_in: two, cell: one"));
        let switched = after(&both, &two, &one, true);
        assert_eq!(switched, list.replace("fleet: dev, cell: one", "fleet: dev, also_in: one, cell: two"));
        let retired = after(&switched, &two, &one, false);
        assert_eq!(retired, list.replace("fleet: dev, cell: one", "fleet: dev, leaves: one, cell: two"));
        let lines = "tenants:\n  entries:\n    - id: acme\n      cell: one\n      fleet: dev # in lines\n";
        assert_eq!(after(lines, &one, &two, true), format!("{lines}      also_in: two\n"));
    }

    #[test]
    fn one_that_is_gone_leaves_a_tombstone_where_it_stood() {
        let (acme, bolt) = ("acme".parse().unwrap(), "bolt".parse().unwrap());
        let line = "    - { id: acme, fleet: dev, on: 2026-12-31 }\n";
        let said = after(LIST, &Edit::Remove(&acme, &tombstone()));
        let wanted = LIST
            .replace("    - { id: acme, fleet: dev } # first\n", "")
            .replace("tags: [a]\n", &format!("tags: [a]\n  removed:\n{line}"));
        assert_eq!(said, wanted);
        let kept = Tombstone { kept: Some(crate::domain::ids::ContentHash::of(b"x")), ..tombstone() };
        let more = format!(
            "tenants:\n  removed:\n{}  entries:\n    - {{ id: zed, fleet: dev }}\n    - id: bolt\n      fleet: dev\n",
            line
        );
        let said = after(&more, &Edit::Remove(&bolt, &kept));
        assert!(said.ends_with("    - { id: zed, fleet: dev }\n"), "{said}");
        assert!(said.contains(&format!("{line}    - {{ id: bolt, fleet: dev, on: 2026-12-31, kept: \"")), "{said}");
    }

    #[test]
    fn line_feeds_and_the_byte_order_mark_stay_as_they_are() {
        let windows = LIST.replace('\n', "\r\n");
        let said = after(&windows, &Edit::Add(&new("cog"), 0));
        assert_eq!(said, windows.replace("# end", "    - { id: cog, fleet: dev }\r\n# end"));
        let mut marked = sources(LIST);
        marked[0].bytes.splice(0..0, *b"\xef\xbb\xbf");
        let edited = edit(&marked, &Edit::Leave(&"acme".parse().unwrap())).unwrap();
        assert!(edited.bytes.starts_with(b"\xef\xbb\xbfschema"));
        let open = LIST.trim_end_matches("\n# end\n");
        assert_eq!(after(open, &Edit::Add(&new("cog"), 0)), format!("{open}\n    - {{ id: cog, fleet: dev }}"));
    }

    #[test]
    fn what_would_be_wrong_is_not_written() {
        let refused = |tenants: &str, change: &Edit<'_>| edit(&sources(tenants), change).unwrap_err().to_string();
        let twice = refused(LIST, &Edit::Add(&new("acme"), 0));
        assert!(twice.contains("tenant `acme` is listed twice"), "{twice}");
        let gone = LIST.replace("# end", "  removed: [{ id: cog, fleet: dev, on: 2026-12-31 }]");
        let again = refused(&gone, &Edit::Add(&new("cog"), 0));
        assert!(again.contains("`cog` is a tenant, and was removed on 2026-12-31"), "{again}");
        let nobody = refused(LIST, &Edit::Leave(&"cog".parse().unwrap()));
        assert!(nobody.contains("it has no such tenant"), "{nobody}");
        let last = "tenants:\n  entries:\n    - { id: acme, fleet: dev }\n";
        let empty = refused(last, &Edit::Remove(&"acme".parse().unwrap(), &tombstone()));
        assert!(empty.contains("fleet `dev` has no tenant") || empty.contains("entries"), "{empty}");
    }

    #[test]
    fn a_file_of_tenants_is_changed_where_the_tenant_stands() {
        let mut two = sources("tenants:\n  include: tenants/*.yaml\n  entries: [{ id: acme, fleet: dev }]\n");
        two.push(Source {
            name: "tenants/a.yaml".to_owned(),
            bytes: b"entries:\n- { id: bolt, fleet: dev }\n".to_vec(),
        });
        let bolt = "bolt".parse().unwrap();
        let edited = edit(&two, &Edit::Leave(&bolt)).unwrap();
        assert_eq!(edited.file, 1);
        assert_eq!(edited.bytes, b"entries:\n- { id: bolt, fleet: dev, state: offboarding }\n");
        let edited = edit(&two, &Edit::Add(&new("cog"), 1)).unwrap();
        assert_eq!(edited.bytes, b"entries:\n- { id: bolt, fleet: dev }\n- { id: cog, fleet: dev }\n");
    }

    /// Entries in every shape that people write, comments between them, and one change at one of them.
    fn shape(number: usize, shape: usize) -> String {
        match shape % 4 {
            0 => format!("    - {{ id: t{number}, fleet: dev }}\n"),
            1 => format!("    - id: t{number}\n      fleet: dev # here\n"),
            2 => format!("    - {{ id: t{number},\n        fleet: dev, tags: [\"a # b\"]\n      }} # so\n"),
            _ => format!("    -\n      fleet: \"dev\"\n      id: t{number}\n\n    # between\n"),
        }
    }

    /// Whether a text has these lines in this order.
    fn keeps(text: &str, lines: &[&str]) -> bool {
        let mut there = text.lines();
        lines.iter().all(|line| there.any(|other| other == *line))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn every_line_that_is_not_the_tenants_stays(shapes in proptest::collection::vec(0..8_usize, 2..7), at in 0..7_usize) {
            let at = at % shapes.len();
            let lines: Vec<String> = shapes.iter().enumerate().map(|(number, of)| shape(number, *of)).collect();
            let text = format!("tenants:\n  entries:\n{}", lines.concat());
            let id = format!("t{at}").parse().unwrap();
            let left = after(&text, &Edit::Leave(&id));
            let added = after(&text, &Edit::Add(&new("cog"), 0));
            let tombstone = tombstone();
            let gone = after(&text, &Edit::Remove(&id, &tombstone));
            let others: Vec<&str> = lines.iter().enumerate().filter(|(n, _)| *n != at).flat_map(|(_, l)| l.lines()).collect();
            let all: Vec<&str> = text.lines().collect();
            prop_assert!(keeps(&added, &all), "{added}");
            prop_assert!(keeps(&left, &others) && keeps(&gone, &others), "{left}{gone}");
            let comments = |text: &str| text.matches("# between").count();
            prop_assert_eq!(comments(&text), comments(&gone));
        }
    }
}
