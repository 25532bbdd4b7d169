//! What load balancers do with requests for a set's host: their rules, from its services' target groups, and the order
//! in which they are asked.
//!
//! Only the order is ever changed. The right to that alone cannot send one tenant's requests to another, which the
//! right to make or change a rule could.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_elasticloadbalancingv2::types::{ActionTypeEnum, Rule, RulePriorityPair};

use super::budget::Group;
use super::cells::{Cells, Clients, doing};
use super::failure::failure;
use super::services::{Described, describe};
use crate::domain::fleet::Address;
use crate::domain::ids::{CellName, SetId};
use crate::domain::pause::{ClosedRule, Routes};
use crate::ports::{Entrance, Fault, PortError, PortResult, RouteReader, RouteWriter};

/// Target groups that are asked for with one call.
const GROUPS_PER_CALL: usize = 20;
/// Pages of rules that are read of one listener: a load balancer has 100 rules by default.
const PAGES: usize = 20;

/// The load balancers of all cells.
#[derive(Clone, Debug)]
pub struct ElbRoutes {
    cells: Arc<Cells>,
}

/// The rules of a cell's load balancers, each of which is asked for once.
#[derive(Default)]
struct Known(BTreeMap<String, Vec<Rule>>);

impl ElbRoutes {
    /// The load balancers in these cells.
    pub fn new(cells: Arc<Cells>) -> Self {
        Self { cells }
    }

    async fn of(&self, entrance: &Entrance, groups: &Groups, known: &mut Known) -> PortResult<Routes> {
        let Some(cell) = entrance.services.first().map(|service| &service.cell) else { return Ok(Routes::default()) };
        let clients = self.cells.clients(cell).await?;
        let mut arns = Vec::new();
        for service in &entrance.services {
            arns.extend(groups.of(service)?.iter().cloned());
        }
        let mut routes = Routes::default();
        for balancer in balancers(clients, cell, &arns).await? {
            for rule in known.rules(clients, cell, &balancer).await? {
                add(&mut routes, rule, &entrance.host);
            }
        }
        Ok(routes)
    }
}

/// The target groups of services, as ECS names them.
struct Groups(BTreeMap<Address, Result<Vec<String>, String>>);

impl Groups {
    async fn read(cells: &Arc<Cells>, services: &[Address]) -> Self {
        let of = |described| match described {
            Described::Active(service) => Ok(service
                .load_balancers()
                .iter()
                .filter_map(|balancer| balancer.target_group_arn().map(str::to_owned))
                .collect()),
            Described::Missing => Err("ECS knows no such active service".to_owned()),
            Described::Unreadable(why) => Err(why),
        };
        Self(describe(cells, services).await.into_iter().map(|(address, found)| (address, of(found))).collect())
    }

    fn of(&self, service: &Address) -> PortResult<&[String]> {
        let doing = || doing(format!("reading the load balancer of {}", service.ecs_service), &service.cell);
        match self.0.get(service) {
            Some(Ok(arns)) => Ok(arns),
            Some(Err(why)) => Err(PortError::new(Fault::Unavailable, doing(), why)),
            None => Err(PortError::new(Fault::Unavailable, doing(), "it was not read")),
        }
    }
}

/// The load balancers in front of these target groups.
async fn balancers(clients: &Clients, cell: &CellName, arns: &[String]) -> PortResult<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    for batch in arns.chunks(GROUPS_PER_CALL) {
        clients.pace(Group::LoadBalancerRead).await;
        let call = clients.elb.describe_target_groups().set_target_group_arns(Some(batch.to_vec()));
        let answer = call.send().await.map_err(|error| failure(doing("reading target groups", cell), &error))?;
        found.extend(answer.target_groups().iter().flat_map(|group| group.load_balancer_arns().iter().cloned()));
    }
    Ok(found)
}

impl Known {
    async fn rules(&mut self, clients: &Clients, cell: &CellName, balancer: &str) -> PortResult<&[Rule]> {
        if !self.0.contains_key(balancer) {
            let mut rules = Vec::new();
            clients.pace(Group::LoadBalancerRead).await;
            let call = clients.elb.describe_listeners().load_balancer_arn(balancer);
            let listeners = call.send().await.map_err(|error| failure(doing("reading listeners", cell), &error))?;
            for listener in listeners.listeners().iter().filter_map(|listener| listener.listener_arn()) {
                rules.extend(of_listener(clients, cell, listener).await?);
            }
            self.0.insert(balancer.to_owned(), rules);
        }
        Ok(self.0.get(balancer).map(Vec::as_slice).unwrap_or_default())
    }
}

