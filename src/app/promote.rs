//! `promote`: a release that succeeded in one fleet goes on to the next. Nothing is built again: the same
//! digests get the final version as one more tag when they have reached the last fleet.

use jiff::Timestamp;

use super::drive::End;
use super::progress::Progress;
use super::rollout::{BreakGlass, Outcome, Request, release};
use super::{App, Readers, Stop};
use crate::domain::approved::ApprovedPlan;
use crate::domain::fleet::Fleet;
use crate::domain::ids::Version;
use crate::domain::ledger::green_since;
use crate::domain::notes::notes;
use crate::domain::plan::{Direction, Plan};
use crate::domain::reason::Reason;
use crate::domain::release::Release;
use crate::domain::versioning::final_version;

/// Releases to a fleet what succeeded in the fleet before it. For a fleet without one before it, this is a
/// plain deployment.
///
/// # Errors
/// It did not succeed there, or has not been green long enough, or as [`release`].
pub async fn promote(
    app: &App,
    fleet: &Fleet,
    wanted: &Release,
    approved: Option<&ApprovedPlan>,
    break_glass: Option<&BreakGlass>,
) -> Result<Outcome, Stop> {
    if break_glass.is_none() {
        promotable(&app.readers, fleet, wanted).await?;
    }
    let request = Request { release: wanted, direction: Direction::Deploy, approved, break_glass };
    let outcome = release(app, fleet, &request).await?;
    // Also when there was nothing to do: whoever did it may have ended before it came to this.
    if matches!(outcome.end, Some(End::Succeeded) | None) && app.application.is_last(fleet) {
        finalise(app, wanted, Some(&outcome.plan)).await?;
    }
    Ok(outcome)
}

/// Whether a release may go on to this fleet.
///
/// # Errors
/// Why it may not, or what could not be read.
pub async fn promotable(readers: &Readers, fleet: &Fleet, wanted: &Release) -> Result<(), Stop> {
    let Some(from) = &fleet.from else { return Ok(()) };
    let rollouts = readers.ledger.rollouts(from).await?;
    let version = wanted.version.clone();
    let Some(green) = green_since(&rollouts, &version) else {
        return Err(Reason::NotPromotable { version, from: from.clone() }.into());
    };
    let until: Timestamp = green + fleet.soak;
    if readers.clock.now() < until {
        return Err(Reason::Soaking { version, from: from.clone(), until }.into());
    }
    Ok(())
}

/// Whether this final version may have been given to that build: same major and minor, and no lower patch.
fn could_be_of(given: &Version, built: &Version) -> bool {
    let ((major, minor, patch), (built_major, built_minor, built_patch)) = (given.core(), built.core());
    (major, minor) == (built_major, built_minor) && patch >= built_patch
}

/// Gives a release its version for good, unless it has one, and its images that tag. The record comes first: it can
/// be made once only, so that no two releases ever claim one tag.
///
/// `plan` is what brought it to the last fleet, for the notes.
pub(super) async fn finalise(app: &App, wanted: &Release, plan: Option<&Plan>) -> Result<(), Stop> {
    if !wanted.version.is_prerelease() {
        return Ok(());
    }
    let given = app.readers.ledger.final_versions().await?;
    let version = match has(app, wanted, &given).await? {
        Some(version) => version,
        None => {
            let version = final_version(&wanted.version, &given);
            app.writers.ledger.finalise(wanted, &version).await?;
            let progress = Progress::Finalised { version: wanted.version.clone(), as_version: version.clone() };
            app.readers.observer.note(app.readers.clock.now(), &progress);
            version
        }
    };
    for image in wanted.images.values() {
        app.writers.tagger.tag(&image.repository, &image.digest, &version.tag()).await?;
    }
    let before = given.iter().filter(|known| **known < version).max();
    if let Err(error) = announce(app, wanted, &version, before, plan).await {
        let what = format!("the release v{version}");
        app.readers.observer.note(app.readers.clock.now(), &Progress::NotTold { what, why: error.to_string() });
    }
    Ok(())
}

/// Tells everybody of a version. It is in the records already, so that this fails changes nothing.
async fn announce(
    app: &App,
    release: &Release,
    version: &Version,
    before: Option<&Version>,
    plan: Option<&Plan>,
) -> Result<(), Stop> {
    let since = match before {
        Some(before) => app.readers.ledger.release(before).await?.map(|release| release.commit),
        None => None,
    };
    let history = app.readers.pulls.history(&release.commit, since.as_ref()).await?;
    let notes = notes(release, before, &history, plan);
    Ok(app.writers.releases.announce(version, &release.commit, &notes).await?)
}

/// The version that a release was given, among those of its own minor that could be its.
async fn has(app: &App, wanted: &Release, given: &[Version]) -> Result<Option<Version>, Stop> {
    for version in given.iter().filter(|version| could_be_of(version, &wanted.version)) {
        if app.readers.ledger.release(version).await?.as_ref() == Some(wanted) {
            return Ok(Some(version.clone()));
        }
    }
    Ok(None)
}
