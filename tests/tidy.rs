//! The architecture as a test: who may import whom, the reading order of `src/domain`, a why-header in every file
//! and no catch-all modules. A rule that is only written down is a rule that rots.
#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]
#![expect(clippy::disallowed_methods, reason = "it reads the sources")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};

/// What each layer may use: layers of this crate, and crates from outside. `*` is any crate.
const LAYERS: [(&str, &[&str], &[&str]); 7] = [
    (
        "domain",
        &["domain"],
        &[
            "accessos_licensing",
            "accessos_routing",
            "annotate_snippets",
            "git_conventional",
            "jiff",
            "saphyr_parser",
            "schemars",
            "semver",
            "serde",
            "serde_json",
            "serde_yaml",
            "sha2",
            "strsim",
            "thiserror",
        ],
    ),
    ("ports", &["domain", "ports"], &["async_trait", "jiff", "serde_json", "thiserror"]),
    ("app", &["domain", "ports", "app"], &["accessos_licensing", "accessos_routing", "jiff", "thiserror", "tokio"]),
    (
        "cli",
        &["domain", "ports", "app", "cli"],
        &[
            "accessos_licensing",
            "accessos_routing",
            "base64",
            "clap",
            "comfy_table",
            "indicatif",
            "jiff",
            "serde_json",
            "thiserror",
        ],
    ),
    ("adapters", &["domain", "ports", "adapters"], &["*"]),
    ("wire", &["domain", "ports", "app", "cli", "adapters", "wire"], &["*"]),
    ("main", &["wire", "cli"], &["clap", "tokio"]),
];

/// What an adapter may use from outside, beside the common ones: its one SDK and what serves it.
const ADAPTERS: [(&str, &[&str]); 11] = [
    (
        "aws",
        &[
            "accessos_routing",
            "aws_config",
            "aws_credential_types",
            "aws_sdk_applicationautoscaling",
            "aws_sdk_cloudwatch",
            "aws_sdk_cloudwatchlogs",
            "aws_sdk_ecr",
            "aws_sdk_ecs",
            "aws_sdk_elasticloadbalancingv2",
            "aws_sdk_rds",
            "aws_sdk_s3",
            "aws_sdk_secretsmanager",
            "aws_sdk_servicequotas",
            "aws_sdk_ssm",
            "aws_sdk_sts",
            "aws_smithy_runtime_api",
            "aws_smithy_types",
            "aws_smithy_http_client",
            "percent_encoding",
            "reqwest",
            "tokio",
        ],
    ),
    ("github", &["octocrab", "http", "http_body_util", "base64", "bytes", "tokio", "percent_encoding", "secrecy"]),
    ("builder", &["globset", "tokio"]),
    ("probe", &["reqwest", "tokio"]),
    ("checkout", &[]),
    ("clock", &["tokio"]),
    ("command", &["tokio"]),
    ("inputs", &["tokio"]),
    ("licences", &["tokio"]),
    ("signals", &["tokio"]),
    ("sim", &["accessos_routing", "tokio"]),
];

/// Crates that every adapter may use.
const COMMON: [&str; 7] = ["async_trait", "jiff", "serde", "serde_json", "sha2", "thiserror", "semver"];

/// Names under which anything can be put, and so everything ends up.
const CATCH_ALL: [&str; 7] = ["common", "errors", "helpers", "misc", "types", "util", "utils"];

