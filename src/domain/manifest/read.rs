//! From files to an application, or to every problem in them.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::checks;
use super::mirror::{FleetFile, TenantFile};
use super::not_yet;
use super::positions::{Document, Kind};
use super::problem::{Problem, Problems};
use super::schema::{fleet_schema, tenant_schema};
use super::shape;
use crate::domain::fleet::Application;

/// A file as it was read.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its name, as a person would write it.
    pub name: String,
    /// Its bytes; whether they are text is checked here.
    pub bytes: Vec<u8>,
}

/// The pattern of the tenant files that a main file includes, if it includes any.
///
/// # Errors
/// The file cannot be read as YAML.
pub fn includes(main: &Source) -> Result<Option<String>, Problems> {
    let document = Document::read(0, main).map_err(Problems::sorted)?;
    let value = |kind: &Kind, wanted: &str| match kind {
        Kind::Map(entries) => entries.iter().find(|(key, _)| key.text == wanted).map(|(_, node)| node.kind.clone()),
        Kind::Scalar { .. } | Kind::List(_) => None,
    };
    let include = value(&document.root.kind, "tenants").and_then(|tenants| value(&tenants, "include"));
    Ok(include.and_then(|kind| match kind {
        Kind::Scalar { text, .. } if !text.is_empty() => Some(text),
        _ => None,
    }))
}

/// Reads the main file and, after it, the tenant files it includes.
///
/// # Errors
/// Every problem of every file.
pub fn read(sources: &[Source]) -> Result<Application, Problems> {
    let (documents, problems) = documents(sources);
    if !problems.is_empty() {
        return Err(Problems::sorted(problems));
    }
    let Some((main, tenants)) = documents.split_first() else { return Err(Problems::sorted(Vec::new())) };
    let mut problems = Vec::new();
    let file: Option<FleetFile> = fill(main, &sources[0], &fleet_schema(), &mut problems);
    let schema = tenant_schema();
    let tenant_files: Vec<Option<TenantFile>> =
        tenants.iter().map(|document| fill(document, &sources[document.file], &schema, &mut problems)).collect();
    let tenant_files: Option<Vec<TenantFile>> = tenant_files.into_iter().collect();
    let application = match (file, tenant_files) {
        (Some(file), Some(tenant_files)) => {
            problems.extend(not_yet::check(&file, main));
            checks::application(&file, &tenant_files, &documents, &mut problems)
        }
        _ => None,
    };
    match application {
        Some(application) if problems.is_empty() => Ok(application),
        _ => Err(Problems::sorted(problems)),
    }
}

fn documents(sources: &[Source]) -> (Vec<Document>, Vec<Problem>) {
    let (mut documents, mut problems) = (Vec::new(), Vec::new());
    for (index, source) in sources.iter().enumerate() {
        match Document::read(index, source) {
            Ok(document) => documents.push(document),
            Err(found) => problems.extend(found),
        }
    }
    (documents, problems)
}

/// The mirror of a file whose shape is right.
fn fill<T: DeserializeOwned>(
    document: &Document,
    source: &Source,
    schema: &Value,
    problems: &mut Vec<Problem>,
) -> Option<T> {
    let found = shape::check(document, schema);
    if !found.is_empty() {
        problems.extend(found);
        return None;
    }
    let bytes = source.bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&source.bytes);
    match serde_yaml::from_slice(bytes) {
        Ok(filled) => Some(filled),
        // The shape was right, so this is a difference between the two parsers: told, and never passed over.
        Err(error) => {
            let mut mark = document.mark("");
            if let Some(at) = error.location() {
                (mark.line, mark.column, mark.bytes) = (at.line(), at.column(), (at.index(), at.index()));
            }
            problems.push(document.problem(mark, error.to_string(), ""));
            None
        }
    }
}