async fn of_listener(clients: &Clients, cell: &CellName, listener: &str) -> PortResult<Vec<Rule>> {
    let doing = doing("reading rules of a listener", cell);
    let (mut rules, mut next) = (Vec::new(), None);
    for _ in 0..PAGES {
        clients.pace(Group::LoadBalancerRead).await;
        let call = clients.elb.describe_rules().listener_arn(listener).set_marker(next);
        let page = call.send().await.map_err(|error| failure(&doing, &error))?;
        rules.extend(page.rules.unwrap_or_default());
        next = page.next_marker;
        if next.is_none() {
            return Ok(rules);
        }
    }
    Err(PortError::new(Fault::Refused, doing, format!("the answer does not end after {PAGES} pages")))
}

/// Counts a rule in, if it is about this host.
fn add(routes: &mut Routes, rule: &Rule, host: &str) {
    let hosts = |condition: &&aws_sdk_elasticloadbalancingv2::types::RuleCondition| {
        let values = condition.host_header_config().map_or(condition.values(), |config| config.values());
        condition.field() == Some("host-header") && values.iter().any(|value| value.eq_ignore_ascii_case(host))
    };
    if !rule.conditions().iter().any(|condition| hosts(&condition)) {
        return;
    }
    let is = |kind: &ActionTypeEnum| rule.actions().iter().any(|action| action.r#type() == Some(kind));
    let answers = rule.actions().iter().filter_map(|action| action.fixed_response_config()?.status_code());
    routes.forwards += usize::from(is(&ActionTypeEnum::Forward));
    let priority = rule.priority().and_then(|priority| priority.parse().ok());
    if let (Some(arn), Some(priority), [_], true) = (rule.rule_arn(), priority, rule.conditions(), answers.eq(["503"]))
    {
        routes.closed.push(ClosedRule { arn: arn.to_owned(), priority });
    }
}

#[async_trait]
impl RouteReader for ElbRoutes {
    async fn routes(&self, entrances: &[Entrance]) -> BTreeMap<SetId, PortResult<Routes>> {
        let services: Vec<Address> = entrances.iter().flat_map(|entrance| entrance.services.clone()).collect();
        let groups = Groups::read(&self.cells, &services).await;
        let (mut all, mut known) = (BTreeMap::new(), Known::default());
        for entrance in entrances {
            all.insert(entrance.set.clone(), self.of(entrance, &groups, &mut known).await);
        }
        all
    }
}

#[async_trait]
impl RouteWriter for ElbRoutes {
    async fn set_priority(&self, cell: &CellName, rule: &ClosedRule, priority: u32) -> PortResult<()> {
        let doing = doing(format!("moving a rule from priority {} to {priority}", rule.priority), cell);
        let to = i32::try_from(priority).map_err(|_| PortError::new(Fault::Refused, &doing, "no such priority"))?;
        let clients = self.cells.clients(cell).await?;
        clients.pace(Group::LoadBalancerModify).await;
        let pair = RulePriorityPair::builder().rule_arn(&rule.arn).priority(to).build();
        let call = clients.elb.set_rule_priorities().rule_priorities(pair);
        call.send().await.map(drop).map_err(|error| failure(doing, &error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::aws::loopback::{Asked, Loopback, Reply, address, cell_name};
    use serde_json::json;

    const GROUP: &str = "arn:aws:elasticloadbalancing:eu-west-1:111111111111:targetgroup/prod-acme-iam/1";

    fn answer(action: &str, result: &str) -> Reply {
        let namespace = "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/";
        (
            200,
            format!(
                "<{action}Response xmlns=\"{namespace}\"><{action}Result>{result}</{action}Result></{action}Response>"
            ),
        )
    }

    fn rule(name: &str, priority: &str, host: &str, path: Option<&str>, action: &str) -> String {
        let condition = |field: &str, config: &str, value: &str| {
            format!(
                "<member><Field>{field}</Field><{config}><Values><member>{value}</member></Values></{config}></member>"
            )
        };
        let path = path.map(|path| condition("path-pattern", "PathPatternConfig", path)).unwrap_or_default();
        let host = condition("host-header", "HostHeaderConfig", host);
        format!(
            "<member><RuleArn>{name}</RuleArn><Priority>{priority}</Priority><Conditions>{host}{path}</Conditions>\
             <Actions><member>{action}</member></Actions></member>"
        )
    }

    fn fixed(code: &str) -> String {
        let config = format!("<FixedResponseConfig><StatusCode>{code}</StatusCode></FixedResponseConfig>");
        format!("<Type>fixed-response</Type>{config}")
    }

    /// A load balancer with these rules on two pages, before the service of acme.
    fn balancer(asked: &Asked, first: &str, second: &str) -> Reply {
        match asked.action().as_str() {
            "DescribeServices" => {
                let service = json!({"serviceName": address("acme").ecs_service, "status": "ACTIVE",
                                     "loadBalancers": [{"targetGroupArn": GROUP}]});
                (200, json!({"services": [service], "failures": []}).to_string())
            }
            "DescribeTargetGroups" => answer(
                "DescribeTargetGroups",
                "<TargetGroups><member><LoadBalancerArns><member>lb-1</member></LoadBalancerArns></member></TargetGroups>",
            ),
            "DescribeListeners" => answer(
                "DescribeListeners",
                "<Listeners><member><ListenerArn>listener-1</ListenerArn></member></Listeners>",
            ),
            "DescribeRules" if asked.field("Marker").is_none() => {
                answer("DescribeRules", &format!("<Rules>{first}</Rules><NextMarker>more</NextMarker>"))
            }
            "DescribeRules" => answer("DescribeRules", &format!("<Rules>{second}</Rules>")),
            _ => answer("SetRulePriorities", ""),
        }
    }

    fn entrance() -> Entrance {
        let host = "acme.shop.example".to_owned();
        Entrance { set: "acme".parse().unwrap(), host, services: vec![address("acme")] }
    }

    async fn read(aws: &Loopback) -> PortResult<Routes> {
        let routes = ElbRoutes::new(aws.cells().await).routes(&[entrance()]).await;
        routes.into_values().next().unwrap()
    }

    #[tokio::test]
    async fn rules_of_the_host_are_told_apart_on_every_page() {
        let forward = "<Type>forward</Type>";
        let first = [
            rule("f", "1040", "Acme.shop.example", Some("/iam/*"), forward),
            rule("o", "1080", "bolt.shop.example", Some("/iam/*"), forward),
            rule("oc", "40002", "bolt.shop.example", None, &fixed("503")),
        ];
        let second = [
            rule("c", "40001", "acme.shop.example", None, &fixed("503")),
            rule("part", "7", "acme.shop.example", Some("/down"), &fixed("503")),
            rule("gone", "9", "acme.shop.example", None, &fixed("404")),
            "<member><RuleArn>d</RuleArn><Priority>default</Priority></member>".to_owned(),
        ];
        let (first, second) = (first.concat(), second.concat());
        let aws = Loopback::serve(move |asked| balancer(asked, &first, &second)).await;
        let routes = read(&aws).await.unwrap();
        let closed = ClosedRule { arn: "c".to_owned(), priority: 40_001 };
        assert_eq!(routes, Routes { closed: vec![closed.clone()], forwards: 1 });
        assert_eq!(routes.rule(), Ok(Some(&closed)));
    }

    #[tokio::test]
    async fn inv_09_what_could_not_be_read_is_no_open_route_and_no_closed_one() {
        let aws = Loopback::serve(|asked| match asked.action().as_str() {
            "DescribeRules" => (503, "<ErrorResponse/>".to_owned()),
            "DescribeServices" => (200, json!({"services": [], "failures": [{"reason": "MISSING"}]}).to_string()),
            _ => balancer(asked, "", ""),
        })
        .await;
        assert!(read(&aws).await.is_err());
    }

    #[tokio::test]
    async fn the_priority_is_sent_and_nothing_else() {
        let aws = Loopback::serve(|asked| balancer(asked, "", "")).await;
        let rule = ClosedRule { arn: "c".to_owned(), priority: 40_001 };
        ElbRoutes::new(aws.cells().await).set_priority(&cell_name(), &rule, 21).await.unwrap();
        let body = String::from_utf8(aws.asked_for("SetRulePriorities")[0].body.to_vec()).unwrap();
        let sent: Vec<&str> = body.split('&').filter(|field| !field.starts_with("Version=")).collect();
        assert_eq!(
            sent,
            ["Action=SetRulePriorities", "RulePriorities.member.1.RuleArn=c", "RulePriorities.member.1.Priority=21"]
        );
    }
}
