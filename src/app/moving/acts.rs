//! What a step of a move does. Each looks first and changes only what is not yet as it should be, so all of it may be
//! done again.

use std::collections::BTreeSet;

use jiff::SignedDuration;

use super::Sites;
use crate::app::drive::End;
use crate::app::keeping::{bad, folder, keep, note, run, verify};
use crate::app::lease::Lease;
use crate::app::pause::{Wish, prove, put_to_sleep, wake};
use crate::app::rollout::Outcome;
use crate::app::surroundings::{cover, is_unborn, sleeps, wake_databases};
use crate::app::{App, Stop};
use crate::domain::directive::{Kept, Move, Scaling};
use crate::domain::fleet::{Address, Fleet};
use crate::domain::ids::{ServiceKey, SetId};
use crate::domain::ledger::current_version;
use crate::domain::moving::exactly;
use crate::domain::mutant::{Mutant, breaks};
use crate::domain::offboard::Known;
use crate::domain::pause::wake_host;
use crate::domain::published::{PublishedSeen, wanted};
use crate::domain::reason::Reason;
use crate::domain::snapshot::ServiceSeen;
use crate::ports::{DataWork, Fault, PortError};

/// Time between two looks at services, and how many there are: half an hour in all.
const LOOK: SignedDuration = SignedDuration::from_secs(10);
const LOOKS: u32 = 180;

/// Who does it, to whom.
pub(super) struct Act<'a> {
    pub(super) fleet: &'a Fleet,
    pub(super) sites: &'a Sites,
    pub(super) set: &'a SetId,
    pub(super) by: &'a str,
    pub(super) why: &'a str,
}

