//! What is in the way of a move before it begins, by fleet.yaml and by what people have decided; every reason at once.

use crate::domain::directive::Directives;
use crate::domain::fleet::{Application, Fleet, SecondPlace, ServiceSet, SetState};
use crate::domain::ids::CellName;
use crate::domain::quota::beyond;
use crate::domain::reason::Reason;

/// Why a tenant may not move to this cell.
pub fn may_begin(
    app: &Application,
    fleet: &Fleet,
    set: &ServiceSet,
    directives: &Directives,
    to: &CellName,
) -> Vec<Reason> {
    let id = &set.id;
    let not = |why: String| Reason::NotMovable { set: id.clone(), why };
    // Its requests would be stopped, and a hold would keep it from being brought up.
    let mut reasons: Vec<Reason> = directives.on_hold(&fleet.name).into_iter().collect();
    if fleet.routing.is_none() {
        reasons.push(Reason::NoRouting { fleet: fleet.name.clone() });
    }
    if !fleet.cells.contains(to) {
        let cells = fleet.cells.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        reasons.push(not(format!("{} has no cell `{to}`; it has {cells}", fleet.name)));
    }
    match set.state {
        SetState::Active if directives.paused.contains_key(id) => reasons.push(not("it is paused".to_owned())),
        SetState::Active => {}
        state => reasons.push(not(format!("its line says `state: {state}`"))),
    }
    if directives.leaving.contains_key(id) {
        reasons.push(not("it is on its way out".to_owned()));
    }
    if set.pin.is_some() || directives.pins.contains_key(id) {
        reasons.push(not("it is pinned: it would be brought up with the fleet's release".to_owned()));
    }
    // The line of its new place names no cluster of the old one.
    let first = app.cells.get(&set.cell).and_then(|cell| cell.clusters.first());
    if first != Some(&set.cluster) {
        reasons.push(not("its line names a cluster of its cell: take that out, or move it by hand".to_owned()));
    }
    if app.cells.get(to).is_some_and(|cell| cell.manifest.is_none()) {
        let what = format!("cells.{to} has no `manifest` in fleet.yaml, so nothing says what its services run");
        reasons.push(not(what));
    }
    reasons.extend(no_room(app, fleet, set, to));
    reasons
}

/// Why there is no room, by `tenants_max` and the quotas that AWS does not raise.
fn no_room(app: &Application, fleet: &Fleet, set: &ServiceSet, to: &CellName) -> Vec<Reason> {
    let mut with = app.clone();
    let fleets = with.fleets.iter_mut().filter(|of| of.name == fleet.name);
    for one in fleets.flat_map(|fleet| &mut fleet.sets).filter(|one| one.id == set.id && one.cell != *to) {
        one.second = Some(SecondPlace::Also(to.clone()));
    }
    let full = beyond(&with).into_iter();
    full.filter(|reason| matches!(reason, Reason::CellFull { cell, .. } if cell == to)).collect()
}
