//! Metrics and alarms of CloudWatch, in all cells.
//!
//! Requests, 5XX and latency are those that the load balancer counts, since only it sees what never reached a
//! container; processor time and memory are ECS's. Read `balancers` for how a service's load balancer is found,
//! `datapoints` for what becomes of the answers.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_cloudwatch::types::{Dimension, Metric, MetricDataQuery, MetricStat};
use tokio::task::JoinSet;

use super::alarms;
use super::balancers::{Balancer, Balancers};
use super::budget::Group;
use super::cells::{Cells, doing};
use super::datapoints::{Found, Kind, series};
use super::failure::failure;
use crate::domain::gate::{Alarm, Series};
use crate::domain::ids::{CellName, ServiceKey};
use crate::ports::{Fault, MetricsQuery, MetricsReader, PortError, PortResult};

/// Metrics that one GetMetricData takes (API Reference).
const METRICS_PER_CALL: usize = 500;
/// Pages of one answer: 500 metrics of a day are eight.
const PAGES_MAX: usize = 50;
/// Seconds of a data point.
const PERIOD: i32 = 60;

/// CloudWatch in all cells.
#[derive(Debug)]
pub struct CloudWatch {
    cells: Arc<Cells>,
    balancers: Balancers,
}

impl CloudWatch {
    /// The metrics in these cells.
    pub fn new(cells: Arc<Cells>) -> Self {
        Self { balancers: Balancers::new(Arc::clone(&cells)), cells }
    }
}

#[async_trait]
impl MetricsReader for CloudWatch {
    async fn series(&self, queries: &[MetricsQuery]) -> BTreeMap<ServiceKey, Series> {
        let with_traffic: Vec<_> = queries.iter().filter(|query| query.traffic).map(|q| q.service.clone()).collect();
        let balancers = self.balancers.of(&with_traffic).await;
        let mut asked: BTreeMap<&CellName, Vec<Asked>> = BTreeMap::new();
        let mut all = BTreeMap::new();
        for query in queries {
            match metrics(query, balancers.get(&query.service.service)) {
                Ok(metrics) => asked.entry(&query.service.cell).or_default().extend(metrics),
                Err(why) => drop(all.insert(query.service.service.clone(), Series::Unknown(why))),
            }
        }
        let found = self.ask_all(asked).await;
        for query in queries.iter().filter(|query| !all.contains_key(&query.service.service)).collect::<Vec<_>>() {
            let of = found.iter().filter(|(asked, _)| asked.service == query.service.service);
            let of = of.map(|(asked, found)| (asked.kind, found));
            all.insert(query.service.service.clone(), series(query.traffic, of));
        }
        all
    }

    async fn alarms(&self, cell: &CellName, prefix: &str, only_ringing: bool) -> PortResult<Vec<Alarm>> {
        alarms::alarms(self.cells.clients(cell).await?, cell, prefix, only_ringing).await
    }
}

/// One metric that is asked for.
#[derive(Clone, Debug)]
struct Asked {
    service: ServiceKey,
    kind: Kind,
    metric: Metric,
    stat: &'static str,
    from: i64,
    to: i64,
}

/// The metrics that a query takes.
///
/// # Errors
/// The service should have traffic and nothing says where it is counted.
fn metrics(query: &MetricsQuery, balancers: Option<&Result<Vec<Balancer>, String>>) -> Result<Vec<Asked>, String> {
    let asked = |kind, metric, stat| {
        let (from, to) = (query.from.as_second(), query.to.as_second());
        Asked { service: query.service.service.clone(), kind, metric, stat, from, to }
    };
    let mut all = Vec::new();
    if query.traffic {
        let balancers = balancers.ok_or("its load balancer was not looked for")?.as_ref().map_err(Clone::clone)?;
        if balancers.is_empty() {
            return Err("no load balancer counts its requests".to_owned());
        }
        for balancer in balancers {
            let of = |name| metric("AWS/ApplicationELB", name, &balancer.dimensions());
            all.push(asked(Kind::Requests, of("RequestCount"), "Sum"));
            all.push(asked(Kind::Errors, of("HTTPCode_Target_5XX_Count"), "Sum"));
            if query.latency {
                all.push(asked(Kind::P99, of("TargetResponseTime"), "p99"));
            }
        }
    }
    if query.saturation {
        let address = &query.service;
        let dimensions = [("ClusterName", address.cluster.as_str()), ("ServiceName", address.ecs_service.as_str())];
        all.push(asked(Kind::Cpu, metric("AWS/ECS", "CPUUtilization", &dimensions), "Average"));
        all.push(asked(Kind::Memory, metric("AWS/ECS", "MemoryUtilization", &dimensions), "Maximum"));
    }
    Ok(all)
}

