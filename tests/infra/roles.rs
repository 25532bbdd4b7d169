//! What the roles of workflows may do, read from the files that make them: `infra/stack/release-roles` and the jobs
//! that `infra/bootstrap` names for each fleet. Terraform's own tests hold what these files become; this one holds
//! that no edit of them gives a gate something to write with, or a dev job a way into prod.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test reads files, and a panic is its report")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::Value;

/// Verbs of AWS that change nothing. `Get` and `BatchGet` also read data, which `data_never` is about.
const READING: [&str; 4] = ["Describe", "Get", "List", "BatchGet"];

/// What reads or writes the value of a secret, or a tenant's rows and messages; every role is denied all of it.
const DENIED: [&str; 6] = [
    "secretsmanager:GetSecretValue",
    "secretsmanager:BatchGetSecretValue",
    "ssm:GetParameter*",
    "rds-db:connect",
    "rds-data:*",
    "sqs:ReceiveMessage",
];

#[test]
fn inv_31_dev_and_gate_roles_cannot_write_prod() {
    let actions: Value =
        serde_json::from_str(&fs::read_to_string("infra/stack/release-roles/actions.json").unwrap()).unwrap();
    let roles = fs::read_to_string("infra/stack/release-roles/main.tf").unwrap();
    let (dev, prod) = (jobs("dev"), jobs("prod"));
    let found = [only_reads(&actions), denied(&actions), policies(&roles), trust(&roles), apart(&dev, &prod)].concat();
    assert_eq!(found, Vec::<String>::new());
}

/// AWS's clients in the adapter, and the word under which IAM knows their actions.
const CLIENTS: [(&str, &str); 8] = [
    ("ecs", "ecs"),
    ("ecr", "ecr"),
    ("elb", "elasticloadbalancing"),
    ("cloudwatch", "cloudwatch"),
    ("logs", "logs"),
    ("autoscaling", "application-autoscaling"),
    ("secrets", "secretsmanager"),
    ("parameters", "ssm"),
];

/// Each call that the adapter makes is a right of whoever deploys, and each that only looks one of whoever only looks.
#[test]
fn every_call_to_aws_is_a_right_of_the_role_that_makes_it() {
    let actions: Value =
        serde_json::from_str(&fs::read_to_string("infra/stack/release-roles/actions.json").unwrap()).unwrap();
    let rights = |of: &str| actions[of].as_object().unwrap().values().flat_map(words).collect::<BTreeSet<_>>();
    let (read, deploy) = (rights("read"), rights("deploy"));
    let calls = calls();
    assert!(calls.len() > 20 && calls.contains("ecs:DescribeServiceDeployments"), "{calls:?}");
    let looks = |call: &str| READING.iter().any(|verb| call.split_once(':').is_some_and(|(_, c)| c.starts_with(verb)));
    let missing: Vec<&String> = calls
        .iter()
        .filter(|call| !read.contains(call.as_str()) && (looks(call) || !deploy.contains(call.as_str())))
        .collect();
    assert!(missing.is_empty(), "no role may {missing:?}");
}

/// The calls in the adapter's sources, as IAM names them.
fn calls() -> BTreeSet<String> {
    let files = fs::read_dir("src/adapters/aws").unwrap();
    let texts = files.map(|file| fs::read_to_string(file.unwrap().path()).unwrap());
    let mut calls = BTreeSet::new();
    for text in texts {
        let text: String = text.split_whitespace().collect();
        for (client, service) in CLIENTS {
            for rest in text.split(&format!("clients.{client}.")).skip(1) {
                let Some((name, _)) = rest.split_once('(') else { continue };
                if !name.chars().all(|c| c.is_ascii_lowercase() || c == '_') {
                    continue;
                }
                let camel = |part: &str| part[..1].to_ascii_uppercase() + &part[1..];
                calls.insert(format!("{service}:{}", name.split('_').map(camel).collect::<String>()));
            }
        }
    }
    calls
}

