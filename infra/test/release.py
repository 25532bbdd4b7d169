"""What each role of the release tool may and may not do, as a table, on the plan of infra/bootstrap.

A row is a role, what it asks for, and the answer. Then rights are taken away or given, and the table must see each.

Usage: release.py BOOTSTRAP_PLAN.json
"""

import json
import sys
from dataclasses import replace

from iam import Principal, Request, allowed
from isolation import resources


def principals(plan: dict) -> dict[str, Principal]:
    account = plan["variables"]["fleet"]["value"]["account_id"]
    policies: dict = {}
    for r in resources(plan):
        if r["type"] == "aws_iam_role_policy":
            policies.setdefault(r["index"], []).append(json.loads(r["values"]["policy"]))
    return {
        r["index"]: Principal(f"arn:aws:iam::{account}:role/{r['values']['name']}", {}, tuple(policies[r["index"]]))
        for r in resources(plan) if r["type"] == "aws_iam_role" and r["name"] == "this"
    }


def table(fleet: dict) -> list[tuple[str, str, str, dict, bool]]:
    account, region, env = fleet["account_id"], fleet["region"], fleet["fleet"]
    prefix, cluster = f"{fleet['app']}-{env}", fleet["clusters"][0]
    arn = lambda service, rest: f"arn:aws:{service}:{region}:{account}:{rest}"
    iam = lambda rest: f"arn:aws:iam::{account}:{rest}"
    service = arn("ecs", f"service/{cluster}/{prefix}-acme-iam-service")
    ours = {"aws:ResourceTag/tidegate": env}
    family = lambda name: {"ecs:task-definition": arn("ecs", f"task-definition/{name}:7")}
    set_role = iam(f"role/{fleet['app']}/{env}/sets/{prefix}-acme-iam-service")
    ceiling = iam(f"policy/{prefix}-ceiling")
    image = f"arn:aws:ecr:{fleet['registry']['region']}:{fleet['registry']['account_id']}:repository/accessos/iam-service"
    here = fleet["registry"]["account_id"] == account
    secret = arn("secretsmanager", f"secret:{fleet['app']}/{env}/acme/session-signing-AbCdEf")
    control = f"arn:aws:s3:::{prefix}-control-{account}"
    evidence, kept = f"arn:aws:s3:::{prefix}-evidence-{account}", f"arn:aws:s3:::{prefix}-archive-{account}"
    to_ecs = {"iam:PassedToService": "ecs-tasks.amazonaws.com"}
    scaling = {"application-autoscaling:service-namespace": "ecs", "application-autoscaling:scalable-dimension": "ecs:service:DesiredCount"}
    rule = arn("elasticloadbalancing", f"listener-rule/app/{prefix}-s1/0123456789abcdef/0123456789abcdef/0123456789abcdef")
    rows = [
        ("deploy", "ecs:UpdateService", service, ours | family(f"{prefix}-acme-iam-service"), True),
        ("deploy", "ecs:UpdateService", service, ours, True),  # the number of tasks alone
        ("deploy", "ecs:UpdateService", service, ours | family("other-app-acme"), False),
        ("deploy", "ecs:UpdateService", service, ours | family(f"placeholder-{prefix}-iam-service"), False),
        ("deploy", "ecs:UpdateService", service, {}, False),
        ("deploy", "ecs:UpdateService", service, {"aws:ResourceTag/tidegate": "other"}, False),
        ("deploy", "ecs:UpdateService", arn("ecs", f"service/other/{prefix}-acme-iam-service"), ours, False),
        ("deploy", "ecs:RegisterTaskDefinition", "*", {}, True),
        ("deploy", "ecs:TagResource", arn("ecs", f"task-definition/{prefix}-acme-iam-service:8"), {"ecs:CreateAction": "RegisterTaskDefinition"}, True),
        ("deploy", "ecs:TagResource", arn("ecs", f"task-definition/{prefix}-acme-iam-service:7"), {}, False),
        ("deploy", "ecs:TagResource", service, {}, False),
        ("deploy", "ecs:StopServiceDeployment", arn("ecs", f"service-deployment/{cluster}/{prefix}-acme-iam-service/abc"), {}, True),
        ("deploy", "iam:PassRole", set_role, to_ecs, True),
        ("deploy", "iam:PassRole", set_role, {"iam:PassedToService": "lambda.amazonaws.com"}, False),
        ("deploy", "iam:PassRole", iam(f"role/tidegate-{env}-infra-apply"), to_ecs, False),
        ("deploy", "application-autoscaling:RegisterScalableTarget", arn("application-autoscaling", "scalable-target/1"), scaling, True),
        ("deploy", "elasticloadbalancing:SetRulePriorities", rule, ours, True),
        ("deploy", "elasticloadbalancing:SetRulePriorities", rule, {}, False),  # a route
        ("deploy", "elasticloadbalancing:SetRulePriorities", rule, {"aws:ResourceTag/tidegate": "other"}, False),
        ("deploy", "elasticloadbalancing:ModifyRule", rule, ours, False),
        ("deploy", "elasticloadbalancing:CreateRule", arn("elasticloadbalancing", f"listener/app/{prefix}-s1/1/2"), ours, False),
        ("deploy", "rds:StopDBInstance", arn("rds", f"db:{prefix}-s1"), ours, True),
        ("deploy", "rds:StartDBInstance", arn("rds", f"db:{prefix}-s1"), {}, False),
        ("deploy", "rds:StopDBInstance", arn("rds", "db:other-s1"), ours, False),
        ("deploy", "rds:DeleteDBInstance", arn("rds", f"db:{prefix}-s1"), ours, False),
        ("plan", "rds:StopDBInstance", arn("rds", f"db:{prefix}-s1"), ours, False),
        ("deploy", "application-autoscaling:RegisterScalableTarget", arn("application-autoscaling", "scalable-target/1"), scaling | {"application-autoscaling:service-namespace": "dynamodb"}, False),
        ("deploy", "ecs:RunTask", arn("ecs", f"task-definition/{prefix}-acme-iam-service:7"), {"ecs:cluster": arn("ecs", f"cluster/{cluster}")}, False),
        ("deploy", "ecs:RunTask", arn("ecs", f"task-definition/tenant-database-{prefix}-s1:1"), {"ecs:cluster": arn("ecs", f"cluster/{cluster}")}, False),
        ("deploy", "ecs:RunTask", arn("ecs", "task-definition/admin:1"), {"ecs:cluster": arn("ecs", f"cluster/{cluster}")}, False),
        ("deploy", "secretsmanager:DescribeSecret", secret, {}, True),
        ("deploy", "s3:GetObject", f"{control}/sets/acme/manifest.json", {}, True),
        ("deploy", "s3:PutObject", f"{control}/sets/acme/manifest.json", {}, False),
        ("deploy", "s3:GetObject", f"{control}/routing/reports/r1", {}, True),
        ("plan", "s3:ListBucket", control, {"s3:prefix": "routing/reports/"}, True),
        ("deploy", "s3:ListBucket", control, {"s3:prefix": "routing/reports/"}, True),
        ("deploy", "s3:GetObject", f"{control}/licenses/acme.json", {}, False),
        ("plan", "s3:PutObject", f"{control}/routing/reports/r1", {}, False),
        ("deploy", "ecr:BatchGetImage", image, {}, True),
        ("deploy", "ecr:PutImage", image, {}, here),
        ("plan", "ecs:DescribeServices", service, {}, True),
        ("plan", "secretsmanager:DescribeSecret", secret, {}, True),
        ("plan", "ecs:RegisterTaskDefinition", "*", {}, False),
        ("plan", "ecs:UpdateService", service, ours, False),
        ("plan", "iam:PassRole", set_role, to_ecs, False),
        ("plan", "ecr:PutImage", image, {}, False),
        ("infra_plan", "ec2:DescribeVpcs", "*", {}, True),
        ("infra_plan", "ec2:CreateVpc", "*", {}, False),
        ("infra_plan", "logs:GetLogEvents", arn("logs", f"log-group:/{fleet['app']}/{env}/acme/iam-service:log-stream:x"), {}, False),
        ("infra_apply", "ec2:CreateVpc", "*", {}, True),
        ("infra_apply", "iam:CreateRole", set_role, {"iam:PermissionsBoundary": ceiling}, True),
        ("infra_apply", "iam:CreateRole", set_role, {}, False),
        ("infra_apply", "iam:CreateRole", set_role, {"iam:PermissionsBoundary": iam("policy/Open")}, False),
        ("infra_apply", "iam:DeleteRolePermissionsBoundary", set_role, {}, False),
        ("infra_apply", "iam:PutRolePolicy", iam(f"role/tidegate-{env}"), {}, False),
        ("infra_apply", "iam:UpdateAssumeRolePolicy", iam(f"role/tidegate-{env}-infra-apply"), {}, False),
        ("infra_apply", "iam:DeleteOpenIDConnectProvider", iam("oidc-provider/token.actions.githubusercontent.com"), {}, False),
        ("infra_apply", "ecs:RunTask", arn("ecs", f"task-definition/tenant-database-{prefix}-s1:1"), {}, False),
        ("infra_apply", "s3:DeleteBucket", f"arn:aws:s3:::{prefix}-tfstate-{account}", {}, False),
        ("deploy", "iam:PassRole", iam(f"role/{fleet['app']}/{env}/sets/{prefix}-acme-archive"), to_ecs, False),
        ("deploy", "s3:GetObject", f"{kept}/acme/7/kept.json", {}, False),
        ("offboard", "s3:GetObject", f"{evidence}/tenants/acme/2026/1.json", {}, True),
        ("offboard", "s3:GetObject", f"{evidence}-umbrella/tenants/umbrella/2026/1.json", {}, True),
        ("offboard", "s3:PutObject", f"{evidence}/tenants/acme/2026/1.json", {}, False),
        ("offboard", "s3:ListBucketVersions", evidence, {}, True),
        ("offboard", "s3:DeleteObjectVersion", f"{evidence}/tenants/acme/2026/1.json", {}, True),
        ("offboard", "s3:DeleteObjectVersion", f"{control}/sets/acme/manifest.json", {}, False),
        ("offboard", "s3:PutObject", f"{kept}/acme/7/kept.json", {}, True),
        ("offboard", "s3:GetObject", f"{kept}/acme/7/kept.json", {}, True),
        ("offboard", "s3:DeleteObjectVersion", f"{kept}/acme/7/kept.json", {}, False),
        ("offboard", "s3:BypassGovernanceRetention", f"{kept}/acme/7/kept.json", {}, False),
        ("offboard", "ecs:RunTask", arn("ecs", f"task-definition/tenant-restore-{prefix}-s1:1"), {"ecs:cluster": arn("ecs", f"cluster/{cluster}")}, True),
        ("offboard", "ecs:RunTask", arn("ecs", f"task-definition/tenant-dump-{prefix}-s1:1"), {"ecs:cluster": arn("ecs", f"cluster/{cluster}")}, True),
        ("offboard", "ecs:RunTask", arn("ecs", f"task-definition/tenant-drop-{prefix}-s1:1"), {"ecs:cluster": arn("ecs", f"cluster/{cluster}")}, True),
        ("offboard", "ecs:RunTask", arn("ecs", f"task-definition/tenant-drop-{prefix}-s1:1"), {"ecs:cluster": arn("ecs", "cluster/other")}, False),
        ("offboard", "ecs:RunTask", arn("ecs", f"task-definition/tenant-database-{prefix}-s1:1"), {"ecs:cluster": arn("ecs", f"cluster/{cluster}")}, False),
        ("offboard", "iam:PassRole", iam(f"role/{fleet['app']}/{env}/sets/{prefix}-acme-archive"), to_ecs, True),
        ("offboard", "iam:PassRole", iam(f"role/tenant-database-{prefix}"), to_ecs, True),
        ("offboard", "iam:PassRole", set_role, to_ecs, False),
        ("offboard", "ecs:UpdateService", service, ours, True),  # the number of tasks alone
        ("offboard", "ecs:UpdateService", service, ours | family(f"{prefix}-acme-iam-service"), False),
        ("offboard", "ecs:RegisterTaskDefinition", "*", {}, False),
        ("offboard", "rds:StartDBInstance", arn("rds", f"db:{prefix}-s1"), ours, True),
        ("offboard", "rds:DeleteDBInstance", arn("rds", f"db:{prefix}-s1"), ours, False),
        ("offboard", "ecr:PutImage", image, {}, False),
        ("build", "ecr:PutImage", image, {}, True),
        ("build", "ecr:PutImage", image.replace("iam-service", "strangers"), {}, False),
        ("build", "ecs:UpdateService", service, ours, False),
        ("build", "ecr:BatchDeleteImage", image, {}, False),
    ]
    # The explicit denies of the deploy role (reliability.md section 6), and what none of the five may.
    for action, resource in [
        ("ecs:ExecuteCommand", arn("ecs", f"task/{cluster}/1")), ("ecs:CreateService", service), ("ecs:DeleteService", service),
        ("ecs:DeregisterTaskDefinition", "*"), ("iam:CreateRole", set_role), ("iam:PutRolePolicy", set_role), ("iam:TagRole", set_role),
        ("logs:DeleteLogGroup", arn("logs", f"log-group:/{fleet['app']}/{env}/acme/iam-service")), ("sts:AssumeRole", set_role),
    ]:
        rows += [(role, action, resource, {}, False) for role in ("build", "plan", "deploy")]
    for action, resource in [
        ("secretsmanager:GetSecretValue", secret), ("secretsmanager:PutSecretValue", secret), ("ssm:GetParameter", arn("ssm", "parameter/x")),
        ("rds-db:connect", arn("rds-db", "dbuser:db-1/t_acme")), ("sqs:ReceiveMessage", arn("sqs", f"{prefix}-acme-discovery")),
        ("s3:GetObject", f"arn:aws:s3:::{prefix}-evidence-{account}/tenants/acme/1"),
    ]:
        rows += [(role, action, resource, {}, False) for role in ("build", "plan", "deploy", "infra_plan", "infra_apply")]
    return rows


