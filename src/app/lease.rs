//! Holding the lease of a fleet while something moves it. A verb takes the lease before it looks, so that what it
//! sees is nobody else's half-done work, and lets go of it however it ends.

use jiff::{SignedDuration, Timestamp};

use super::{App, Stop};
use crate::domain::directive::Directives;
use crate::domain::ids::FleetName;
use crate::domain::lease::{self, Claim, LeaseSeen, Life, Owner, Taking};
use crate::domain::mutant::{Mutant, breaks};
use crate::domain::reason::Reason;
use crate::ports::{Fault, PortResult};

/// A lease that was read this recently needs no reading again.
const FRESH: SignedDuration = SignedDuration::from_secs(50);

/// A lease that could not be read for this long is not trusted: nothing more is sent. A runner that is cut off from
/// GitHub may run on for a quarter of an hour before it notices.
const TTL: SignedDuration = SignedDuration::from_secs(120);

/// Rounds of look, ask and write before somebody else is left to win.
const ROUNDS: u32 = 6;

/// The right to move a fleet, and what people have decided about it as of the last look.
#[derive(Debug)]
pub struct Lease {
    claim: Claim,
    fleet: FleetName,
    number: u64,
    confirmed_at: Timestamp,
    directives: Directives,
}

impl Lease {
    /// Takes the lease of a fleet.
    ///
    /// # Errors
    /// Somebody else holds it, or it cannot be read or written.
    pub async fn take(app: &App, fleet: &FleetName, purpose: &str) -> Result<Self, Stop> {
        let claim = Claim::new(fleet, app.owner.clone(), purpose, app.readers.clock.now());
        let mut asked: Option<(Owner, Life)> = None;
        for _ in 0..ROUNDS {
            let seen = app.readers.leases.lease(fleet).await?;
            let life = asked
                .as_ref()
                .filter(|(owner, _)| holder(&seen).map(|claim| &claim.owner) == Some(owner))
                .map(|(_, life)| life);
            match lease::take(fleet, &seen, &claim, life)? {
                Taking::Ours => {
                    return Self::held(app, fleet, claim, seen.record().map_or(0, |record| record.number)).await;
                }
                Taking::Ask(owner) => {
                    let life = app.readers.leases.life(&owner).await;
                    asked = Some((owner, life));
                }
                Taking::Write(record) => match app.writers.leases.put(seen.mark(), &record).await {
                    Ok(_) => return Self::held(app, fleet, claim, record.number).await,
                    // Somebody was quicker, or we were and the answer is lost: the next look tells which.
                    Err(error) if error.fault != Fault::Refused => {}
                    Err(error) => return Err(error.into()),
                },
            }
        }
        let why = format!("it changed hands {ROUNDS} times while it was asked for");
        Err(Reason::LeaseLost { fleet: fleet.clone(), why }.into())
    }

    async fn held(app: &App, fleet: &FleetName, claim: Claim, number: u64) -> Result<Self, Stop> {
        let mut lease = Self {
            claim,
            fleet: fleet.clone(),
            number,
            confirmed_at: app.readers.clock.now(),
            directives: Directives::default(),
        };
        match app.readers.ledger.decided(fleet).await {
            Ok(decided) => lease.directives = Directives::fold(&decided),
            Err(error) => {
                lease.release(app).await;
                return Err(error.into());
            }
        }
        Ok(lease)
    }

    /// The fencing number: larger than that of every holder before.
    pub fn number(&self) -> u64 {
        self.number - u64::from(breaks(Mutant::OldFence))
    }

    /// What people have decided, as of the last look.
    pub fn directives(&self) -> &Directives {
        &self.directives
    }

    /// Takes in what people have decided, now.
    ///
    /// # Errors
    /// The records do not answer.
    pub async fn refresh(&mut self, app: &App) -> PortResult<()> {
        self.directives = Directives::fold(&app.readers.ledger.decided(&self.fleet).await?);
        Ok(())
    }

    /// Makes sure that the lease is still ours, and takes in what people have decided meanwhile. Called before
    /// every batch of changes.
    ///
    /// # Errors
    /// It is not ours, or could not be read for too long.
    pub async fn confirm(&mut self, app: &App) -> Result<(), Reason> {
        let lost = |why: String| Reason::LeaseLost { fleet: self.fleet.clone(), why };
        if app.readers.clock.now().duration_since(self.confirmed_at) < FRESH || breaks(Mutant::LeaseUnconfirmed) {
            return Ok(());
        }
        match self.look(app).await {
            Ok((seen, directives)) => match holder(&seen).map(|claim| &claim.id) == Some(&self.claim.id) {
                true => {
                    (self.confirmed_at, self.directives) = (app.readers.clock.now(), directives);
                    Ok(())
                }
                false => Err(lost("somebody else holds it".to_owned())),
            },
            Err(error) if app.readers.clock.now().duration_since(self.confirmed_at) < TTL => {
                // Still trusted: nobody takes a lease over whose owner lives.
                drop(error);
                Ok(())
            }
            Err(error) => Err(lost(error.to_string())),
        }
    }

    async fn look(&self, app: &App) -> PortResult<(LeaseSeen, Directives)> {
        let seen = app.readers.leases.lease(&self.fleet).await?;
        let decided = app.readers.ledger.decided(&self.fleet).await?;
        Ok((seen, Directives::fold(&decided)))
    }

    /// Lets go of it. What fails here does no harm: a lease whose owner has ended is taken over.
    pub async fn release(self, app: &App) {
        let Ok(seen) = app.readers.leases.lease(&self.fleet).await else { return };
        if let Some(free) = lease::release(&seen, &self.claim.id) {
            drop(app.writers.leases.put(seen.mark(), &free).await);
        }
    }
}

fn holder(seen: &LeaseSeen) -> Option<&Claim> {
    seen.record().and_then(|record| record.holder.as_ref())
}
