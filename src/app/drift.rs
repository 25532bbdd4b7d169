//! `drift`: where live, records and decisions no longer agree. Works with readers only.

use super::observe::view;
use super::templates::drafts;
use super::{Readers, Stop};
use crate::domain::directive::Directives;
use crate::domain::drift::{self, Compared, Drift};
use crate::domain::fleet::{Application, Fleet};

/// Compares a fleet as it is now.
///
/// # Errors
/// The records cannot be read.
pub async fn drift(readers: &Readers, application: &Application, fleet: &Fleet) -> Result<Drift, Stop> {
    let directives = Directives::fold(&readers.ledger.decided(&fleet.name).await?);
    let fleet = &directives.apply(fleet);
    let seen = view(readers, application, fleet).await?;
    let release = match seen.version() {
        Some(version) => readers.ledger.release(version).await?,
        None => None,
    };
    let sets: Vec<_> = fleet.sets.iter().collect();
    let running = drafts(readers, application, fleet, &sets, &seen, true).await;
    let templates = running.into_iter().filter_map(|(service, draft)| Some((service, draft.ok()?.template.hash())));
    let templates = templates.collect();
    Ok(drift::drift(Compared {
        app: application,
        fleet,
        directives: &directives,
        live: &seen.live,
        templates: &templates,
        state: &seen.state,
        rollouts: &seen.rollouts,
        release: release.as_ref(),
        today: jiff::tz::TimeZone::UTC.to_datetime(readers.clock.now()).date(),
    }))
}
