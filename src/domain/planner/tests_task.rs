//! What a plan makes of one-shot tasks: once for each set and image, before what serves, and no way back over a
//! migration that does not allow it.

use proptest::prelude::*;

use super::sample::{World, digest, key, release, template, version};
use super::{Migration, plan_back};
use crate::domain::ids::{ServiceKey, SetId};
use crate::domain::ledger::{ServiceResult, ServiceState};
use crate::domain::plan::{Direction, Plan, Target};
use crate::domain::service::MigrationClass::{self, Contract, Expand, Irreversible};
use crate::domain::service::{Role, Service, ServiceGraph};
use crate::domain::snapshot::{FamilySeen, Runs};

/// The sample with a migration beside the tenants' services.
fn world(tenants: usize, class: MigrationClass) -> World {
    let mut world = World::growing(tenants);
    let mut services: Vec<Service> = world.app.services.iter().cloned().collect();
    let task = Service {
        name: "migration".parse().unwrap(),
        role: Role::Task { class },
        http: None,
        after: std::collections::BTreeSet::new(),
        ..services[0].clone()
    };
    services.push(task);
    world.app.services = ServiceGraph::new(services).unwrap();
    world.release = release(&world.app, "1.1.0");
    let tasks: Vec<ServiceKey> = world.app.tasks_in(world.fleet()).filter(|key| !key.set.is_control_plane()).collect();
    for task in tasks {
        let template = template(&task, "256");
        let newest = template.render(&task.service, "x").unwrap();
        let arn = format!("arn:aws:ecs:eu-west-1:2:task-definition/shop-prod-{}-migration:3", task.set);
        let runs = Runs { task_definition: arn.parse().unwrap(), hash: newest.hash, digest: None };
        world.families.insert(task.clone(), FamilySeen::Active(runs));
        world.templates.insert(task, template);
    }
    world
}

fn ran(world: &mut World, task: &str, of: &str, result: ServiceResult) {
    let image = release(&world.app, of).images[&key(task).service].clone();
    let runs = Target {
        hash: image.content.clone(),
        task_definition: None,
        template: None,
        digest: Some(image.digest),
        version: Some(image.built_as),
        tasks: None,
    };
    let state = ServiceState { release: version(of), runs, result, at: jiff::Timestamp::UNIX_EPOCH };
    world.state.services.insert(key(task), state);
}

fn tasks(plan: &Plan) -> Vec<(String, MigrationClass)> {
    let class = |role| match role {
        Role::Task { class } => Some(class),
        Role::Serving | Role::SmokeTest => None,
    };
    plan.changes().filter_map(|change| Some((change.service.to_string(), class(change.role)?))).collect()
}

#[test]
fn a_task_comes_before_everything_that_serves_in_its_set() {
    let plan = world(1, Expand).plan().unwrap();
    let of_set: Vec<_> = plan.changes().filter(|change| change.service.set.as_str() == "t00").collect();
    let names: Vec<&str> = of_set.iter().map(|change| change.service.service.as_str()).collect();
    assert_eq!(names, ["migration", "api", "search", "worker"]);
    for change in &of_set[1..] {
        assert!(change.after.contains(&"migration".parse().unwrap()), "{}", change.service);
    }
    let task = of_set[0];
    assert_eq!((task.ecs_service.as_str(), &task.probe, task.after.len()), ("shop-prod-t00-migration", &None, 0));
    assert_eq!(task.target.digest, Some(digest("migration 1.1.0")));
    assert!(task.before.task_definition.as_ref().unwrap().as_str().ends_with("-migration:3"), "its template");
}

#[test]
fn what_is_recorded_to_have_run_does_not_run_again() {
    let mut world = world(2, Expand);
    ran(&mut world, "t00/migration", "1.1.0", ServiceResult::Live);
    ran(&mut world, "t01/migration", "1.0.0", ServiceResult::Live);
    assert_eq!(tasks(&world.plan().unwrap()), [("t01/migration".to_owned(), Expand)]);
    ran(&mut world, "t00/migration", "1.1.0", ServiceResult::NotReached);
    assert_eq!(tasks(&world.plan().unwrap()).len(), 2, "only a success counts");
}