#[test]
fn imports_go_one_way() {
    let mut wrong = Vec::new();
    let all = sources(Path::new("src"));
    let only_tests = test_modules(&all);
    for file in all.iter().filter(|file| !only_tests.contains(&file.path)) {
        let layer = layer(&file.path);
        let (layers, crates) = allowed(&layer, &file.path);
        for path in &file.paths {
            wrong.extend(judge(file, path, &layer, layers, &crates));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn domain_modules_use_only_those_above_them() {
    let order = modules(Path::new("src/domain/mod.rs"));
    let place = |name: &str| order.iter().position(|module| module == name);
    let mut wrong = Vec::new();
    for file in sources(Path::new("src/domain")) {
        let own = part(&file.path, 2).and_then(|name| place(&name));
        for path in file.paths.iter().filter(|path| path.len() > 2 && path[0] == "crate" && path[1] == "domain") {
            if let (Some(own), Some(used)) = (own, place(&path[2]))
                && used > own
            {
                wrong.push(format!(
                    "{}: uses `{}`, which stands below it in src/domain/mod.rs",
                    file.path.display(),
                    path[2]
                ));
            }
        }
    }
    assert!(!order.is_empty() && wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn domain_does_not_wait() {
    for file in sources(Path::new("src/domain")) {
        assert!(!file.text.contains("async fn") && !file.text.contains(".await"), "{} waits", file.path.display());
    }
}

/// What decides in the programs of the control plane: all of the snapshot, licences and claims, what the registry tells, and
/// the router's judgement of a request.
const DECIDING: [&str; 18] = [
    "licensing/src/claim.rs",
    "licensing/src/envelope.rs",
    "licensing/src/licence.rs",
    "licensing/src/refusal.rs",
    "licensing/src/verify.rs",
    "registry/src/catalogue.rs",
    "registry/src/manifest.rs",
    "registry/src/tenant.rs",
    "routing/src/",
    "router/src/asked.rs",
    "router/src/discovery.rs",
    "router/src/headers.rs",
    "router/src/limiter.rs",
    "router/src/page.rs",
    "router/src/refusal.rs",
    "router/src/resolve.rs",
    "router/src/routes.rs",
    "router/src/token.rs",
];

#[test]
fn what_decides_in_the_control_plane_waits_for_nothing_and_asks_nobody() {
    let all = sources(Path::new("control-plane"));
    for place in DECIDING {
        let place = Path::new("control-plane").join(place);
        let files: Vec<&Source> = all.iter().filter(|file| file.path.starts_with(&place)).collect();
        assert!(!files.is_empty(), "{} is not there", place.display());
        for file in files {
            for word in ["async ", ".await", "tokio", "std::fs", "std::env", "std::process", "now()", "std::net::Tcp"] {
                assert!(!file.text.contains(word), "{}: {word}", file.path.display());
            }
        }
    }
}

#[test]
fn every_file_opens_with_why_it_exists() {
    for folder in ["src", "tests", "services/server/src", "control-plane"] {
        for file in sources(Path::new(folder)) {
            let header = file.text.lines().take_while(|line| line.starts_with("//!")).count();
            assert!(header > 0, "{} has no `//!` header", file.path.display());
        }
    }
}

#[test]
fn there_are_no_catch_all_modules() {
    for file in sources(Path::new("src")) {
        let stem = file.path.file_stem().unwrap().to_string_lossy().into_owned();
        assert!(!CATCH_ALL.contains(&stem.as_str()), "{}: a name for anything", file.path.display());
    }
}

#[test]
fn only_the_command_line_prints() {
    for file in sources(Path::new("src")) {
        let prints = ["println!(", "print!(", "eprintln!(", "eprint!("].iter().any(|word| file.text.contains(word));
        assert!(!prints || layer(&file.path) == "cli", "{} prints", file.path.display());
    }
}

/// The check must be able to fail: a domain file that imports tokio, an app file that imports an adapter.
/// The table of invariants in ARCHITECTURE.md has all of them, and names tests that exist.
#[test]
fn the_table_of_invariants_names_tests_that_exist() {
    let text = fs::read_to_string("ARCHITECTURE.md").unwrap();
    let rows: Vec<&str> =
        text.lines().filter(|line| line.starts_with("| ") && line[2..4].parse::<u8>().is_ok()).collect();
    let numbers: Vec<u8> = rows.iter().map(|row| row[2..4].parse().unwrap()).collect();
    assert_eq!(numbers, (1..=46).collect::<Vec<u8>>());
    let sources = ["src", "tests"].iter().flat_map(|folder| sources(Path::new(folder)));
    let code: String = sources.map(|file| file.text).collect();
    for name in rows.iter().flat_map(|row| row.split('`')).filter(|word| word.starts_with("inv_")) {
        assert!(code.contains(&format!("fn {name}(")), "no test is called {name}");
    }
}

/// Loops without a count, each with what bounds it. Those at GitHub go on as long as `Patience` lasts.
const BOUNDED_OTHERWISE: [(&str, &str); 7] = [
    ("src/domain/manifest/positions.rs", "the events of a text of at most 1 MiB"),
    ("src/domain/manifest/tree.rs", "the events of a text of at most 1 MiB"),
    ("src/domain/manifest/checks/services.rs", "each round takes a service out"),
    ("src/adapters/builder/glob.rs", "each round moves on in the pattern or the path"),
    ("src/adapters/builder/fingerprint.rs", "a file that ends"),
    ("src/wire/simulation/passing.rs", "the checker ends a run after a number of calls"),
    ("src/adapters/github/client.rs", "a body that may not pass its limit"),
];

#[test]
fn inv_45_every_loop_has_a_bound() {
    let patience = |text: &str| text.lines().take(26).any(|line| line.contains("patience"));
    for file in sources(Path::new("src")) {
        let path = file.path.display().to_string();
        for (place, _) in file.text.match_indices("loop {") {
            let told = BOUNDED_OTHERWISE.iter().any(|(known, _)| *known == path);
            assert!(told || patience(&file.text[place..]), "{path}: a loop, and nothing says what ends it");
        }
        assert!(!file.text.contains("while true"), "{path}");
    }
}

#[test]
fn the_rules_catch_what_they_are_for() {
    let caught = |path: &str, text: &str| {
        let file = parse(PathBuf::from(path), text.to_owned());
        let layer = layer(&file.path);
        let (layers, crates) = allowed(&layer, &file.path);
        file.paths.iter().any(|used| judge(&file, used, &layer, layers, &crates).is_some())
    };
    assert!(caught("src/domain/plan.rs", "use tokio::time::sleep;"));
    assert!(caught("src/domain/plan.rs", "fn f() { tokio::spawn(x); }"));
    assert!(caught("src/domain/plan.rs", "fn f() { std::env::var(\"X\"); }"));
    assert!(caught("src/app/plan.rs", "use crate::adapters::sim::Sim;"));
    assert!(caught("src/cli/run.rs", "use crate::wire::run;"));
    assert!(caught("src/adapters/sim/ecs.rs", "use aws_sdk_ecs::Client;"));
    assert!(caught("src/adapters/sim/ecs.rs", "use crate::adapters::github::GitHub;"));
    assert!(!caught("src/domain/plan.rs", "use super::ids::Version; use std::fmt; use crate::domain::gate::Probe;"));
}

/// Files that are modules of tests only: `#[cfg(test)] mod name;` in the file above them.
fn test_modules(all: &[Source]) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    for file in all {
        let stem = file.path.with_extension("");
        let folder = if stem.ends_with("mod") { stem.parent().map(Path::to_path_buf) } else { Some(stem) };
        let lines: Vec<&str> = file.text.lines().map(str::trim).collect();
        for pair in lines.windows(2).filter(|pair| pair[0] == "#[cfg(test)]") {
            let name = pair[1].trim_start_matches("pub(super) ").strip_prefix("mod ").and_then(|m| m.strip_suffix(';'));
            found.extend(name.zip(folder.as_ref()).map(|(name, folder)| folder.join(name).with_extension("rs")));
        }
    }
    found
}

/// One source file: where it is, what it says, and every path in it that begins with a crate or `crate`.
struct Source {
    path: PathBuf,
    text: String,
    paths: BTreeSet<Vec<String>>,
}

fn judge(file: &Source, path: &[String], layer: &str, layers: &[&str], crates: &[&str]) -> Option<String> {
    let wrong = |what: String| Some(format!("{}: {layer} must not use {what}", file.path.display()));
    match path.first().map(String::as_str) {
        Some("crate" | "tidegate") => {
            let used = path.get(1)?;
            if !layers.contains(&used.as_str()) {
                return wrong(format!("`{used}`"));
            }
            let adapter = part(&file.path, 2).filter(|_| layer == "adapters" && used == "adapters")?;
            let other = path.get(2).filter(|other| **other != adapter)?;
            wrong(format!("the adapter `{other}`"))
        }
        Some("std") if layer == "domain" && path.len() > 1 => {
            let outside = ["env", "fs", "net", "process", "thread", "io"];
            outside.contains(&path[1].as_str()).then(|| wrong(format!("`std::{}`", path[1])))?
        }
        Some("std" | "core" | "alloc") | None => None,
        Some(used) if crates.contains(&"*") || crates.contains(&used) => None,
        Some(used) => wrong(format!("the crate `{used}`")),
    }
}

fn allowed(layer: &str, path: &Path) -> (&'static [&'static str], Vec<&'static str>) {
    let (_, layers, crates) = LAYERS.iter().find(|(name, ..)| *name == layer).unwrap_or_else(|| panic!("{layer}?"));
    let adapter = part(path, 2).filter(|_| layer == "adapters" && path.components().count() > 2);
    let crates = match adapter.as_deref().filter(|name| *name != "mod") {
        Some(name) => {
            let own = ADAPTERS.iter().find(|(adapter, _)| adapter == &name).map(|(_, crates)| *crates);
            own.unwrap_or_else(|| panic!("adapter {name} is not in the table")).iter().chain(&COMMON).copied().collect()
        }
        None => crates.to_vec(),
    };
    (layers, crates)
}

/// The layer of a file: the folder or file under `src`.
fn layer(path: &Path) -> String {
    match part(path, 1).unwrap_or_default().as_str() {
        "lib" => "wire".to_owned(),
        other => other.to_owned(),
    }
}

/// The `n`th part of a path, without an ending.
fn part(path: &Path, n: usize) -> Option<String> {
    let part = path.components().nth(n)?.as_os_str().to_string_lossy().into_owned();
    Some(part.trim_end_matches(".rs").to_owned())
}

/// The modules that a `mod.rs` names, in its order.
fn modules(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    let names = text.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    names.map(str::to_owned).collect()
}

fn sources(folder: &Path) -> Vec<Source> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push(parse(path, text));
            }
        }
    }
    assert!(!found.is_empty(), "{} has no sources", folder.display());
    found
}

