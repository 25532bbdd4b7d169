//! Cells of 3, 400 and 825 tenants: what each quota has left, and what breaks first.

use std::fmt::Write as _;

use super::*;
use crate::domain::ids::FleetName;

/// Five services a tenant of which four have requests, four of the control plane of which three have.
fn load(tenants: u32, tenants_max: Option<u32>) -> Load {
    let running = |tasks, cpu_units| Ok(Running { tasks, cpu_units });
    let fleet: FleetName = "prod".parse().unwrap();
    let set = |n: u32| (fleet.clone(), format!("t{n}").parse().unwrap(), running(5, 5 * 512));
    let control_plane = (fleet.clone(), SetId::control_plane(), running(8, 8 * 512));
    Load {
        cell: "prod-1".parse().unwrap(),
        tenants,
        clusters: 1,
        tenants_max,
        tenant: Count { all: 5, serving: 5, balanced: 4 },
        control_plane: Count { all: 4, serving: 4, balanced: 3 },
        running: Some((0..tenants).map(set).chain([control_plane]).collect()),
    }
}

/// What was granted to a cell that is meant to grow.
fn raised() -> BTreeMap<QuotaCode, f64> {
    let values = [
        ("L-3032A538", 4_000.0),
        ("L-FE177D64", 5_000.0),
        ("L-782A3EE2", 6_000.0),
        ("L-B22855CB", 6_000.0),
        ("L-7EED9B64", 200.0),
        ("L-DF5E4CA3", 10_000.0),
    ];
    let of = |(code, value)| (LIMITS.iter().find(|limit| limit.quota.code == code).unwrap().quota, value);
    values.into_iter().map(of).collect()
}

/// Name, used, limit and what is left, and what breaks first.
fn table(quotas: &CellQuotas) -> String {
    let mut table = String::new();
    for row in &quotas.rows {
        let what = row.what.split(',').next().unwrap();
        let left = row.tenants_left.map_or_else(|| "-".to_owned(), |left| left.to_string());
        let marks = [(row.is_passed(), "PASSED"), (row.is_near() && !row.is_passed(), "near")];
        let mark = marks.iter().find(|(is, _)| *is).map_or("", |(_, mark)| mark);
        let line = format!("{what}: {} of {}, {left} left {mark}", row.used.unwrap(), row.limit);
        writeln!(table, "{}", line.trim_end()).unwrap();
    }
    table
}

#[test]
fn a_new_account_holds_one_tenant_and_says_so() {
    let quotas = stand(&load(3, None), &BTreeMap::new(), None);
    insta::assert_snapshot!(table(&quotas), @"
    Fargate vCPUs: 14 of 6, 0 left PASSED
    IAM roles: 23 of 1000, 162 left
    scalable targets: 19 of 3000, 596 left
    target groups: 15 of 3000, 746 left
    network interfaces: 27 of 5000, 795 left
    services of one ECS cluster: 19 of 5000, 996 left
    load balancers: 1 of 50, 997 left
    security groups: 6 of 2500, 2494 left
    target groups of one load balancer: 15 of 100, - left
    rules of one load balancer: 18 of 100, - left
    ");
    assert_eq!(quotas.passed().count(), 1);
}

#[test]
fn four_hundred_tenants_fit_where_quotas_were_raised_and_roles_break_first() {
    let quotas = stand(&load(400, Some(400)), &raised(), Some(20.0));
    insta::assert_snapshot!(table(&quotas), @"
    IAM roles: 2405 of 5000, 432 left
    services of one ECS cluster: 2004 of 5000, 599 left
    load balancers: 20 of 50, 600 left
    scalable targets: 2004 of 6000, 799 left
    Fargate vCPUs: 1254 of 4000, 878 left
    target groups: 1603 of 6000, 1099 left
    network interfaces: 2508 of 10000, 1198 left
    security groups: 403 of 2500, 2097 left
    target groups of one load balancer: 83 of 100, - left
    rules of one load balancer: 103 of 200, - left
    ");
    assert_eq!(quotas.passed().count(), 0);
    assert_eq!(quotas.months().map(f64::round), Some(22.0));
}

#[test]
fn at_825_tenants_nothing_that_aws_gives_lets_in_many_more() {
    let quotas = stand(&load(825, None), &raised(), Some(-1.0));
    insta::assert_snapshot!(table(&quotas), @"
    IAM roles: 4955 of 5000, 7 left near
    services of one ECS cluster: 4129 of 5000, 174 left near
    load balancers: 42 of 50, 175 left near
    scalable targets: 4129 of 6000, 374 left
    Fargate vCPUs: 2583 of 4000, 453 left
    target groups: 3303 of 6000, 674 left
    network interfaces: 5165 of 10000, 773 left
    security groups: 828 of 2500, 1672 left
    target groups of one load balancer: 83 of 100, - left
    rules of one load balancer: 103 of 200, - left
    ");
    assert_eq!(quotas.rows[0].tenants_ever, Some(832), "5,000 roles are all there is");
    assert_eq!(quotas.months(), None, "fewer and fewer");
}

#[test]
fn what_one_set_runs_and_cannot_be_told_makes_the_sum_unknown() {
    let mut load = load(3, None);
    load.running.as_mut().unwrap()[1].2 = Err("throttled".to_owned());
    let quotas = stand(&load, &raised(), None);
    let unknown: Vec<_> = quotas.rows.iter().filter(|row| row.used.is_none()).map(|row| row.what).collect();
    assert_eq!(unknown.len(), 2, "{unknown:?}");
    assert_eq!(quotas.unknown, ["what t1 of prod runs: throttled"]);
}

#[test]
fn who_takes_too_much_should_leave_and_is_told_why() {
    let mut load = load(100, None);
    let running = load.running.as_mut().unwrap();
    running[7].2 = Ok(Running { tasks: 60, cpu_units: 60 * 1_024 });
    running[8].2 = Ok(Running { tasks: 10, cpu_units: 10 * 4_096 });
    let leavers = stand(&load, &raised(), None).leavers;
    let said: Vec<String> = leavers.iter().map(|(set, why)| format!("{set}: {}", why.join("; "))).collect();
    insta::assert_snapshot!(said.join("\n"), @"
    t7: 60 tasks, more than 50; 60.0 vCPUs, more than 25
    t8: 40.0 vCPUs, more than 25
    ");
}

#[test]
fn tenants_come_at_a_rate_that_takes_a_day_at_least_to_be_seen() {
    let at = |days: i64| Timestamp::from_second(days * 86_400).unwrap();
    assert_eq!(growth((at(0), 100), (at(90), 160)), Some(20.0));
    assert_eq!(growth((at(0), 10), (at(0), 20)), None);
}