#[test]
fn a_task_without_a_family_or_one_that_cannot_be_read_is_refused() {
    let mut world = world(1, Expand);
    world.families.insert(key("t00/migration"), FamilySeen::Missing);
    let told = world.plan().unwrap_err()[0].to_string();
    assert_eq!(told, "t00/migration is not ready: ECS has no active task definition of family shop-prod-t00-migration");
    world.families.insert(key("t00/migration"), FamilySeen::Unreachable { why: "no route".to_owned() });
    assert_eq!(world.plan().unwrap_err()[0].code(), "gate_unknown");
}

#[test]
fn a_task_whose_template_is_published_needs_no_revision_of_its_family_before_its_first_run() {
    let mut world = world(1, Expand);
    let task = key("t00/migration");
    world.families.insert(task.clone(), FamilySeen::Missing);
    world.changes.insert(task.clone(), super::sample::more_memory());
    let plan = world.plan().unwrap();
    let change = plan.changes().find(|change| change.service == task).unwrap();
    assert_eq!((&change.before.task_definition, &change.before.digest), (&None, &None));
    assert_eq!(change.target.template, Some(world.templates[&task].hash()));
}

#[test]
fn a_rollback_runs_no_task_and_is_refused_over_a_migration_that_forbids_it() {
    let done = world(2, Expand).plan().unwrap();
    let back = plan_back(&done, 0..done.waves.len(), None, None).unwrap();
    assert_eq!(tasks(&back), []);
    assert_eq!(back.changes().count(), done.changes().count() - 2);
    let mut to = world(2, Expand);
    to.direction = Direction::RollbackTo(version("1.1.0"));
    assert_eq!(tasks(&to.plan().unwrap()), []);
    for class in [Contract, Irreversible] {
        let done = world(2, class).plan().unwrap();
        let refused = plan_back(&done, 0..done.waves.len(), None, None).unwrap_err();
        assert_eq!(refused.code(), "migration_in_the_way");
        let control_plane = SetId::control_plane();
        assert!(plan_back(&done, 0..1, Some(&control_plane), None).is_ok(), "it has no migration");
    }
}

#[test]
fn a_set_that_skipped_releases_gets_the_worst_of_their_migrations() {
    let mut world = world(2, Expand);
    ran(&mut world, "t00/migration", "1.0.0", ServiceResult::Live);
    ran(&mut world, "t01/migration", "1.0.1", ServiceResult::Live);
    let migration = |of: &str, class| Migration {
        version: version(of),
        task: "migration".parse().unwrap(),
        digest: digest(&format!("migration {of}")),
        class,
    };
    world.migrations =
        vec![migration("1.0.0", Irreversible), migration("1.0.1", Contract), migration("1.2.0", Irreversible)];
    let mut classes = tasks(&world.plan().unwrap());
    classes.sort();
    assert_eq!(classes, [("t00/migration".to_owned(), Contract), ("t01/migration".to_owned(), Expand)]);
}

#[test]
fn plans_from_before_there_were_tasks_are_read_and_keep_their_hash() {
    let plan = World::growing(1).plan().unwrap();
    let json = serde_json::to_value(&plan).unwrap();
    assert!(!json.to_string().contains("\"role\""));
    assert_eq!(serde_json::from_value::<Plan>(json).unwrap().hash(), plan.hash());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(48) })]

    #[test]
    fn a_task_is_planned_for_exactly_the_sets_whose_records_lack_its_image(records in proptest::collection::vec(0u8..4, 1..12)) {
        let mut world = world(records.len(), Expand);
        let mut lacking = Vec::new();
        for (tenant, record) in records.iter().enumerate() {
            let task = format!("t{tenant:02}/migration");
            match record {
                0 => {}
                1 => ran(&mut world, &task, "1.1.0", ServiceResult::Live),
                2 => ran(&mut world, &task, "1.1.0", ServiceResult::Unknown),
                _ => ran(&mut world, &task, "1.0.0", ServiceResult::Live),
            }
            if *record != 1 {
                lacking.push(task);
            }
        }
        let mut planned: Vec<String> = tasks(&world.plan().unwrap()).into_iter().map(|(task, _)| task).collect();
        planned.sort();
        prop_assert_eq!(planned, lacking);
    }
}
