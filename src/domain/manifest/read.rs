//! From files to an application, or to every problem in them.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::checks;
use super::mirror::{FleetFile, TenantFile};
use super::not_yet;
use super::positions::{Document, Kind, Mark, Node, START};
use super::problem::{Problem, Problems};
use super::schema::{fleet_schema, tenants_schema};
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

/// Where the main file names files of tenants.
#[derive(Clone, Debug)]
pub struct Include {
    /// The pattern of their names.
    pub pattern: String,
    document: Document,
    mark: Mark,
}

impl Include {
    /// What is wrong with the pattern, at its place.
    pub fn wrong(&self, what: &str, help: &str) -> Problems {
        let what = format!("`{}`: {what}", self.pattern.escape_debug());
        Problems::sorted(vec![self.document.problem(self.mark, what, help)])
    }
}

/// The tenant files that a main file includes, if it includes any and can be read far enough to tell.
pub fn includes(main: &Source) -> Option<Include> {
    let value = |node: &Node, wanted: &str| match &node.kind {
        Kind::Map(entries) => entries.iter().find(|(key, _)| key.text == wanted).map(|(_, node)| node.clone()),
        Kind::Scalar { .. } | Kind::List(_) | Kind::Refused => None,
    };
    let document = Document::read(0, main).ok()?;
    let include = value(&value(&document.root, "tenants")?, "include")?;
    if include.says_nothing() {
        return None;
    }
    let Kind::Scalar { text: pattern, .. } = include.kind else { return None };
    Some(Include { pattern, document, mark: include.mark })
}

/// Reads the main file and, after it, the tenant files it includes.
///
/// # Errors
/// Every problem of every file.
pub fn read(sources: &[Source]) -> Result<Application, Problems> {
    let mut problems = Vec::new();
    let application = documents(sources, &mut problems).and_then(|mut documents| {
        let (file, tenant_files) = files(&mut documents, &mut problems)?;
        problems.extend(not_yet::check(&file, documents.first()?));
        checks::application(&file, &tenant_files, &documents, &mut problems)
    });
    match application {
        Some(application) if problems.is_empty() => Ok(application),
        _ => Err(Problems::sorted(problems)),
    }
}

/// The trees of all files; none if one of them has none.
fn documents(sources: &[Source], problems: &mut Vec<Problem>) -> Option<Vec<Document>> {
    let documents = sources.iter().enumerate().map(|(index, source)| match Document::read(index, source) {
        Ok(document) => {
            problems.extend(document.refused.iter().cloned());
            Some(document)
        }
        Err(found) => {
            problems.extend(found);
            None
        }
    });
    documents.collect::<Vec<_>>().into_iter().collect()
}

/// The mirrors of all files; none if one of them has not the shape for it.
fn files(documents: &mut [Document], problems: &mut Vec<Problem>) -> Option<(FleetFile, Vec<TenantFile>)> {
    let (main, tenants) = documents.split_first_mut()?;
    let file = fill(main, &fleet_schema(), problems);
    let schema = tenants_schema();
    let tenant_files: Vec<Option<TenantFile>> =
        tenants.iter_mut().map(|document| fill(document, &schema, problems)).collect();
    Some((file?, tenant_files.into_iter().collect::<Option<_>>()?))
}

/// The mirror of a file whose shape is right, or right but for keys that mean nothing.
fn fill<T: DeserializeOwned>(document: &mut Document, schema: &Value, problems: &mut Vec<Problem>) -> Option<T> {
    let (value, found) = shape::check(document, schema);
    problems.extend(found);
    let filled = serde_yaml::from_value(value?);
    filled
        // The schema is made from the same types, so this is a mistake of ours: told, and never passed over.
        .map_err(|error| problems.push(document.problem(START, error.to_string(), "please report this")))
        .ok()
}
