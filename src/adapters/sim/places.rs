//! Places of a set that moves, on the simulated world: the same services in two cells, which of them a host leads to, and
//! what the tenant has in each.

use accessos_routing::{Envelope, PAYLOAD_TYPE, POINTER, Pointer, Snapshot, State};
use serde_json::json;

use super::service::SimService;
use super::world::World;
use crate::domain::directive::Scaling;
use crate::domain::fleet::{Address, Application, Fleet, SecondPlace};
use crate::domain::ids::{CellName, FleetName, ServiceKey, SetId};

impl World {
    /// The name under which a service in this cell is kept.
    pub(super) fn placed(&self, fleet: &FleetName, set: &SetId, cell: &CellName, ecs_service: &str) -> String {
        match self.first_cells.get(&format!("{fleet}/{set}")) {
            Some(first) if first != cell => format!("{cell}/{ecs_service}"),
            Some(_) | None => ecs_service.to_owned(),
        }
    }

    fn key_of(&self, at: &Address) -> String {
        let inner = at.ecs_service.strip_prefix(&format!("{}-", self.app_name()));
        let fleet = inner.and_then(|rest| rest.strip_suffix(&format!("-{}-{}", at.service.set, at.service.service)));
        let fleet: Option<FleetName> = fleet.and_then(|fleet| fleet.parse().ok());
        let placed = fleet.map(|fleet| self.placed(&fleet, &at.service.set, &at.cell, &at.ecs_service));
        placed.unwrap_or_else(|| at.ecs_service.clone())
    }

    /// The service at an address.
    pub(super) fn service(&self, at: &Address) -> Option<&SimService> {
        self.services.get(&self.key_of(at))
    }

    /// The service at an address, to change it.
    pub(super) fn service_mut(&mut self, at: &Address) -> Option<&mut SimService> {
        let key = self.key_of(at);
        self.services.get_mut(&key)
    }

    /// Terraform makes the second places of those who move: every service on its placeholder, at no task.
    pub(super) fn make_second_places(&mut self, app: &Application, fleet: &Fleet) {
        for set in &fleet.sets {
            let Some(SecondPlace::Also(cell)) = &set.second else { continue };
            let Some(cluster) = app.cells.get(cell).and_then(|cell| cell.clusters.first()) else { continue };
            let there = fleet.placed(&set.id, cell, cluster);
            for service in app.services_of(&set.id).filter(|service| service.role.is_serving()) {
                let key = ServiceKey::new(&set.id, &service.name);
                let place = self.placed(&fleet.name, &set.id, cell, &app.ecs_name(&fleet.name, &key));
                if !self.services.contains_key(&place) {
                    let born = self.unborn(app, &there, &key, cell);
                    self.services.insert(place, born);
                }
            }
            self.surround_set(&there, &set.id);
            self.publish_new(app, &there);
        }
    }

    fn unborn(&mut self, app: &Application, fleet: &Fleet, key: &ServiceKey, cell: &CellName) -> SimService {
        let family = app.placeholder(&fleet.name, &key.service);
        let (region, account) = app.cells.get(cell).map_or(("eu-west-1", "0"), |of| (&of.region, &of.account));
        let container = json!({"name": key.service, "image": "busybox:1.37", "essential": true});
        let definition = json!({"family": family, "containerDefinitions": [container]});
        let placeholder =
            self.register(&format!("arn:aws:ecs:{region}:{account}:task-definition/{family}"), definition);
        let id = self.next_deployment();
        let mut service = SimService::steady(fleet.name.clone(), key.clone(), placeholder, id, 0);
        service.scaling =
            Some(Scaling { min: 0, max: 6, in_suspended: false, out_suspended: false, scheduled_suspended: false });
        service
    }

    /// The cell that a request for this host is sent to: what a resume asks leads to one place, what people ask for is led
    /// by the snapshot that routers serve from, and without any by fleet.yaml. None if routers answer it themselves.
    pub(super) fn leads_to(&self, host: &str, fleet: &FleetName, key: &ServiceKey) -> Option<CellName> {
        let name = format!("{fleet}/{}", key.set);
        let home = self.cells.get(&name).or_else(|| self.first_cells.get(&name)).cloned();
        if let Some(rest) = host.strip_prefix(&format!("{}--wake", key.set)) {
            let named = rest.strip_prefix("--").and_then(|rest| rest.split('.').next());
            return named.map_or(home, |cell| cell.parse().ok());
        }
        match self.routed(fleet, &key.set) {
            Some((State::Active, cell)) => cell.parse().ok(),
            Some(_) => None,
            None => home,
        }
    }

    /// What routers do with a set's requests, and to which cell they pass them on; none where nothing is published.
    pub(crate) fn routed(&self, fleet: &FleetName, set: &SetId) -> Option<(State, String)> {
        let at = self.snapshots.get(fleet)?;
        let pointer = Pointer::read(self.objects.get(&format!("{at}{POINTER}"))?).ok()?;
        let sealed: Envelope = serde_json::from_slice(self.objects.get(&format!("{at}{}", pointer.object))?).ok()?;
        let snapshot: Snapshot = serde_json::from_slice(&sealed.payload(PAYLOAD_TYPE).ok()?).ok()?;
        let tenant = snapshot.tenants.into_iter().find(|tenant| tenant.id == set.as_str())?;
        Some((tenant.state, tenant.cell))
    }

    /// What a tenant has in its database in a cell.
    pub(crate) fn rows_of(&self, cell: &CellName, set: &SetId) -> Vec<u8> {
        let rows = self.rows.get(&format!("{cell}/{set}")).cloned();
        rows.unwrap_or_else(|| format!("rows of {set}").into_bytes())
    }

    /// A tenant writes something into its database in a cell.
    pub fn write_row(&mut self, cell: &CellName, set: &SetId, row: &str) {
        let mut rows = self.rows_of(cell, set);
        rows.extend_from_slice(row.as_bytes());
        self.rows.insert(format!("{cell}/{set}"), rows);
    }

    /// So many copies of objects are spoilt from now on.
    pub fn spoil_copies(&mut self, copies: u32) {
        self.spoilt_copies = copies;
    }
}
