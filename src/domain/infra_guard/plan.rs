//! Terraform's plan as `terraform show -json` prints it, format 1.2, read so that nothing in it is passed over.
//!
//! Terraform promises that a minor version only adds, and asks readers to ignore what they do not know. A guard that
//! ignored a new kind of change would let it pass, so here what is not known is refused: the Terraform that is used
//! is pinned, and a newer one is met by a change here. Source: developer.hashicorp.com/terraform/internals/json-format.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::address::{Key, Module, is_name, modules, printable};
use crate::domain::reason::Reason;

/// The format that is read.
const FORMAT: &str = "1.2";

/// Problems told at most; a file of another kind would have thousands of the same.
const PROBLEMS_MAX: usize = 20;

/// The whole file. What only shows values is not looked at.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format_version: String,
    resource_changes: Vec<Change>,
    #[serde(default)]
    errored: bool,
    #[serde(default = "yes")]
    complete: bool,
    #[serde(default)]
    deferred_changes: Vec<IgnoredAny>,
    #[serde(default, rename = "applyable")]
    _applyable: Option<bool>,
    #[serde(default, rename = "terraform_version")]
    _terraform_version: Option<String>,
    #[serde(default, rename = "timestamp")]
    _timestamp: Option<String>,
    #[serde(default, rename = "variables")]
    _variables: IgnoredAny,
    #[serde(default, rename = "planned_values")]
    _planned_values: IgnoredAny,
    #[serde(default, rename = "resource_drift")]
    _resource_drift: IgnoredAny,
    #[serde(default, rename = "output_changes")]
    _output_changes: IgnoredAny,
    #[serde(default, rename = "prior_state")]
    _prior_state: IgnoredAny,
    #[serde(default, rename = "configuration")]
    _configuration: IgnoredAny,
    #[serde(default, rename = "relevant_attributes")]
    _relevant_attributes: IgnoredAny,
    #[serde(default, rename = "checks")]
    _checks: IgnoredAny,
}

fn yes() -> bool {
    true
}

/// One resource.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    address: String,
    module_address: Option<String>,
    mode: String,
    #[serde(rename = "type")]
    kind: String,
    name: String,
    index: Option<Value>,
    deposed: Option<String>,
    action_reason: Option<String>,
    change: Body,
    #[serde(default, rename = "provider_name")]
    _provider_name: Option<String>,
    #[serde(default, rename = "previous_address")]
    _previous_address: Option<String>,
}

/// What is done to it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    actions: Vec<String>,
    #[serde(default)]
    before: Value,
    #[serde(default)]
    before_sensitive: Value,
    #[serde(default, rename = "after")]
    _after: IgnoredAny,
    #[serde(default, rename = "after_unknown")]
    _after_unknown: IgnoredAny,
    #[serde(default, rename = "after_sensitive")]
    _after_sensitive: IgnoredAny,
    #[serde(default, rename = "replace_paths")]
    _replace_paths: IgnoredAny,
    #[serde(default, rename = "importing")]
    _importing: IgnoredAny,
    #[serde(default, rename = "generated_config")]
    _generated_config: IgnoredAny,
    #[serde(default, rename = "before_identity")]
    _before_identity: IgnoredAny,
    #[serde(default, rename = "after_identity")]
    _after_identity: IgnoredAny,
}

/// How a thing is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum How {
    /// Destroyed.
    Destroyed,
    /// Destroyed and made anew.
    Replaced,
    /// Left where it is, and no longer Terraform's: nothing protects it or knows of it.
    Forgotten,
}

/// A thing that a plan takes away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Gone {
    /// Its address; of an old copy with its key.
    pub(super) address: String,
    /// Its type, such as `aws_db_instance`.
    pub(super) kind: String,
    /// What it is called at AWS, if the plan says so and it is no secret.
    pub(super) called: Option<String>,
    /// How.
    pub(super) how: How,
    /// The modules it is in.
    pub(super) modules: Vec<Module>,
    /// Its own key.
    pub(super) key: Option<Key>,
    /// Why Terraform takes it away, in its words.
    pub(super) why: Option<String>,
}

/// What a plan does, as far as it matters here.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// What it takes away, in its order.
    pub(super) gone: Vec<Gone>,
    /// Tenants of whose module something stays or is made.
    staying: BTreeSet<String>,
}

/// What a plan takes away.
///
/// # Errors
/// Every reason why the plan is not understood.
pub(super) fn read(bytes: &[u8]) -> Result<Seen, Vec<Reason>> {
    let not = |why: String| Reason::PlanNotUnderstood { why };
    let file: File = serde_json::from_slice(bytes).map_err(|error| vec![not(error.to_string())])?;
    let mut problems = Vec::new();
    if file.format_version != FORMAT {
        problems.push(format!("its format is {}, and {FORMAT} is what is known", file.format_version.escape_debug()));
    }
    if file.errored {
        problems.push("Terraform stopped with an error while it planned".to_owned());
    }
    if !file.complete || !file.deferred_changes.is_empty() {
        problems.push("it leaves changes for later, so it does not show everything that will happen".to_owned());
    }
    let mut seen = Seen::default();
    for change in file.resource_changes {
        if let Err(why) = seen.take(change) {
            problems.push(why);
        }
    }
    let more = problems.len().saturating_sub(PROBLEMS_MAX);
    problems.truncate(PROBLEMS_MAX);
    if more > 0 {
        problems.push(format!("and {more} more"));
    }
    if problems.is_empty() { Ok(seen) } else { Err(problems.into_iter().map(not).collect()) }
}

