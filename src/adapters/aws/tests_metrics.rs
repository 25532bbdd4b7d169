//! What CloudWatch can answer, and the verdict that comes of it: from bytes on the wire to the judgement, with
//! everything that is missing, late, partial or a word of next year.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::cloudwatch::CloudWatch;
use super::loopback::{Asked, Loopback, Reply, address, cell_name, error};
use crate::domain::gate::{
    AlarmPolicy, AlarmsSeen, Ceiling, ErrorPolicy, ErrorTest, Finding, GateName, Series, Verdict, Window, judge_alarms,
    judge_ceiling, judge_errors,
};
use crate::ports::{MetricsQuery, MetricsReader};

const MINUTES: i64 = 10;

fn at(minute: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_040 + minute * 60).unwrap()
}

fn window() -> Window {
    Window { from: at(0), to: at(MINUTES) }
}

fn query(tenant: &str) -> MetricsQuery {
    let service = address(tenant);
    MetricsQuery { service, traffic: true, latency: true, saturation: true, from: at(0), to: at(MINUTES) }
}

fn group(tenant: &str) -> String {
    format!("arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/{tenant}/0123")
}

/// ECS's and ELB's part: every service has a target group behind one load balancer.
fn around(asked: &Asked) -> Option<Reply> {
    match asked.action().as_str() {
        "DescribeServices" => {
            let service = |name: &Value| {
                let tenant = name.as_str().unwrap().split('-').nth(2).unwrap();
                json!({"serviceName": name, "status": "ACTIVE", "loadBalancers": [{"targetGroupArn": group(tenant)}]})
            };
            let services: Vec<Value> = asked.json()["services"].as_array().unwrap().iter().map(service).collect();
            Some((200, json!({"services": services, "failures": []}).to_string()))
        }
        "DescribeTargetGroups" => {
            let body = String::from_utf8_lossy(&asked.body).into_owned();
            let arns = body.split('&').filter(|field| field.starts_with("TargetGroupArns.")).map(|field| {
                let arn = field.split_once('=').unwrap().1.replace("%3A", ":").replace("%2F", "/");
                let balancer = "arn:aws:elasticloadbalancing:eu-west-1:1:loadbalancer/app/shared/4567";
                format!(
                    "<member><TargetGroupArn>{arn}</TargetGroupArn><LoadBalancerArns><member>{balancer}</member>\
                     </LoadBalancerArns></member>"
                )
            });
            let groups: String = arns.collect();
            Some((
                200,
                format!(
                    "<DescribeTargetGroupsResponse xmlns=\"http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/\">\
                     <DescribeTargetGroupsResult><TargetGroups>{groups}</TargetGroups></DescribeTargetGroupsResult>\
                     </DescribeTargetGroupsResponse>"
                ),
            ))
        }
        _ => None,
    }
}

/// Values of minutes 0, 1, 2 ..., of which those that are null are not sent.
fn result(id: &str, status: Value, values: &[Value]) -> Value {
    let sent = || values.iter().enumerate().filter(|(_, value)| !value.is_null());
    let times: Vec<i64> = sent().map(|(n, _)| at(i64::try_from(n).unwrap()).as_second()).collect();
    let values: Vec<Value> = sent().map(|(_, value)| value.clone()).collect();
    json!({"Id": id, "StatusCode": status, "Timestamps": times, "Values": values})
}

fn all(value: Value) -> Vec<Value> {
    vec![value; usize::try_from(MINUTES).unwrap()]
}

/// A healthy answer: requests, 5XX (none is sent), p99 in seconds, processor time and memory.
fn healthy() -> Vec<Value> {
    let complete = || json!("Complete");
    vec![
        result("m0", complete(), &all(json!(100.0))),
        result("m1", complete(), &[]),
        result("m2", complete(), &all(json!(0.12))),
        result("m3", complete(), &all(json!(20.4))),
        result("m4", complete(), &all(json!(40.0))),
    ]
}

/// The healthy answer with one result in the place of that of the same id.
fn with(results: Value) -> Value {
    let mut all = healthy();
    match all.iter_mut().find(|there| there["Id"] == results["Id"]) {
        Some(place) => *place = results,
        None => all.push(results),
    }
    json!({"MetricDataResults": all})
}

/// The series that comes of these pages.
async fn series_of(pages: Vec<Reply>) -> Series {
    let aws = Loopback::serve(move |asked| {
        around(asked).unwrap_or_else(|| {
            let page = asked.json()["NextToken"].as_str().map_or(0, |token| token.parse().unwrap());
            pages.get::<usize>(page).cloned().unwrap_or((500, String::new()))
        })
    })
    .await;
    let cloudwatch = CloudWatch::new(aws.cells().await);
    cloudwatch.series(&[query("acme")]).await.remove(&address("acme").service).unwrap()
}