fn parse(path: PathBuf, text: String) -> Source {
    let file = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let known = crates();
    let mut collector = Paths { known: &known, module: module_path(&path), found: BTreeSet::new() };
    collector.visit_file(&file);
    Source { path, text, paths: collector.found }
}

/// Names of this package's dependencies, as they are written in code.
fn crates() -> BTreeSet<String> {
    let manifest = fs::read_to_string("Cargo.toml").unwrap();
    let sections =
        manifest.split("\n[").filter(|s| s.starts_with("dependencies]") || s.starts_with("dev-dependencies]"));
    let names = sections.flat_map(str::lines).filter_map(|line| line.split_once([' ', '=']).map(|(name, _)| name));
    names
        .filter(|name| !name.starts_with('#'))
        .map(|name| name.replace('-', "_"))
        .chain(["tidegate".to_owned()])
        .collect()
}

/// `crate`, then the folders of a file: what `super` is relative to.
fn module_path(path: &Path) -> Vec<String> {
    let inner = path.strip_prefix("src").unwrap_or(path).with_extension("");
    let mut parts: Vec<String> = inner.components().map(|c| c.as_os_str().to_string_lossy().into_owned()).collect();
    parts.retain(|part| part != "mod" && part != "lib");
    std::iter::once("crate".to_owned()).chain(parts).collect()
}

