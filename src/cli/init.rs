//! `init`: what a repository gets to begin with, and what of it must be looked at.

use serde_json::json;

use super::exit::Exit;
use super::run::Report;
use crate::domain::ids::AppName;
use crate::domain::starter::{Found, files, services};
use crate::ports::{AccountReader, CheckoutReader, CheckoutWriter, PortError};

/// Where the release of tidegate that runs is to be had.
const REPOSITORY: &str = "accessos/tidegate";
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The commit that this binary was built from, where its release says so: what an action is pinned to.
const COMMIT: Option<&str> = option_env!("TIDEGATE_COMMIT");

/// Writes what is not there yet. What is there is kept, whatever it holds.
pub async fn init(
    app: AppName,
    pin: Option<&str>,
    checkout: &(impl CheckoutReader + CheckoutWriter),
    account: &dyn AccountReader,
) -> Report {
    match write(app, pin, checkout, account).await {
        Ok(report) => report,
        Err(error) => Report::plain(Exit::Unavailable, &error.to_string()),
    }
}

async fn write(
    app: AppName,
    pin: Option<&str>,
    checkout: &(impl CheckoutReader + CheckoutWriter),
    account: &dyn AccountReader,
) -> Result<Report, PortError> {
    let tag = format!("tidegate-v{VERSION}");
    let action = match pin.or(COMMIT) {
        Some(commit) => format!("{REPOSITORY}@{commit} # {tag}"),
        None => format!("{REPOSITORY}@{tag}"),
    };
    let account = account.account().await;
    let told = match &account {
        Ok(account) => format!("the credentials at hand are of account {} in {}\n", account.id, account.region),
        Err(error) => format!("no account was asked: {}\n", error.why),
    };
    let found = Found {
        app,
        services: services(&checkout.dockerfiles().await?),
        account: account.ok(),
        action,
        version: VERSION.to_owned(),
    };
    let (mut text, mut written, mut kept) = (told, Vec::new(), Vec::new());
    for file in files(&found) {
        if checkout.create(&file.path, &file.text).await? {
            text += &format!("wrote {}\n", file.path);
            text += &file.assumed.iter().map(|what| format!("  look at {what}\n")).collect::<String>();
            written.push(file.path);
        } else {
            text += &format!("kept  {}, which is there\n", file.path);
            kept.push(file.path);
        }
    }
    text += "next: tidegate check, tidegate rehearse --fleet prod, tidegate doctor\n";
    let json = json!({"schema": 1, "written": written, "kept": kept});
    Ok(Report { json, ..Report::plain(Exit::Done, &text) })
}