/// The verdicts on a series: of errors, latency, processor time and memory.
fn verdicts(series: &Series) -> [Finding; 4] {
    let policy = ErrorPolicy { good: 1_000, bad: 10_000, requests_min: 443, noise: 1, observe: false };
    let test = ErrorTest { policy: &policy, alpha: 0.001, minutes: 60, window: window() };
    let service = address("acme").service;
    let ceiling = |gate, max| {
        let ceiling = Ceiling { gate, max, breaches: 3, of: 5, observe: false };
        judge_ceiling(&ceiling, &service, Some(series), &window())
    };
    [
        judge_errors(&test, &service, Some(series), false),
        ceiling(GateName::Latency, 800),
        ceiling(GateName::Cpu, 80),
        ceiling(GateName::Memory, 90),
    ]
}

/// `p`ass, `f`ail, `u`nknown, and `-` for unknown without a vote.
fn letters(findings: &[Finding]) -> String {
    let letter = |finding: &Finding| match (&finding.verdict, finding.votes) {
        (Verdict::Pass, _) => 'p',
        (Verdict::Fail(_), _) => 'f',
        (Verdict::Unknown(_), true) => 'u',
        (Verdict::Unknown(_), false) => '-',
    };
    findings.iter().map(letter).collect()
}

/// Each answer of GetMetricData and the four verdicts that come of it.
#[tokio::test]
async fn inv_09_every_answer_of_get_metric_data_has_its_verdict() {
    let complete = || json!("Complete");
    let one = |value: Value| (200, value.to_string());
    let values = |list: &[Value]| list.to_vec();
    let some_null = || values(&[json!(100), json!(100), Value::Null, json!(100), json!(100), json!(100), json!(100)]);
    let rows: Vec<(&str, Reply, &str)> = vec![
        ("healthy, no 5XX sent", one(json!({"MetricDataResults": healthy()})), "pppp"),
        ("5XX sent as zero", one(with(result("m1", complete(), &all(json!(0))))), "pppp"),
        ("one error", one(with(result("m1", complete(), &[json!(1)]))), "pppp"),
        ("five in a hundred fail", one(with(result("m1", complete(), &all(json!(5))))), "fppp"),
        ("all fail", one(with(result("m1", complete(), &all(json!(100))))), "fppp"),
        ("one bad minute alone", one(with(result("m1", complete(), &[json!(100)]))), "uppp"),
        ("more errors than requests", one(with(result("m1", complete(), &[json!(101)]))), "uuuu"),
        ("errors and no requests at all", one(with(result("m0", complete(), &[]))), "u-pp"),
        ("a minute without requests", one(with(result("m0", complete(), &some_null()))), "pppp"),
        ("ten requests in all", one(with(result("m0", complete(), &all(json!(1))))), "--pp"),
        ("negative requests", one(with(result("m0", complete(), &all(json!(-1))))), "uuuu"),
        ("half a request", one(with(result("m0", complete(), &all(json!(0.5))))), "uuuu"),
        ("more than can be", one(with(result("m0", complete(), &all(json!(1e300))))), "uuuu"),
        (
            "slow in three of five minutes",
            one(with(result("m2", complete(), &values(&[json!(0.9), json!(0.9), json!(0.1), json!(0.9), json!(0.1)])))),
            "pfpp",
        ),
        (
            "slow in two of five",
            one(with(result("m2", complete(), &values(&[json!(0.9), json!(0.9), json!(0.1), json!(0.1), json!(0.1)])))),
            "pppp",
        ),
        (
            "latency of four minutes only",
            one(with(result("m2", complete(), &values(&[json!(0.1), json!(0.1), json!(0.1), json!(0.1)])))),
            "pupp",
        ),
        ("no latency at all", one(with(result("m2", complete(), &[]))), "pupp"),
        ("latency below zero", one(with(result("m2", complete(), &all(json!(-0.1))))), "uuuu"),
        ("processor at its end", one(with(result("m3", complete(), &all(json!(99.5))))), "ppfp"),
        ("memory at its end", one(with(result("m4", complete(), &all(json!(97))))), "pppf"),
        ("no saturation sent", one(with(result("m3", complete(), &[]))), "ppup"),
        ("PartialData and no more pages", one(with(result("m0", json!("PartialData"), &all(json!(100))))), "uuuu"),
        ("InternalError", one(with(result("m1", json!("InternalError"), &[]))), "uuuu"),
        ("Forbidden", one(with(result("m4", json!("Forbidden"), &[]))), "uuuu"),
        ("a status of next year", one(with(result("m2", json!("Settling"), &all(json!(0.1))))), "uuuu"),
        ("no status", one(with(result("m2", Value::Null, &all(json!(0.1))))), "uuuu"),
        (
            "more times than values",
            one(with(json!({"Id": "m0", "StatusCode": "Complete", "Timestamps": [at(0).as_second()], "Values": []}))),
            "uuuu",
        ),
        ("a result is not there", one(json!({"MetricDataResults": &healthy()[..4]})), "uuuu"),
        ("results of somebody else", one(with(result("x9", complete(), &all(json!(1))))), "pppp"),
        ("no results", one(json!({"MetricDataResults": []})), "uuuu"),
        ("an empty answer", one(json!({})), "uuuu"),
        ("HTML in the place of an answer", (200, "<html>".to_owned()), "uuuu"),
        ("throttled", error(400, "ThrottlingException", "Rate exceeded"), "uuuu"),
        ("not allowed", error(403, "AccessDenied", "no"), "uuuu"),
    ];
    let mut reads = tokio::task::JoinSet::new();
    for (what, reply, wanted) in rows {
        reads.spawn(async move { (what, series_of(vec![reply]).await, wanted) });
    }
    let mut wrong = Vec::new();
    while let Some(read) = reads.join_next().await {
        let (what, series, wanted) = read.unwrap();
        let found = letters(&verdicts(&series));
        if found != wanted {
            wrong.push(format!("{what}: {found} and not {wanted}: {series:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn pages_are_put_together_and_the_last_status_counts() {
    let mut first = healthy();
    first[0] = result("m0", json!("PartialData"), &[json!(100)]);
    let mut rest = result("m0", json!("Complete"), &all(json!(100)));
    rest["Timestamps"].as_array_mut().unwrap().remove(0);
    rest["Values"].as_array_mut().unwrap().remove(0);
    let first = (200, json!({"MetricDataResults": first, "NextToken": "1"}).to_string());
    let second = (200, json!({"MetricDataResults": [rest]}).to_string());
    let series = series_of(vec![first.clone(), second]).await;
    assert_eq!(letters(&verdicts(&series)), "pppp", "{series:?}");
    let endless = series_of(vec![first, (200, json!({"NextToken": "1"}).to_string())]).await;
    assert!(matches!(&endless, Series::Unknown(why) if why.contains("pages")), "{endless:?}");
}

#[tokio::test]
async fn five_hundred_metrics_go_in_one_call_and_each_service_gets_its_own() {
    let aws = Loopback::serve(|asked| {
        around(asked).unwrap_or_else(|| {
            let queries = asked.json()["MetricDataQueries"].as_array().unwrap().clone();
            let answer = |query: &Value| {
                let of = &query["MetricStat"]["Metric"];
                let group = of["Dimensions"].as_array().unwrap().iter().find(|d| d["Name"] == "TargetGroup");
                let number = group.map_or("0", |group| group["Value"].as_str().unwrap().split('/').nth(1).unwrap());
                let number: f64 = number.trim_start_matches('t').parse().unwrap();
                let value = if of["MetricName"] == "RequestCount" { json!([number + 1.0]) } else { json!([]) };
                result(query["Id"].as_str().unwrap(), json!("Complete"), value.as_array().unwrap())
            };
            (200, json!({"MetricDataResults": queries.iter().map(answer).collect::<Vec<_>>()}).to_string())
        })
    })
    .await;
    let cloudwatch = CloudWatch::new(aws.cells().await);
    let queries: Vec<MetricsQuery> = (0..120).map(|n| query(&format!("t{n}"))).collect();
    let series = cloudwatch.series(&queries).await;
    assert_eq!(aws.asked_for("GetMetricData").len(), 2, "600 metrics");
    for n in [0, 57, 119] {
        let Series::Known(minutes) = &series[&address(&format!("t{n}")).service] else { panic!("{series:?}") };
        assert_eq!((minutes[0].requests, minutes[0].errors), (Some(n + 1), Some(0)));
    }
    cloudwatch.series(&queries).await;
    assert_eq!(aws.asked_for("DescribeTargetGroups").len(), 6, "load balancers are looked for once");
    let asked = aws.asked_for("GetMetricData")[0].json();
    assert_eq!(
        (asked["StartTime"].as_f64(), asked["EndTime"].as_f64()),
        (Some(1_700_000_040.0), Some(1_700_000_640.0))
    );
}

#[tokio::test]
async fn a_service_that_should_have_traffic_and_has_no_load_balancer_is_unknown() {
    let aws = Loopback::serve(|asked| match asked.action().as_str() {
        "DescribeServices" => {
            let service = json!({"serviceName": address("acme").ecs_service, "status": "ACTIVE"});
            (200, json!({"services": [service]}).to_string())
        }
        _ => (200, json!({"MetricDataResults": []}).to_string()),
    })
    .await;
    let cloudwatch = CloudWatch::new(aws.cells().await);
    let series = cloudwatch.series(&[query("acme"), query("gone")]).await;
    let why = |tenant: &str| format!("{:?}", series[&address(tenant).service]);
    assert_eq!(why("acme"), "Unknown(\"no load balancer counts its requests\")");
    assert_eq!(why("gone"), "Unknown(\"not in the answer\")");
}

/// Each answer of DescribeAlarms and the verdict on the tenant's alarms.
#[tokio::test]
async fn inv_09_every_answer_of_describe_alarms_has_its_verdict() {
    let alarm = |state: Value| json!({"AlarmName": "app-prod-acme-5xx", "StateValue": state, "StateReason": "Threshold Crossed"});
    let metric =
        |states: &[Value]| json!({"MetricAlarms": states.iter().map(|s| alarm(s.clone())).collect::<Vec<_>>()});
    let rows: Vec<(&str, Reply, char)> = vec![
        ("all quiet", (200, metric(&[json!("OK"), json!("OK")]).to_string()), 'p'),
        (
            "one without data beside a quiet one",
            (200, metric(&[json!("OK"), json!("INSUFFICIENT_DATA")]).to_string()),
            'p',
        ),
        ("one rings", (200, metric(&[json!("OK"), json!("ALARM")]).to_string()), 'f'),
        (
            "a composed one rings",
            (
                200,
                json!({"MetricAlarms": [alarm(json!("OK"))], "CompositeAlarms": [alarm(json!("ALARM"))]}).to_string(),
            ),
            'f',
        ),
        ("only composed ones, quiet", (200, json!({"CompositeAlarms": [alarm(json!("OK"))]}).to_string()), 'p'),
        ("none has data", (200, metric(&[json!("INSUFFICIENT_DATA")]).to_string()), 'u'),
        ("a state of next year", (200, metric(&[json!("OK"), json!("MUTED")]).to_string()), 'u'),
        ("no state", (200, metric(&[Value::Null]).to_string()), 'u'),
        ("no alarm", (200, json!({"MetricAlarms": []}).to_string()), 'u'),
        ("an empty answer", (200, "{}".to_owned()), 'u'),
        ("HTML", (200, "<html>".to_owned()), 'u'),
        ("throttled", error(400, "ThrottlingException", "Rate exceeded"), 'u'),
        ("not allowed", error(403, "AccessDenied", "no"), 'u'),
    ];
    let policy = AlarmPolicy { prefix: "app-{fleet}-{tenant}-".to_owned(), observe: false };
    let mut reads = tokio::task::JoinSet::new();
    for (what, reply, wanted) in rows {
        reads.spawn(async move {
            let aws = Loopback::serve(move |_| reply.clone()).await;
            let cloudwatch = CloudWatch::new(aws.cells().await);
            let seen = match cloudwatch.alarms(&cell_name(), "app-prod-", false).await {
                Ok(alarms) => AlarmsSeen::All(alarms),
                Err(error) => AlarmsSeen::Unknown(error.to_string()),
            };
            (what, seen, wanted)
        });
    }
    while let Some(read) = reads.join_next().await {
        let (what, seen, wanted) = read.unwrap();
        let finding = judge_alarms(&policy, &"acme".parse().unwrap(), Some(&seen));
        assert_eq!(letters(&[finding]), wanted.to_string(), "{what}: {seen:?}");
    }
}

#[tokio::test]
async fn alarms_are_asked_for_by_the_beginning_of_their_names_page_by_page() {
    let page = |n: usize| {
        let alarms: Vec<Value> =
            (0..2).map(|m| json!({"AlarmName": format!("app-prod-{n}-{m}"), "StateValue": "ALARM"})).collect();
        alarms
    };
    let aws = Loopback::serve(move |asked| match asked.json()["NextToken"].as_str() {
        None => (200, json!({"MetricAlarms": page(0), "NextToken": "1"}).to_string()),
        Some(_) => (200, json!({"MetricAlarms": page(1)}).to_string()),
    })
    .await;
    let cloudwatch = CloudWatch::new(aws.cells().await);
    assert_eq!(cloudwatch.alarms(&cell_name(), "app-prod-", true).await.unwrap().len(), 4);
    let asked = aws.asked_for("DescribeAlarms")[0].json();
    assert_eq!((&asked["AlarmNamePrefix"], &asked["StateValue"]), (&json!("app-prod-"), &json!("ALARM")));
    assert_eq!(asked["AlarmTypes"], json!(["MetricAlarm", "CompositeAlarm"]));
}
