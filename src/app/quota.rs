//! `quota`: how many tenants fit in each cell. Works with readers only.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use super::{Readers, Stop};
use crate::domain::fleet::{Application, Fleet};
use crate::domain::ids::{CellName, ServiceKey, ServiceName, SetId};
use crate::domain::ledger::RolloutRecord;
use crate::domain::plan::Direction;
use crate::domain::published::{PublishedSeen, wanted};
use crate::domain::quota::{CellQuotas, LIMITS, Load, QuotaCode, Running, RunningSet, growth, stand};
use crate::domain::snapshot::ServiceSeen;
use crate::domain::template::Template;

/// Plans older than this say nothing of the present growth.
const LOOKED_BACK: SignedDuration = SignedDuration::from_hours(180 * 24);

/// How a cell stands: its quotas, what runs there, and how fast tenants come. What cannot be read is told.
pub async fn quota(readers: &Readers, application: &Application, cell: &CellName, said: Option<f64>) -> CellQuotas {
    let codes: Vec<QuotaCode> = LIMITS.iter().map(|limit| limit.quota).collect();
    let applied = readers.quotas.applied(cell, &codes).await;
    let load = Load::of(application, cell, Some(running(readers, application, cell).await));
    let (came, untold) = match said {
        Some(said) => (Some(said), None),
        None => match came(readers, application, cell).await {
            Ok(came) => (came, None),
            Err(stop) => (None, Some(format!("how fast tenants come: {stop}"))),
        },
    };
    let (applied, unread) = match applied {
        Ok(applied) => (applied, None),
        Err(error) => (BTreeMap::new(), Some(format!("the quotas of the account: {error}"))),
    };
    let mut quotas = stand(&load, &applied, came);
    quotas.unknown.splice(0..0, unread.into_iter().chain(untold));
    quotas
}

/// How a cell stands by fleet.yaml alone, with AWS's defaults. Asks nobody.
pub fn declared(application: &Application, cell: &CellName, growth: Option<f64>) -> CellQuotas {
    stand(&Load::of(application, cell, None), &BTreeMap::new(), growth)
}

/// What every set in a cell runs.
async fn running(readers: &Readers, application: &Application, cell: &CellName) -> Vec<RunningSet> {
    let mut all = Vec::new();
    for fleet in &application.fleets {
        let sets: Vec<&SetId> = fleet.sets.iter().filter(|set| set.cell == *cell).map(|set| &set.id).collect();
        let manifests: Vec<_> = sets.iter().filter_map(|set| wanted(application, fleet, set)).collect();
        let published = readers.manifests.published(&manifests).await;
        let keys = application.services_in(fleet).filter(|key| sets.contains(&&key.set));
        let addresses: Vec<_> = keys.filter_map(|key| application.address(fleet, &key)).collect();
        let live = readers.fleet.observe(&addresses).await;
        for set in sets {
            let services = application.services_of(set).filter(|service| !service.role.is_task());
            let one = services.map(|service| {
                let key = ServiceKey::new(set, &service.name);
                of_service(&service.name, live.get(&key), published.get(set))
            });
            let sum = one.reduce(|sum, one| {
                let (sum, one) = (sum?, one?);
                Ok(Running { tasks: sum.tasks + one.tasks, cpu_units: sum.cpu_units + one.cpu_units })
            });
            all.push((fleet.name.clone(), set.clone(), sum.unwrap_or(Ok(Running { tasks: 0, cpu_units: 0 }))));
        }
    }
    all
}

fn of_service(
    service: &ServiceName,
    live: Option<&ServiceSeen>,
    published: Option<&PublishedSeen>,
) -> Result<Running, String> {
    let tasks = match live {
        Some(ServiceSeen::Live(live)) => live.desired,
        Some(ServiceSeen::Missing) => 0,
        Some(ServiceSeen::Unreachable { why }) => return Err(why.clone()),
        None => return Err("it was not looked at".to_owned()),
    };
    if tasks == 0 {
        return Ok(Running { tasks, cpu_units: 0 });
    }
    let template = match published {
        Some(PublishedSeen::Is(published)) => published.templates.get(service),
        Some(PublishedSeen::Bad { why } | PublishedSeen::Unreachable { why }) => return Err(why.clone()),
        None => return Err("its cell names no manifests in fleet.yaml, which say how large a task is".to_owned()),
    };
    let cpu = template.and_then(cpu_units).ok_or_else(|| format!("the template of {service} names no cpu"))?;
    Ok(Running { tasks, cpu_units: u64::from(tasks) * cpu })
}

/// CPU units of a task: a number or digits, both of which ECS takes.
fn cpu_units(template: &Template) -> Option<u64> {
    let cpu = template.fields().get("cpu")?;
    cpu.as_u64().or_else(|| cpu.as_str()?.parse().ok())
}

/// Tenants a month that came to the fleets of a cell, by their oldest and newest plans of the last half year. None where
/// a fleet lives in other cells too, since a plan does not say who was where.
async fn came(readers: &Readers, application: &Application, cell: &CellName) -> Result<Option<f64>, Stop> {
    let mut sum = 0.0;
    for fleet in application.fleets.iter().filter(|fleet| fleet.cells.contains(cell)) {
        match of_fleet(readers, fleet).await? {
            Some(came) if fleet.cells.len() == 1 => sum += came,
            _ => return Ok(None),
        }
    }
    Ok(Some(sum))
}

async fn of_fleet(readers: &Readers, fleet: &Fleet) -> Result<Option<f64>, Stop> {
    let rollouts = readers.ledger.rollouts(&fleet.name).await?;
    let now = readers.clock.now();
    // A rollback is planned for those that it takes back, and for nobody else.
    let whole =
        |record: &&RolloutRecord| record.opened_at >= now - LOOKED_BACK && record.intent.direction == Direction::Deploy;
    let Some(oldest) = rollouts.iter().rfind(whole) else { return Ok(None) };
    let then = readers.ledger.plan(&oldest.intent.plan).await?;
    let tenants = |sets: &mut dyn Iterator<Item = &SetId>| sets.filter(|set| !set.is_control_plane()).count();
    let waves = then.sets();
    let before = tenants(&mut waves.iter().chain(&then.unchanged).chain(then.excluded.iter().map(|left| &left.set)));
    let after = tenants(&mut fleet.sets.iter().map(|set| &set.id));
    Ok(growth((oldest.opened_at, before), (now, after)))
}
