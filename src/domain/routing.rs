//! What a fleet's edge routers are to do, from fleet.yaml and from what people have decided: the tenants of the next routing
//! snapshot. The snapshot itself, its signature and what may follow what are the business of `accessos_routing`.

use accessos_routing::{State, Tenant, mail_label};

use super::directive::{Directives, Move, Route, Way};
use super::fleet::{Fleet, Routing, ServiceSet, SetState};

/// The tenants of the next snapshot, by id. Who is on the way out has no entry: its host is nobody's from then on.
pub fn tenants(fleet: &Fleet, routing: &Routing, directives: &Directives) -> Vec<Tenant> {
    let served = fleet.sets.iter().filter(|set| !set.id.is_control_plane() && set.state != SetState::Offboarding);
    let mut tenants: Vec<Tenant> = served.map(|set| tenant(fleet, routing, directives, set)).collect();
    tenants.sort_by(|one, other| one.id.cmp(&other.id));
    tenants
}

fn tenant(fleet: &Fleet, routing: &Routing, directives: &Directives, set: &ServiceSet) -> Tenant {
    let paused = set.state == SetState::Paused || directives.paused.contains_key(&set.id);
    let moves = directives.moves.get(&set.id);
    let closed = moves.is_some_and(|of| of.way() == Way::Closed);
    let (state, moved_to) = match directives.routes.get(&set.id) {
        // Somebody who has moved is not here any more, whether what is left behind sleeps or not.
        Some(Route::Moved(to)) => (State::Moved, Some(to.clone())),
        // While it moves, its old place sleeps by a pause; people are told that it comes back soon.
        _ if closed => (State::Maintenance, None),
        _ if paused => (State::Paused, None),
        Some(Route::Maintenance) => (State::Maintenance, None),
        Some(Route::Active) | None => (State::Active, None),
    };
    // The records know of a switch before the file does.
    let home = moves.map(Move::home);
    let (cell, cluster) = home.map_or((&set.cell, &set.cluster), |home| (&home.cell, &home.cluster));
    let placeholders = [
        ("{host}", set.host.as_str()),
        ("{tenant}", set.id.as_str()),
        ("{cell}", cell.as_str()),
        ("{cluster}", cluster),
    ];
    let backend = placeholders.iter().fold(routing.backend.clone(), |url, (name, value)| url.replace(name, value));
    Tenant {
        id: set.id.to_string(),
        hosts: hosts(fleet, set),
        state,
        moved_to,
        backend,
        cell: cell.to_string(),
        token_keys: set.found_by.token_keys.clone(),
    }
}

/// Its own host, the one that its name leads to, and those that e-mail domains lead to (the discovery page leads there). Each once.
fn hosts(fleet: &Fleet, set: &ServiceSet) -> Vec<String> {
    let by_mail = set.found_by.email_domains.iter().map(|domain| mail_label(domain));
    let labels = std::iter::once(set.id.to_string()).chain(by_mail);
    let mut hosts = vec![set.host.clone()];
    for host in labels.map(|label| format!("{label}.{}", fleet.domain)) {
        if !hosts.contains(&host) {
            hosts.push(host);
        }
    }
    hosts
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::domain::directive::{Decided, Directive};
    use crate::domain::manifest::{Source, read};

    const FILE: &str = r#"
schema: 1
app: app
domain: app.example
images: { repository: "app/{service}" }
services:
  iam: { build: iam, port: 8080, health: /healthz }
cells:
  prod-1: { account: "111111111111", region: eu-west-1, clusters: [c1] }
gates:
  default: { probe: { url: "https://{host}/{service}{health}" } }
fleets:
  prod:
    cells: [prod-1]
    deploy_on: merge
    gate: default
    on_failure: stop
    waves: { plan: auto }
    bake: 5m
    routing:
      snapshot: "s3://bucket/routing"
      keys: ["11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="]
      backend: "https://{cluster}.{cell}.internal:8443"
tenants:
  entries:
    - { id: bolt, fleet: prod, state: paused }
    - { id: acme, fleet: prod, host: access.acme.example, email_domains: [acme.com, mail.acme.com] }
    - { id: core, fleet: prod, state: offboarding }
    - { id: dyne, fleet: prod }
"#;

    fn told(decided: &[Directive]) -> Vec<String> {
        let app = read(&[Source { name: "fleet.yaml".to_owned(), bytes: FILE.into() }]).unwrap();
        let fleet = &app.fleets[0];
        let decided: Vec<Decided> = (1..)
            .zip(decided)
            .map(|(seq, directive)| Decided {
                seq,
                at: jiff::Timestamp::UNIX_EPOCH,
                by: "ana".to_owned(),
                why: "w".to_owned(),
                directive: directive.clone(),
            })
            .collect();
        let tenants = tenants(fleet, fleet.routing.as_ref().unwrap(), &Directives::fold(&decided));
        let line = |tenant: &Tenant| {
            let to = tenant.moved_to.as_deref().unwrap_or("-");
            format!("{} {} {to} {} {}", tenant.id, tenant.state.word(), tenant.backend, tenant.hosts.join(" "))
        };
        tenants.iter().map(line).collect()
    }

    #[test]
    fn tenants_are_as_the_file_says() {
        assert_eq!(
            told(&[]),
            [
                "acme active - https://c1.prod-1.internal:8443 access.acme.example acme.app.example acme-com.app.example mail-acme-com.app.example",
                "bolt paused - https://c1.prod-1.internal:8443 bolt.app.example",
                "dyne active - https://c1.prod-1.internal:8443 dyne.app.example",
            ]
        );
    }

    #[test]
    fn and_as_people_have_decided_since() {
        let route = |set: &str, route| Directive::Routed { set: set.parse().unwrap(), route };
        let state =
            |decided: &[Directive], at: usize| told(decided)[at].split(' ').take(3).collect::<Vec<_>>().join(" ");
        let maintenance = route("acme", Route::Maintenance);
        assert_eq!(state(std::slice::from_ref(&maintenance), 0), "acme maintenance -");
        assert_eq!(state(&[maintenance, route("acme", Route::Active)], 0), "acme active -");
        assert_eq!(
            state(&[route("bolt", Route::Moved("bolt.eu.example".to_owned()))], 1),
            "bolt moved bolt.eu.example"
        );
        let was = [("dyne/iam".to_owned().try_into().unwrap(), running())].into();
        let pausing = Directive::Pausing { was, rules: [].into(), until: None };
        assert_eq!(state(std::slice::from_ref(&pausing), 2), "dyne paused -");
        assert_eq!(state(&[pausing.clone(), route("dyne", Route::Maintenance)], 2), "dyne paused -");
        let resumed = Directive::Resumed { sets: BTreeSet::from(["dyne".parse().unwrap()]) };
        assert_eq!(state(&[pausing, resumed], 2), "dyne active -");
    }

    fn running() -> crate::domain::directive::Running {
        let task_definition = "arn:aws:ecs:eu-west-1:111111111111:task-definition/app-prod-dyne-iam:1".parse().unwrap();
        crate::domain::directive::Running { desired: 1, task_definition, scaling: None }
    }
}