def wrong(roles: dict[str, Principal], fleet: dict) -> list[str]:
    told = []
    for role, action, resource, context, expected in table(fleet):
        if role in roles and allowed(roles[role], Request(action, resource, context)) != expected:
            told.append(f"{role} {'cannot' if expected else 'can'} {action} {resource} {context or ''}")
    return told


# Denies of what nothing allows anyhow: they stand for the day on which something does.
IDLE = ("TheArchiveStays", "GiveNoOtherRole", "Never")


def mutations(roles: dict[str, Principal], fleet: dict) -> list[tuple[str, bool]]:
    def change(role, statements):
        policy = roles[role].policies[0]
        changed = {**policy, "Statement": [s for s in map(statements, policy["Statement"]) if s]}
        return bool(wrong(roles | {role: replace(roles[role], policies=(changed,))}, fleet))

    without = lambda sid: lambda s: None if s["Sid"] == sid else s
    unconditioned = lambda sid: lambda s: {k: v for k, v in s.items() if k != "Condition"} if s["Sid"] == sid else s
    more = roles["deploy"].policies + ({"Statement": [{"Sid": "x", "Effect": "Allow", "Action": "*", "Resource": "*"}]},)
    open_deploy = wrong(roles | {"deploy": replace(roles["deploy"], policies=more)}, fleet)
    held = ("ecs:RunTask", "ExecuteCommand", "CreateService", "DeleteService", "DeregisterTaskDefinition", "GetSecretValue", "ssm:GetParameter",
            "iam:CreateRole", "iam:PutRolePolicy", "logs:Delete", "rds-db", "evidence", "tidegate-")
    return [
        ("deploy may `*:*`: its denies hold", bool(open_deploy) and not [w for w in open_deploy if any(h in w for h in held)]),
        *[(f"deploy without {sid}: seen", change("deploy", without(sid))) for sid in ("MoveServices", "RegisterDefinitions", "GiveSetsTheirRoles", "TemplatesAndManifests")],
        *[(f"deploy, {sid} without its condition: seen", change("deploy", unconditioned(sid))) for sid in ("MoveServices", "GiveSetsTheirRoles", "SleepAndWake", "TagThemAsTheyAreMade")],
        *[(f"offboard without {sid}: seen", change("offboard", without(sid))) for sid in ("Evidence", "Purge", "Archive", "TheArchiveStays", "GiveNoOtherRole", "RunTasksOnDatabases", "Never") if sid not in IDLE],
        *[(f"offboard, {sid} without its condition: seen", change("offboard", unconditioned(sid))) for sid in ("NoTasksForServices", "RunTasksOnDatabases")],
        *[(f"infra_apply without {sid}: seen", change("infra_apply", without(sid))) for sid in ("RolesOfSetsOnlyUnderTheCeiling", "CeilingsStay", "NotItself", "StateStays", "NoData", "NoEvidence", "NoTasks")],
    ]


def check(path) -> tuple[int, str]:
    plan = json.load(open(path))
    fleet, roles = plan["variables"]["fleet"]["value"], principals(plan)
    failed = wrong(roles, fleet)
    seen = mutations(roles, fleet)
    failed += [f"mutation survived: {what}" for what, ok in seen if not ok]
    rows = sum(row[0] in roles for row in table(fleet))
    return (1 if failed else 0), "\n".join([*failed, f"{fleet['fleet']}: {len(roles)} roles, {rows} rows, {len(seen)} mutations, {len(failed)} wrong"])


if __name__ == "__main__":
    code, text = check(sys.argv[1])
    print(text)
    sys.exit(code)
