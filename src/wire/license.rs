//! `license`, with the files that the command names. A private key is read here and shown by nobody.

use std::path::Path;

use accessos_routing::SigningKey;

use super::environment::variable;
use super::files;
use crate::adapters::clock::WallClock;
use crate::adapters::licences::LicenceFiles;
use crate::cli::args::{License, LicenseKey};
use crate::cli::exit::Exit;
use crate::cli::license::{Given, license};
use crate::cli::run::Report;
use crate::domain::fleet::Application;
use crate::ports::Clock as _;

/// Runs the command.
pub(super) async fn licensed(command: &License, application: &Application) -> Report {
    let read = |path: Option<&Path>| path.map(files::text).transpose();
    let given = || -> Result<_, String> {
        let (licence, seen) = command.judged();
        let key = command.key().map(key).transpose().map_err(|why| format!("no licence can be signed: {why}"))?;
        Ok((key, read(licence)?, read(seen)?))
    };
    match given() {
        Ok((key, licence, seen)) => {
            let files = LicenceFiles::below(command.dir());
            let given = Given { key: key.as_ref(), licence: licence.as_deref(), seen: seen.as_deref() };
            license(command, application, &given, WallClock::start().now(), &files).await
        }
        Err(why) => Report::plain(Exit::BadInput, &why),
    }
}

/// The signing key: of the file that is named, else of the environment. It stays in no message.
fn key(given: &LicenseKey) -> Result<SigningKey, String> {
    let text = match &given.key {
        Some(path) => files::text(path)?,
        None => variable("TIDEGATE_LICENSE_KEY").ok_or("there is no key; name its file with --key")?,
    };
    SigningKey::from_pem(&text)
}
