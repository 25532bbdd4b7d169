//! `infra-guard`: the plan and the approval from the disk, the day from the clock. It needs no fleet.yaml, so that a
//! plan can be judged whatever state the file is in.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use jiff::tz::TimeZone;

use crate::adapters::clock::WallClock;
use crate::cli::exit::Exit;
use crate::cli::guard::guarded;
use crate::cli::run::Report;
use crate::domain::infra_guard::judge;
use crate::ports::Clock;

/// More than this is not read. The plan of 100 tenants, with the state in it, takes some tens of megabytes.
const PLAN_MAX: u64 = 1024 * 1024 * 1024;

/// More than this is no approval.
const APPROVAL_MAX: u64 = 1024 * 1024;

/// Judges a plan on the day it is (UTC).
pub(super) fn guard(plan: &Path, approval: Option<&Path>) -> Report {
    let approval = approval.map(|path| bytes(path, APPROVAL_MAX)).transpose();
    let (plan, approval) = match bytes(plan, PLAN_MAX).and_then(|plan| Ok((plan, approval?))) {
        Ok(files) => files,
        Err(why) => return Report::plain(Exit::BadInput, &why),
    };
    let today = TimeZone::UTC.to_datetime(WallClock::start().now()).date();
    guarded(judge(&plan, approval.as_deref(), today))
}

/// A file's bytes.
///
/// # Errors
/// It cannot be read or is too large, in words for a person.
fn bytes(path: &Path, most: u64) -> Result<Vec<u8>, String> {
    let unreadable = |error: std::io::Error| format!("{}: {error}", path.display());
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(most + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > most {
        return Err(format!("{}: more than the {most} bytes that are read", path.display()));
    }
    Ok(bytes)
}
