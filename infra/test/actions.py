"""What the release roles may, compared with the calls that the release tool's source makes.

A call that the source makes and its role may not is a rollout that stops half-way; a right that no call needs is a
right too many. Recorded calls of a real rollout can be checked too: actions.py FILE, one `service:Action` a line.
"""

import json
import re
import sys

from steps import INFRA, ROOT, Failed

# A client of the source (src/adapters/aws/cells.rs) and how IAM names its service.
CLIENTS = {
    "ecs": "ecs", "ecr": "ecr", "elb": "elasticloadbalancing", "autoscaling": "application-autoscaling",
    "secrets": "secretsmanager", "parameters": "ssm", "cloudwatch": "cloudwatch", "logs": "logs", "s3": "s3", "rds": "rds", "quotas": "servicequotas",
}
CALL = re.compile(r"\b(?:clients|self)?\s*\.?\s*\b(" + "|".join(CLIENTS) + r")\s*\.\s*((?:batch|copy|create|delete|describe|get|head|list|put|register|run|set|start|stop|tag|update)_[a-z_]+)\(\)")

# Parts of names that the SDK writes otherwise.
WORDS = {"db": "DB"}

# Rights without a call of their own in the source, and why they are there.
WITHOUT_A_CALL = {
    "iam:PassRole": "asked by RegisterTaskDefinition and RunTask",
    "ecs:TagResource": "asked by RegisterTaskDefinition with tags",
    "ecr:BatchCheckLayerAvailability": "asked by docker push", "ecr:CompleteLayerUpload": "asked by docker push",
    "ecr:InitiateLayerUpload": "asked by docker push", "ecr:UploadLayerPart": "asked by docker push",
    "ecr:GetDownloadUrlForLayer": "asked by a pull of an image or an attestation",
    "ecr:DescribeImageScanFindings": "the gate of images, to come", "s3:GetObject": "templates and manifests, to come",
    "cloudwatch:GetMetricData": "gates on metrics, to come", "cloudwatch:DescribeAlarms": "gates on alarms, to come",
    "logs:GetLogEvents": "last words of a failed task, to come", "ecs:DescribeClusters": "doctor, to come",
    "ecs:DescribeServiceDeployments": "verdicts, to come", "ecs:DescribeServiceRevisions": "verdicts, to come",
    "application-autoscaling:DescribeScalingPolicies": "pause records what it stops, to come",
    "application-autoscaling:DescribeScheduledActions": "pause records what it stops, to come",
    "elasticloadbalancing:DescribeLoadBalancers": "doctor, to come",
    "servicequotas:GetServiceQuota": "quota, to come", "servicequotas:ListServiceQuotas": "quota, to come",
}


# Calls of `tenants offboard` and `purge`, which no role of workflows may make: every role is denied evidence. A person
# makes them with rights of their own, until there is a role for it beside the archive's bucket.
OF_OFFBOARDING = {
    "s3:CopyObject", "s3:DeleteObjects", "s3:GetObject", "s3:HeadObject", "s3:ListObjectVersions", "s3:ListObjectsV2", "s3:PutObject",
}


def source_calls() -> set[str]:
    calls = set()
    for file in (ROOT / "src/adapters/aws").glob("*.rs"):
        text = re.sub(r"//.*", "", file.read_text())
        for client, operation in CALL.findall(text):
            calls.add(f"{CLIENTS[client]}:{''.join(WORDS.get(part, part.title()) for part in operation.split('_'))}")
    return calls


def rights() -> tuple[set[str], set[str], set[str]]:
    table = json.loads((INFRA / "stack/release-roles/actions.json").read_text())
    flat = lambda groups: {action for group in groups.values() for action in group}
    read = flat(table["read"])
    return read | flat(table["deploy"]), read, flat(table["build"])


def missing(calls) -> list[str]:
    deploy, _, build = rights()
    return sorted(c for c in calls if c not in deploy | build | OF_OFFBOARDING and c != "sts:AssumeRoleWithWebIdentity")


def check():
    calls = source_calls()
    if len(calls) < 15:
        raise Failed(f"only {len(calls)} calls were found in the source: this test cannot read it any more: {sorted(calls)}")
    if lost := missing(calls):
        raise Failed(f"the release tool calls what no role may: {', '.join(lost)}")
    deploy, read, build = rights()
    if idle := sorted((deploy | build) - calls - set(WITHOUT_A_CALL)):
        raise Failed(f"rights that nothing needs: {', '.join(idle)}")
    writes = re.compile(r":(Put|Update|Register|Run|Set|Start|Stop|Tag|Copy|Create|Delete|Initiate|Upload|Complete)")
    if wrong := sorted(a for a in read if writes.search(a)):
        raise Failed(f"the reading role writes: {', '.join(wrong)}")
    to_come = sum("to come" in why for what, why in WITHOUT_A_CALL.items() if what not in calls)
    return f"{len(calls)} calls in the source are all allowed; {len(read)} rights to read, {len(deploy - read)} to deploy, {len(build)} to build, {to_come} for what is to come"


if __name__ == "__main__":
    recorded = {line.strip() for line in open(sys.argv[1]) if line.strip()}
    lost = missing(recorded)
    print(f"{len(recorded)} recorded actions, {len(lost)} that no role may: {', '.join(lost)}")
    sys.exit(1 if lost else 0)