/// Rights of the gate, the plan and whatever else only looks.
fn only_reads(actions: &Value) -> Vec<String> {
    let reading = |action: &&str| {
        let verb = action.split_once(':').map_or("", |(_, verb)| verb);
        READING.iter().any(|word| verb.starts_with(word)) && !verb.contains('*')
    };
    let never = words(&actions["data_never"]);
    let data = |action: &&str| never.iter().any(|pattern| covers(pattern, action));
    let all = actions["read"].as_object().unwrap().values().flat_map(words);
    all.filter(|action| !reading(action) || data(action)).map(|action| format!("a gate may {action}")).collect()
}

/// What no role may, whatever else it may.
fn denied(actions: &Value) -> Vec<String> {
    let never = words(&actions["data_never"]);
    DENIED
        .iter()
        .filter(|action| !never.contains(action))
        .map(|action| format!("{action} is denied to nobody"))
        .collect()
}

/// That every policy has the denials in it, and that a plan's has nothing else but what reads.
fn policies(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let policies = between(text, "for role, statements in {", "}");
    let roles: BTreeMap<&str, &str> = policies
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(role, rest)| (role.trim(), rest.trim()))
        .collect();
    for role in ["build", "plan", "deploy", "infra_plan", "infra_apply"] {
        let own = roles.get(role).copied().unwrap_or_default();
        let made = own.strip_prefix("local.").map_or(own, |name| local(text, name));
        if !made.contains("local.no_data") {
            found.push(format!("{role} is not denied what nobody may"));
        }
    }
    if roles.get("plan") != Some(&"concat(local.read, local.no_data)") {
        found.push("a plan has more than reading and the denials".to_owned());
    }
    let reads = local(text, "read").split("Action").skip(1).map(|rest| rest.trim_start_matches([' ', '=']));
    for right in
        reads.filter(|right| !right.starts_with("local.actions.read.") && !right.starts_with("\"kms:Decrypt\""))
    {
        found.push(format!("a gate has a right that is not in actions.json: {}", right.lines().next().unwrap()));
    }
    if !local(text, "no_data").contains("Effect = \"Deny\", Action = local.actions.data_never, Resource = \"*\"") {
        found.push("what nobody may is not denied for everything".to_owned());
    }
    found
}

/// That a role is taken by an environment of one repository, by equality.
fn trust(text: &str) -> Vec<String> {
    let trust = local(text, "trust");
    let wanted = ["StringEquals", ":environment:${environment}", ":repository_id\"", ":job_workflow_ref\"", ":aud\""];
    let missing = wanted.iter().filter(|word| !trust.contains(*word)).map(|word| format!("trust does not ask {word}"));
    let loose = ["StringLike", "IfExists", "ForAnyValue", "ForAllValues", "*"].iter();
    missing.chain(loose.filter(|word| trust.contains(*word)).map(|word| format!("trust has {word}"))).collect()
}

/// Environments by role.
type Jobs = BTreeMap<String, BTreeSet<String>>;

/// That no job of a gate, of a plan or of the stack takes another role beside its own (a release may build and deploy
/// in one job), and that dev's jobs take none of prod's. The other way round there is one: prod's deployments tag the
/// images in dev's registry.
fn apart(dev: &Jobs, prod: &Jobs) -> Vec<String> {
    let mut found = Vec::new();
    for (fleet, jobs) in [("dev", dev), ("prod", prod)] {
        let mut taken = BTreeMap::new();
        for (role, environment) in jobs.iter().flat_map(|(role, all)| all.iter().map(move |one| (role, one))) {
            let releases = |role: &str| matches!(role, "build" | "deploy");
            let other = taken.insert(environment, role);
            if let Some(other) = other.filter(|other| !releases(other) || !releases(role)) {
                found.push(format!("{fleet}: {environment} takes {other} and {role}"));
            }
        }
        if !jobs.contains_key("plan") || !jobs.contains_key("deploy") {
            found.push(format!("{fleet} has no role to plan or none to deploy"));
        }
    }
    let prods: BTreeSet<&String> = prod.values().flatten().collect();
    for (role, environment) in dev.iter().flat_map(|(role, all)| all.iter().map(move |one| (role, one))) {
        if prods.contains(environment) && (role != "deploy" || !prod["deploy"].contains(environment)) {
            found.push(format!("{environment} takes dev's {role} and a role of prod"));
        }
    }
    found.extend(prods.iter().filter(|name| !name.contains("prod")).map(|name| format!("{name} takes a role of prod")));
    found
}

