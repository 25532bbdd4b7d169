//! `tenants move --rehearse`: the whole of a move on a simulated world, and the way back, with the file's own fleets and
//! copies of the files. What a person does in between is done at once: what is written is merged, exported and applied.
//! The same code as a real move; touches nothing real.

use std::sync::Arc;

use accessos_routing::{SigningKey, TrustedKeys};

use super::papers::Papers;
use super::rehearse::{cost, first_release};
use super::simulated::{app, beginning};
use crate::adapters::sim::Sim;
use crate::app::moving::{Asked, Stands, far, relocate};
use crate::app::offboard::Files;
use crate::app::progress::Observer;
use crate::app::{App, Stop};
use crate::cli::exit::Exit;
use crate::cli::moving::told;
use crate::cli::progress::Silent;
use crate::cli::render;
use crate::cli::run::{Report, of_stop};
use crate::domain::fleet::Application;
use crate::domain::ids::{CellName, FleetName, SetId};
use crate::domain::manifest::Source;
use crate::domain::moving::Goal;
use crate::domain::offboard::holding;

/// More times than a line is written on the way there or back.
const MERGES: u32 = 4;

/// Pieces of evidence that the tenant has.
const PIECES: u32 = 2;

/// What is to be rehearsed.
pub(super) struct Rehearsal<'a> {
    pub(super) fleet: &'a FleetName,
    pub(super) set: &'a SetId,
    pub(super) to: &'a CellName,
}

/// Copies of the files, and the world.
struct Stage {
    sim: Arc<Sim>,
    key: Arc<SigningKey>,
    papers: Papers,
}

/// Rehearses a move and its way back. Its exit code is that of the first that does not come out well.
pub(super) async fn rehearse(sources: &[Source], wanted: &Rehearsal<'_>, observer: Arc<dyn Observer>) -> Report {
    carry_out(sources, wanted, observer).await.unwrap_or_else(|stop| of_stop(&stop))
}

async fn carry_out(sources: &[Source], wanted: &Rehearsal<'_>, observer: Arc<dyn Observer>) -> Result<Report, Stop> {
    let bug = |why: String| Stop::Bug(why);
    let key = SigningKey::generate().and_then(|pem| SigningKey::from_pem(&pem)).map_err(bug)?;
    let papers = Papers::new(sources.to_vec());
    let first = signed_by(&key, meant(&papers)?)?;
    let sim = Arc::new(Sim::new(&first, beginning()));
    let quiet = app(&sim, first, Arc::new(Silent));
    first_release(&quiet, &sim, crate::app::fleet(&quiet.application, wanted.fleet)?).await?;
    let stage = Stage { sim, key: Arc::new(key), papers };
    stage.merged()?;
    stage.give_evidence(wanted)?;
    let before = stage.sim.world().calls.clone();
    let began = stage.sim.world().now;
    let there = stage.to_the_end(wanted, Goal::Move(wanted.to), &observer).await?;
    let took = stage.sim.world().now.duration_since(began);
    let cost = cost(&before, &stage.sim.world().calls);
    let mut report = told(wanted.set, &there);
    report.text += &format!("there in {} of simulated time; calls: {cost}\n", render::duration(took));
    let Stands::Moved(record) = there else { return Ok(report) };
    let (began, lose) = (stage.sim.world().now, record.switched);
    let back = stage.to_the_end(wanted, Goal::Back(lose), &observer).await?;
    let took = stage.sim.world().now.duration_since(began);
    let returned = told(wanted.set, &back);
    report.text += &format!("{}back in {} of simulated time\n", returned.text, render::duration(took));
    if returned.exit != Exit::Done {
        report.exit = returned.exit;
    }
    Ok(report)
}

/// The file's meaning, with a fleet's snapshots signed by a key of the rehearsal's own.
fn signed_by(key: &SigningKey, mut application: Application) -> Result<Application, Stop> {
    let keys = TrustedKeys::new(vec![key.public()]).map_err(Stop::Bug)?;
    for routing in application.fleets.iter_mut().filter_map(|fleet| fleet.routing.as_mut()) {
        routing.keys = keys.clone();
    }
    Ok(application)
}

fn meant(papers: &Papers) -> Result<Application, Stop> {
    papers.application().map_err(|problems| Stop::Bug(problems.to_string()))
}

impl Stage {
    fn application(&self) -> Result<Application, Stop> {
        signed_by(&self.key, meant(&self.papers)?)
    }

    fn at(&self, observer: &Arc<dyn Observer>) -> Result<App, Stop> {
        let app = app(&self.sim, self.application()?, Arc::clone(observer));
        Ok(App { signing_key: Some(Arc::clone(&self.key)), ..app })
    }

    fn merged(&self) -> Result<(), Stop> {
        self.papers.merge(&self.application()?, &self.sim).map_err(Stop::Refused)
    }

    /// Something to copy beside its rows.
    fn give_evidence(&self, wanted: &Rehearsal<'_>) -> Result<(), Stop> {
        let application = self.application()?;
        let fleet = crate::app::fleet(&application, wanted.fleet)?;
        let no_such = || Stop::NoSuchTenant { fleet: fleet.name.clone(), tenant: wanted.set.clone() };
        let set = fleet.set(wanted.set).ok_or_else(no_such)?;
        if let Some(of) = holding(&application, fleet, set, "s1") {
            self.sim.world().give_evidence(&of, PIECES);
        }
        Ok(())
    }

    async fn to_the_end(
        &self,
        wanted: &Rehearsal<'_>,
        goal: Goal<'_>,
        observer: &Arc<dyn Observer>,
    ) -> Result<Stands, Stop> {
        for _ in 0..MERGES {
            let (app, sources) = (self.at(observer)?, self.papers.sources());
            let fleet = crate::app::fleet(&app.application, wanted.fleet)?;
            let files = Files { sources: &sources, manifest: &self.papers, inputs: &self.papers };
            let asked = Asked { set: wanted.set, by: "you", why: "a rehearsal", goal };
            // What is in the way is told all at once, and before anything is tried.
            let stops = far(&app, fleet, &files, &asked).await?.stops;
            if !stops.is_empty() {
                return Err(Stop::Refused(stops));
            }
            match relocate(&app, fleet, &files, &asked).await? {
                Stands::Written { .. } => self.merged()?,
                stands => return Ok(stands),
            }
        }
        Err(Stop::Bug(format!("its line is written more than {MERGES} times")))
    }
}
