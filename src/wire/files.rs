//! fleet.yaml and the tenant files it includes, from disk to meaning.

use std::path::{Path, PathBuf};

use crate::domain::fleet::Application;
use crate::domain::manifest::{self, Problems, Source};

/// Why there is no application.
#[derive(Debug)]
pub(super) enum BadFile {
    /// A file cannot be read; in words for a person.
    Unreadable(String),
    /// Its content is wrong.
    Wrong(Problems, Vec<Source>),
}

/// Reads a fleet file and what it includes.
pub(super) fn read(path: &Path) -> Result<(Application, Vec<Source>), BadFile> {
    let mut sources = vec![source(path, path)?];
    let includes = manifest::includes(&sources[0]);
    if let Ok(Some(pattern)) = &includes {
        for file in matching(path, pattern)? {
            sources.push(source(path, &file)?);
        }
    }
    match manifest::read(&sources) {
        Ok(application) => Ok((application, sources)),
        Err(problems) => Err(BadFile::Wrong(problems, sources)),
    }
}

/// One file, named as a person would from where the main file is.
fn source(main: &Path, path: &Path) -> Result<Source, BadFile> {
    #[expect(clippy::disallowed_methods, reason = "this is the place that reads fleet files")]
    let bytes = std::fs::read(path).map_err(|error| {
        let hint = if main == path { " (name another file with --file)" } else { "" };
        BadFile::Unreadable(format!("{}: {error}{hint}", path.display()))
    })?;
    Ok(Source { name: path.display().to_string(), bytes })
}

/// The files that an include pattern names, sorted, in the folder of the main file.
fn matching(main: &Path, pattern: &str) -> Result<Vec<PathBuf>, BadFile> {
    let unreadable = |why: String| BadFile::Unreadable(format!("tenants.include `{pattern}`: {why}"));
    let (inner, name) = pattern.rsplit_once('/').unwrap_or(("", pattern));
    let (start, end) = name.split_once('*').ok_or_else(|| unreadable("its last part has no `*`".to_owned()))?;
    let folder = main.parent().unwrap_or(Path::new("")).join(inner);
    let entries = std::fs::read_dir(&folder).map_err(|error| unreadable(error.to_string()))?;
    let mut files: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .filter(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            name.starts_with(start) && name.ends_with(end)
        })
        .map(|entry| entry.path())
        .collect();
    files.sort();
    Ok(files)
}