fn jobs(fleet: &str) -> Jobs {
    parsed(&fs::read_to_string(format!("infra/bootstrap/{fleet}.tfvars")).unwrap())
}

/// The `jobs` of a tfvars file, a role a line.
fn parsed(text: &str) -> Jobs {
    let line = |line: &str| {
        let (role, rest) = line.split_once("= { environments = [")?;
        let names = rest.split_once(']')?.0.split(',').map(|name| name.trim().trim_matches('"').to_owned());
        Some((role.trim().to_owned(), names.collect()))
    };
    between(text, "jobs = {", "\n}").lines().filter_map(line).collect()
}

/// The value of a local: to the next line that stands as deep as its name.
fn local<'a>(text: &'a str, name: &str) -> &'a str {
    let starts = text
        .match_indices(&format!("\n  {name} "))
        .map(|(at, _)| at)
        .find(|at| text[at + 3 + name.len()..].trim_start().starts_with('='));
    let value = &text[starts.unwrap_or_else(|| panic!("no local is called {name}")) + 1..];
    let mut end = value.find('\n').unwrap();
    for line in value[end + 1..].lines() {
        if !line.starts_with("   ") && !line.starts_with("  ]") && !line.starts_with("  }") && !line.starts_with("  )")
        {
            break;
        }
        end += 1 + line.len();
    }
    &value[..end]
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let inner = text.split_once(start).unwrap_or_else(|| panic!("`{start}` is not there")).1;
    inner.split_once(end).unwrap().0
}

fn words(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect()
}

/// Whether an action falls under a pattern that may end in `*`.
fn covers(pattern: &str, action: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == action, |start| action.starts_with(start))
}

/// The test above is able to fail, for each thing that it holds.
#[test]
fn what_the_roles_must_not_have_is_seen() {
    let roles = fs::read_to_string("infra/stack/release-roles/main.tf").unwrap();
    let changed = |from: &str, to: &str| {
        assert!(roles.contains(from), "{from}");
        roles.replacen(from, to, 1)
    };
    for (from, to) in [
        (
            "plan        = concat(local.read, local.no_data)",
            "plan        = concat(local.read, local.no_data, local.pass)",
        ),
        ("build       = concat(local.build, local.no_data)", "build       = local.build"),
        ("infra_plan = concat(local.no_data, [", "infra_plan = concat(["),
        ("Action = local.actions.read.logs", "Action = local.actions.deploy.services"),
        (
            "Action = local.actions.data_never, Resource = \"*\"",
            "Action = local.actions.data_never, Resource = \"arn\"",
        ),
    ] {
        assert_eq!(policies(&changed(from, to)).len(), 1, "{to}");
    }
    for (from, to) in [("StringEquals = {", "StringLike = {"), (":environment:${environment}", ":*")] {
        assert!(!trust(&changed(from, to)).is_empty(), "{to}");
    }
    let mut actions: Value =
        serde_json::from_str(&fs::read_to_string("infra/stack/release-roles/actions.json").unwrap()).unwrap();
    for bad in ["ecs:UpdateService", "secretsmanager:GetSecretValue", "ssm:GetParameters", "s3:Get*"] {
        actions["read"]["anywhere"][0] = bad.into();
        assert_eq!(only_reads(&actions), [format!("a gate may {bad}")]);
    }
    actions["data_never"][0] = "x:y".into();
    actions["data_never"].as_array_mut().unwrap().retain(|word| word != "secretsmanager:GetSecretValue");
    assert_eq!(denied(&actions), ["secretsmanager:GetSecretValue is denied to nobody"]);
    let (dev, prod) = (jobs("dev"), jobs("prod"));
    let with = |jobs: &Jobs, role: &str, environment: &str| {
        let mut jobs = jobs.clone();
        jobs.entry(role.to_owned()).or_default().insert(environment.to_owned());
        jobs
    };
    assert_eq!(apart(&dev, &with(&prod, "deploy", "dev")).len(), 2);
    assert_eq!(apart(&with(&dev, "plan", "prod-approval"), &prod).len(), 2);
    assert_eq!(apart(&dev, &with(&prod, "plan", "prod-approval")).len(), 1);
}