impl Act<'_> {
    fn fleet_of<'b>(&self, at: &'b App) -> Result<&'b Fleet, Stop> {
        crate::app::fleet(&at.application, &self.fleet.name)
    }

    pub(super) fn sets(&self) -> BTreeSet<SetId> {
        BTreeSet::from([self.set.clone()])
    }

    fn not(&self, why: String) -> Stop {
        Reason::NotMovable { set: self.set.clone(), why }.into()
    }

    /// Whether what it runs is the fleet's release: that is what it is brought up with at its new place.
    pub(super) async fn runs_the_release(&self) -> Result<(), Stop> {
        let (old, fleet) = (&self.sites.old, self.fleet_of(&self.sites.old)?);
        let rollouts = old.readers.ledger.rollouts(&fleet.name).await?;
        let none = || Reason::NoSuchRelease { wanted: format!("{}, which has had none yet", fleet.name) };
        let version = current_version(&rollouts).ok_or_else(none)?;
        let release = old.readers.ledger.release(version).await?.ok_or_else(none)?;
        let addresses = old.application.serving(fleet, self.set);
        let seen = old.readers.fleet.observe(&addresses).await;
        for address in &addresses {
            let image = release.images.get(&address.service.service).map(|image| &image.digest);
            let runs = match seen.get(&address.service) {
                Some(ServiceSeen::Live(live)) => live.runs.digest.as_ref(),
                Some(ServiceSeen::Missing | ServiceSeen::Unreachable { .. }) | None => None,
            };
            if image.is_none() || runs != image {
                let why = format!("{} does not run the fleet's release, {version}", address.service);
                return Err(self.not(why));
            }
        }
        Ok(())
    }

    /// Puts it to sleep at its old place, as a pause does.
    pub(super) async fn sleep(&self, lease: &mut Lease) -> Result<(), Stop> {
        let sets = self.sets();
        let wish = Wish { sets: &sets, by: self.by, why: self.why, until: None };
        put_to_sleep(&self.sites.old, self.fleet_of(&self.sites.old)?, lease, &wish).await.map(drop)
    }

    /// Puts it to sleep at its new place, behind a 503.
    pub(super) async fn lower(&self) -> Result<(), Stop> {
        let (new, fleet) = (&self.sites.new, self.fleet_of(&self.sites.new)?);
        cover(new, fleet, self.set, true).await?;
        let addresses = new.application.serving(fleet, self.set);
        let seen = new.readers.fleet.observe(&addresses).await;
        let born = addresses
            .iter()
            .filter(|address| !is_unborn(&new.application, fleet, &address.service, seen.get(&address.service)))
            .rev();
        for address in born {
            if let Some(scaling) = scaling(new, address).await? {
                new.writers.scaling.set_scaling(address, &scaling.paused()).await?;
            }
            new.writers.scaling.set_desired(address, 0).await?;
        }
        self.until(sleeps, "it still has tasks at its new place").await
    }

    /// Waits until something is so at the new place.
    async fn until(
        &self,
        so: impl AsyncFn(&crate::app::Readers, &crate::domain::fleet::Application, &Fleet, &SetId) -> Known,
        otherwise: &str,
    ) -> Result<(), Stop> {
        let (new, fleet) = (&self.sites.new, self.fleet_of(&self.sites.new)?);
        for _ in 0..LOOKS {
            if so(&new.readers, &new.application, fleet, self.set).await == Known::Yes {
                return Ok(());
            }
            new.readers.clock.sleep(LOOK).await;
        }
        Err(self.not(otherwise.to_owned()))
    }

    /// Copies what it has, by way of the archive of its old place, and compares all of it.
    pub(super) async fn copy(&self, of: &Move) -> Result<Kept, Stop> {
        let (old, new) = (&self.sites.old, &self.sites.new);
        let kept = keep(old, self.fleet_of(old)?, &of.from, of.decision).await?;
        let list = verify(old, &of.from, of.decision, &kept).await?;
        let folder = folder(&of.from, of.decision);
        for object in &list.objects {
            let copied = new.writers.archive.carry(&of.from, &of.to, &folder, &object.name).await?;
            exactly(object, Some(&copied)).map_err(|why| bad(self.set, why))?;
        }
        // What is there and was not copied is from another time, and nobody knows of it at the old place.
        let there = new.readers.archive.evidence(&of.to).await?;
        let known = |key: &&String| {
            let inner = key.strip_prefix(&of.to.prefix).unwrap_or(key);
            list.objects.iter().any(|object| object.name == format!("{}{inner}", crate::domain::offboard::EVIDENCE))
        };
        if let Some(more) = there.iter().find(|key| !known(key)) {
            let why = format!("the new place has {}, which the old one has not", more.escape_debug());
            return Err(bad(self.set, why));
        }
        let fleet = self.fleet_of(new)?;
        wake_databases(new, fleet, &self.sets()).await?;
        let beside = new.application.beside(fleet, self.set);
        run(new, &of.to, of.decision, DataWork::Restore, beside).await?;
        for object in list.objects.iter().filter(|_| !breaks(Mutant::CopyUncompared)) {
            let landed = new.readers.archive.landed(&of.to, &folder, &object.name).await?;
            exactly(object, landed.as_ref()).map_err(|why| bad(self.set, why))?;
        }
        note(new, format!("{} objects of {} are at its new place", list.objects.len(), self.set));
        Ok(kept)
    }

    /// Brings it up at its new place, behind a 503, through the gate. Answers the rollout if it did not pass.
    pub(super) async fn raise(&self, lease: &mut Lease) -> Result<Option<Outcome>, Stop> {
        let (new, fleet) = (&self.sites.new, self.fleet_of(&self.sites.new)?);
        wake_databases(new, fleet, &self.sets()).await?;
        cover(new, fleet, self.set, true).await?;
        self.start(fleet).await?;
        let outcome = prove(new, fleet, lease, self.set, Some(wake_host(fleet, self.set))).await?;
        if outcome.end != Some(End::Succeeded) {
            return Ok(Some(outcome));
        }
        let counts = self.counts(fleet).await?;
        for address in new.application.serving(fleet, self.set) {
            let (Some(tasks), Some(scaling)) = (counts(&address.service), scaling(new, &address).await?) else {
                continue;
            };
            let awake = Scaling {
                min: tasks,
                in_suspended: false,
                out_suspended: false,
                scheduled_suspended: false,
                ..scaling
            };
            if scaling != awake {
                new.writers.scaling.set_scaling(&address, &awake).await?;
            }
        }
        Ok(None)
    }

    /// Gives tasks to what ran there before and was put to sleep on a way back: a rollout starts none but the first.
    async fn start(&self, fleet: &Fleet) -> Result<(), Stop> {
        let new = &self.sites.new;
        let (addresses, counts) = (new.application.serving(fleet, self.set), self.counts(fleet).await?);
        let seen = new.readers.fleet.observe(&addresses).await;
        let mut started = false;
        for address in &addresses {
            let Some(ServiceSeen::Live(live)) = seen.get(&address.service) else { continue };
            if live.desired > 0 || is_unborn(&new.application, fleet, &address.service, seen.get(&address.service)) {
                continue;
            }
            let missing = || self.not(format!("nothing says how many tasks {} has", address.service));
            let tasks = counts(&address.service).ok_or_else(missing)?;
            new.writers.scaling.set_desired(address, tasks).await?;
            started = true;
        }
        if started { self.until(super::sight::serves_or_unborn, "its tasks do not come up").await } else { Ok(()) }
    }

    /// How many tasks Terraform publishes for each service at the new place.
    async fn counts(&self, fleet: &Fleet) -> Result<impl Fn(&ServiceKey) -> Option<u32> + use<>, Stop> {
        let new = &self.sites.new;
        let missing = |why: &str| self.not(format!("what Terraform publishes of its new place: {why}"));
        let manifest =
            wanted(&new.application, fleet, self.set).ok_or_else(|| missing("its cell names no manifest"))?;
        let mut found = new.readers.manifests.published(std::slice::from_ref(&manifest)).await;
        let tasks = match found.remove(self.set) {
            Some(PublishedSeen::Is(published)) => published.tasks,
            Some(PublishedSeen::Bad { why }) => return Err(missing(&why)),
            Some(PublishedSeen::Unreachable { why }) => {
                let doing = format!("reading the manifest of {}", self.set);
                return Err(PortError::new(Fault::Unavailable, doing, why).into());
            }
            None => return Err(missing("it was not read")),
        };
        Ok(move |key: &ServiceKey| tasks.get(&key.service).copied())
    }

    /// Takes the 503 at the new place away: nobody is sent there yet, and whoever is next finds it open.
    pub(super) async fn open(&self) -> Result<(), Stop> {
        let new = &self.sites.new;
        cover(new, self.fleet_of(new)?, self.set, false).await
    }

    /// Has it pass the gate at its own host, as its people reach it.
    pub(super) async fn verify(&self, lease: &mut Lease) -> Result<Option<Outcome>, Stop> {
        let new = &self.sites.new;
        let outcome = prove(new, self.fleet_of(new)?, lease, self.set, None).await?;
        Ok((outcome.end != Some(End::Succeeded)).then_some(outcome))
    }

    /// Wakes it at its old place as it was, through the gate.
    pub(super) async fn wake(&self, lease: &mut Lease) -> Result<Option<Outcome>, Stop> {
        let (old, sets) = (&self.sites.old, self.sets());
        let wish = Wish { sets: &sets, by: self.by, why: self.why, until: None };
        let outcomes = wake(old, self.fleet_of(old)?, lease, &wish).await?;
        Ok(outcomes.into_iter().find(|outcome| outcome.end != Some(End::Succeeded)))
    }
}

async fn scaling(app: &App, address: &Address) -> Result<Option<Scaling>, Stop> {
    let doing = || format!("reading the autoscaling of {}", address.service);
    let mut read = app.readers.scaling.scaling(std::slice::from_ref(address)).await;
    let unread = || Err(PortError::new(Fault::Unavailable, doing(), "it was not read"));
    Ok(read.remove(&address.service).unwrap_or_else(unread)?)
}
