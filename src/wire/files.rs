//! fleet.yaml and the tenant files it includes, from disk to meaning.

use std::fs::File;
use std::io::Read;
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
    let mut sources = vec![source(path)?];
    if let Some(include) = manifest::includes(&sources[0]) {
        let files = matching(path, &include.pattern)
            .map_err(|why| BadFile::Wrong(include.wrong(&why, "name files such as tenants/*.yaml"), sources.clone()))?;
        for file in files {
            sources.push(source(&file)?);
        }
    }
    match manifest::read(&sources) {
        Ok(application) => Ok((application, sources)),
        Err(problems) => Err(BadFile::Wrong(problems, sources)),
    }
}

/// A file of text, up to the size that is read of any.
///
/// # Errors
/// It cannot be read; in words for a person.
pub(super) fn text(path: &Path) -> Result<String, String> {
    match source(path) {
        Ok(source) => String::from_utf8(source.bytes).map_err(|_| format!("{} is no UTF-8 text", path.display())),
        Err(BadFile::Unreadable(why)) => Err(why),
        Err(BadFile::Wrong(problems, _)) => Err(problems.to_string()),
    }
}

/// One file. Of one that is too large, only as much is read as it takes to see that.
fn source(path: &Path) -> Result<Source, BadFile> {
    let unreadable = |error: std::io::Error| {
        BadFile::Unreadable(format!("{}: {error}; name another file with --file", path.display()))
    };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(manifest::BYTES_MAX as u64 + 8).read_to_end(&mut bytes).map_err(unreadable)?;
    Ok(Source { name: path.display().to_string(), bytes })
}

/// The files that an include pattern names, sorted, in the folder of the main file.
///
/// # Errors
/// There are none, or they cannot be listed; in words for a person.
fn matching(main: &Path, pattern: &str) -> Result<Vec<PathBuf>, String> {
    let (inner, name) = pattern.rsplit_once('/').unwrap_or(("", pattern));
    let (start, end) = name.split_once('*').ok_or("its last part has no `*`")?;
    let folder = main.parent().unwrap_or(Path::new("")).join(inner);
    let entries = std::fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let fits = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.len() >= start.len() + end.len() && name.starts_with(start) && name.ends_with(end)
    };
    let mut files: Vec<PathBuf> = entries.filter_map(Result::ok).map(|entry| entry.path()).filter(fits).collect();
    files.sort();
    if files.is_empty() { Err("no file has such a name".to_owned()) } else { Ok(files) }
}