struct Paths<'a> {
    known: &'a BTreeSet<String>,
    module: Vec<String>,
    found: BTreeSet<Vec<String>>,
}

impl Paths<'_> {
    fn add(&mut self, segments: Vec<String>) {
        let supers = segments.iter().take_while(|segment| *segment == "super").count();
        let absolute = if supers > 0 {
            let base = self.module.len().saturating_sub(supers);
            self.module[..base].iter().cloned().chain(segments.into_iter().skip(supers)).collect()
        } else {
            segments
        };
        let head = absolute.first().map(String::as_str).unwrap_or_default();
        if head == "crate" || head == "std" || self.known.contains(head) {
            self.found.insert(absolute);
        }
    }

    fn tree(&mut self, prefix: &[String], tree: &syn::UseTree) {
        let with = |name: &syn::Ident| prefix.iter().cloned().chain([name.to_string()]).collect::<Vec<_>>();
        match tree {
            syn::UseTree::Path(path) => self.tree(&with(&path.ident), &path.tree),
            syn::UseTree::Name(name) => self.add(with(&name.ident)),
            syn::UseTree::Rename(rename) => self.add(with(&rename.ident)),
            syn::UseTree::Glob(_) => self.add(prefix.to_vec()),
            syn::UseTree::Group(group) => group.items.iter().for_each(|item| self.tree(prefix, item)),
        }
    }
}

impl<'ast> Visit<'ast> for Paths<'_> {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.tree(&[], &item.tree);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.segments.len() > 1 {
            self.add(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        }
        visit::visit_path(self, path);
    }

    /// Tests may use what they like, one module deeper.
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        let is_test = item.attrs.iter().any(|attribute| {
            attribute.path().is_ident("cfg")
                && matches!(&attribute.meta, syn::Meta::List(list) if list.tokens.to_string() == "test")
        });
        if !is_test {
            self.module.push(item.ident.to_string());
            visit::visit_item_mod(self, item);
            self.module.pop();
        }
    }
}

#[test]
fn layers_are_the_folders_of_src() {
    let known: BTreeMap<&str, ()> = LAYERS.iter().map(|(name, ..)| (*name, ())).collect();
    for file in sources(Path::new("src")) {
        assert!(known.contains_key(layer(&file.path).as_str()), "{} is in no layer", file.path.display());
    }
}