impl Seen {
    /// Takes in a change.
    ///
    /// # Errors
    /// It is not understood, in words.
    fn take(&mut self, change: Change) -> Result<(), String> {
        let shown = printable(&change.address);
        let how = how(&change.change.actions).map_err(|why| format!("{shown}: {why}"))?;
        let (modules, key, managed) = place(&change).map_err(|why| format!("{shown}: {why}"))?;
        if !managed {
            return Ok(()); // A data source is a question, and holds nothing.
        }
        if matches!(how, None | Some(How::Replaced)) {
            self.staying.extend(tenant_of(&modules).map(str::to_owned));
        }
        if let Some(how) = how {
            let old = change.deposed.map(|key| format!(" (deposed object {key})")).unwrap_or_default();
            let called = called(&change.change.before, &change.change.before_sensitive);
            let address = change.address + &old;
            self.gone.push(Gone { address, kind: change.kind, called, how, modules, key, why: change.action_reason });
        }
        Ok(())
    }

    /// Tenants whose module goes, with everything that is theirs: in the module, or elsewhere under their key.
    ///
    /// Where only a key, a count or a block in the module is gone, Terraform says so, and the tenant stays. The block
    /// of the whole module being gone looks like the latter; then nothing of the tenant stays. Where Terraform says
    /// that there is no such module, or nothing, or something that is not known, the tenant counts as lost.
    pub(super) fn lost_tenants(&self) -> BTreeMap<String, Vec<&Gone>> {
        let mut lost: BTreeMap<String, Vec<&Gone>> = BTreeMap::new();
        for thing in &self.gone {
            if let Some(tenant) = tenant_of(&thing.modules).filter(|tenant| self.loses(thing, tenant)) {
                lost.entry(tenant.to_owned()).or_default();
            }
        }
        for thing in &self.gone {
            let by_key = match &thing.key {
                Some(Key::Text(key)) => Some(key.as_str()),
                _ => None,
            };
            let tenant = tenant_of(&thing.modules).or(by_key);
            if let Some(things) = tenant.and_then(|tenant| lost.get_mut(tenant)) {
                things.push(thing);
            }
        }
        lost
    }

    /// Whether it goes because its tenant goes, for all that is known.
    fn loses(&self, thing: &Gone, tenant: &str) -> bool {
        match (thing.how, thing.why.as_deref()) {
            (How::Replaced, _) => false,
            (How::Destroyed, Some("delete_because_each_key" | "delete_because_count_index")) => false,
            (_, Some("delete_because_no_resource_config" | "delete_because_wrong_repetition")) => {
                !self.staying.contains(tenant)
            }
            _ => true,
        }
    }
}

/// How a thing is lost by these actions, if it is.
fn how(actions: &[String]) -> Result<Option<How>, String> {
    let words: Vec<&str> = actions.iter().map(String::as_str).collect();
    Ok(match words.as_slice() {
        ["no-op" | "create" | "read" | "update"] => None,
        ["delete"] => Some(How::Destroyed),
        ["delete", "create"] | ["create", "delete"] => Some(How::Replaced),
        ["forget"] | ["create", "forget"] => Some(How::Forgotten),
        other => return Err(format!("the action `{}` is not known", other.join(", ").escape_debug())),
    })
}

/// Modules and key of a thing, and whether Terraform manages it. Its address is made again from its parts: what is
/// judged by its type must be what is named by its address.
fn place(change: &Change) -> Result<(Vec<Module>, Option<Key>, bool), String> {
    let modules = change.module_address.as_deref().map_or(Some(Vec::new()), modules);
    let modules = modules.ok_or("its module's address is none")?;
    let key = match &change.index {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(Key::Text(text.clone())),
        Some(other) => Some(Key::Number(other.as_u64().ok_or_else(|| format!("`{other}` is no key"))?)),
    };
    let (managed, data) = match change.mode.as_str() {
        "managed" => (true, ""),
        "data" => (false, "data."),
        other => return Err(format!("the mode `{}` is not known", other.escape_debug())),
    };
    if !is_name(&change.kind) || !is_name(&change.name) {
        return Err("its type or name is none".to_owned());
    }
    let module = change.module_address.as_ref().map(|module| format!("{module}.")).unwrap_or_default();
    let index = key.as_ref().map(Key::to_string).unwrap_or_default();
    let made = format!("{module}{data}{}.{}{index}", change.kind, change.name);
    if made != change.address {
        return Err(format!("its parts make another address, {}", printable(&made)));
    }
    Ok((modules, key, managed))
}

/// What a thing is called at AWS. A value that is marked sensitive is not looked at.
fn called(before: &Value, sensitive: &Value) -> Option<String> {
    let secret = |key: &str| sensitive == &Value::Bool(true) || sensitive[key] == Value::Bool(true);
    let keys = ["identifier", "bucket", "name", "key_id", "arn", "id"];
    keys.into_iter().filter(|key| !secret(key)).find_map(|key| before[key].as_str()).map(str::to_owned)
}

/// Whose a thing is: the key of its module instance called `tenant`.
fn tenant_of(modules: &[Module]) -> Option<&str> {
    modules.iter().find_map(|module| match (module.name.as_str(), &module.key) {
        ("tenant", Some(Key::Text(tenant))) => Some(tenant.as_str()),
        _ => None,
    })
}
