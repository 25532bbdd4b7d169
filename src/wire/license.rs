//! `license`, with the files that the command names. A private key is read here and shown by nobody.

use std::path::Path;

use accessos_routing::SigningKey;

use super::files;
use crate::adapters::clock::WallClock;
use crate::adapters::licences::LicenceFiles;
use crate::cli::args::License;
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
        let key = read(command.key())?.map(|pem| SigningKey::from_pem(&pem)).transpose();
        Ok((key.map_err(|why| format!("--key: {why}"))?, read(licence)?, read(seen)?))
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