fn metric(namespace: &str, name: &str, dimensions: &[(&str, &str)]) -> Metric {
    let dimension = |(name, value): &(&str, &str)| Dimension::builder().name(*name).value(*value).build();
    let dimensions = dimensions.iter().map(dimension).collect();
    Metric::builder().namespace(namespace).metric_name(name).set_dimensions(Some(dimensions)).build()
}

impl CloudWatch {
    /// Asks for all of them, 500 a call, calls side by side.
    async fn ask_all(&self, asked: BTreeMap<&CellName, Vec<Asked>>) -> Vec<(Asked, Found)> {
        let mut calls = JoinSet::new();
        let mut found = Vec::new();
        for (cell, asked) in asked {
            for batch in asked.chunks(METRICS_PER_CALL) {
                let (cells, cell, batch) = (Arc::clone(&self.cells), cell.clone(), batch.to_vec());
                calls.spawn(async move {
                    let answers = ask(&cells, &cell, &batch).await;
                    let failed = |error: &PortError| Found::failed(error.to_string());
                    let of = |n: usize| match &answers {
                        Ok(answers) => answers.get(n).cloned().unwrap_or_else(|| Found::failed("no answer".to_owned())),
                        Err(error) => failed(error),
                    };
                    batch.into_iter().enumerate().map(|(n, asked)| (asked, of(n))).collect::<Vec<_>>()
                });
            }
        }
        // A call that broke off leaves its metrics out, and what is left out is unknown.
        while let Some(call) = calls.join_next().await {
            found.extend(call.unwrap_or_default());
        }
        found
    }
}

/// What was found for each metric of a batch, in its order.
async fn ask(cells: &Cells, cell: &CellName, batch: &[Asked]) -> PortResult<Vec<Found>> {
    let doing = doing("reading metrics", cell);
    let clients = cells.clients(cell).await?;
    let queries: Vec<MetricDataQuery> = batch.iter().enumerate().map(|(n, asked)| query(n, asked)).collect();
    let from = batch.iter().map(|asked| asked.from).min().unwrap_or_default();
    let to = batch.iter().map(|asked| asked.to).max().unwrap_or_default();
    let mut found = vec![Found::default(); batch.len()];
    let mut next: Option<String> = None;
    for _ in 0..PAGES_MAX {
        clients.pace(Group::MetricsRead).await;
        let call = clients.cloudwatch.get_metric_data().set_metric_data_queries(Some(queries.clone()));
        let call = call.start_time(from_seconds(from)).end_time(from_seconds(to)).set_next_token(next.take());
        let answer = call.send().await.map_err(|error| failure(&doing, &error))?;
        for result in answer.metric_data_results() {
            let place = result.id().and_then(|id| id.strip_prefix('m')?.parse::<usize>().ok());
            if let Some(found) = place.and_then(|place| found.get_mut(place)) {
                found.take_in(result);
            }
        }
        match answer.next_token {
            None => return Ok(found),
            // Another token than none and the same again would go on for ever.
            token => next = token,
        }
    }
    Err(PortError::new(Fault::Refused, doing, format!("the answer has more than {PAGES_MAX} pages")))
}

fn query(n: usize, asked: &Asked) -> MetricDataQuery {
    let stat = MetricStat::builder().metric(asked.metric.clone()).period(PERIOD).stat(asked.stat).build();
    MetricDataQuery::builder().id(format!("m{n}")).metric_stat(stat).return_data(true).build()
}

fn from_seconds(seconds: i64) -> aws_smithy_types::DateTime {
    aws_smithy_types::DateTime::from_secs(seconds)
}
