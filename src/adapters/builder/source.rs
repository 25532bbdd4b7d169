//! The content address of an image: equal for equal sources on every machine, and different as soon as anything
//! that goes into the image differs. It decides whether a build can be skipped, so when in doubt a thing counts.
//!
//! What counts: the files of the context that git does not ignore and `.dockerignore` does not leave out, by path
//! within the context; the Dockerfile and the ignore file themselves; the inputs, by path within the repository;
//! the words of `prepare`, and its program if it is a file of the repository; build arguments; platforms. Where
//! the repository or the context is does not count.
//!
//! Base images count as the Dockerfile writes them, that is as text. `FROM alpine:3` stays the same text when the
//! image behind it changes; only a base with its digest (`FROM alpine:3@sha256:...`) is part of the address.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use async_trait::async_trait;

use super::dockerignore::DockerIgnore;
use super::fingerprint::add_file;
use super::inside::{inside, real_root};
use super::listing::files;
use super::manifest::Manifest;
use super::prepare::is_of_the_repository;
use super::refused;
use crate::domain::ids::ContentHash;
use crate::domain::service::Build;
use crate::ports::{PortResult, SourceReader};

/// The files of a repository, as they are on the disk.
#[derive(Clone, Debug)]
pub struct SourceTree {
    root: PathBuf,
}

impl SourceTree {
    /// The repository at this folder.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }
}

#[async_trait]
impl SourceReader for SourceTree {
    async fn content_address(&self, build: &Build, platforms: &[String]) -> PortResult<ContentHash> {
        let (root, build, platforms) = (self.root.clone(), build.clone(), platforms.to_vec());
        let doing = format!("reading the source of `{}`", build.context);
        let hashing = tokio::task::spawn_blocking(move || address(&root, &build, platforms));
        hashing.await.map_err(|why| refused(doing, why))?
    }
}

fn address(root: &Path, build: &Build, mut platforms: Vec<String>) -> PortResult<ContentHash> {
    let root = real_root(root)?;
    let mut manifest = Manifest::new();
    platforms.sort();
    platforms.dedup();
    for platform in &platforms {
        manifest.add("platform", &[platform.as_bytes()]);
    }
    for (name, value) in &build.args {
        manifest.add("argument", &[name.as_bytes(), value.as_bytes()]);
    }
    add_context(&mut manifest, &root, build)?;
    add_inputs(&mut manifest, &root, build)?;
    add_prepare(&mut manifest, &root, build)?;
    Ok(manifest.address())
}

fn add_context(manifest: &mut Manifest, root: &Path, build: &Build) -> PortResult<()> {
    let context = inside(root, Path::new(&build.context))?;
    let dockerfile = inside(root, &Path::new(&build.context).join(&build.dockerfile))?;
    add_file(manifest, "dockerfile", root, &dockerfile, Path::new(""))?;
    let ignore = ignore_file(root, &context, &dockerfile)?;
    // Its text counts too: it also decides about files that git ignores and `prepare` makes.
    manifest.add("dockerignore", &[ignore.as_bytes()]);
    let ignore = DockerIgnore::parse(&ignore)
        .map_err(|why| refused(format_args!("reading the .dockerignore of `{}`", build.context), why))?;
    for path in files(root, &context)? {
        let name = path.strip_prefix(&context).unwrap_or(&path);
        if !ignore.excludes(name) {
            add_file(manifest, "context", root, &path, name)?;
        }
    }
    Ok(())
}

/// The text of `<Dockerfile>.dockerignore`, else of the context's `.dockerignore`, else nothing.
#[expect(clippy::disallowed_methods, reason = "an adapter reads files")]
fn ignore_file(root: &Path, context: &Path, dockerfile: &Path) -> PortResult<String> {
    let mut own = dockerfile.as_os_str().to_owned();
    own.push(".dockerignore");
    for path in [PathBuf::from(own), context.join(".dockerignore")] {
        match std::fs::read_to_string(root.join(&path)) {
            Ok(text) => return Ok(text),
            Err(why) if why.kind() == io::ErrorKind::NotFound => {}
            Err(why) => return Err(refused(format_args!("reading `{}`", path.display()), why)),
        }
    }
    Ok(String::new())
}

fn add_inputs(manifest: &mut Manifest, root: &Path, build: &Build) -> PortResult<()> {
    let mut all = BTreeSet::new();
    for input in &build.inputs {
        all.extend(files(root, &inside(root, Path::new(input))?)?);
    }
    all.iter().try_for_each(|path| add_file(manifest, "input", root, path, path))
}

fn add_prepare(manifest: &mut Manifest, root: &Path, build: &Build) -> PortResult<()> {
    let words: Vec<&[u8]> = build.prepare.iter().map(String::as_bytes).collect();
    manifest.add("prepare", &words);
    match build.prepare.first() {
        Some(program) if is_of_the_repository(program) => {
            let program = inside(root, Path::new(program))?;
            add_file(manifest, "program", root, &program, Path::new(""))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
