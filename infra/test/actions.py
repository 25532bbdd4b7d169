"""What the release roles may, compared with the calls that the release tool's source makes.

A call that the source makes and its role may not is a rollout that stops half-way; a right that no call needs is a
right too many. The calls that the jobs of a real rollout made are judged too: actions.py FILE, with a JSON object of a
list of `service:Action` for each kind of job, which tests/e2e records at its proxy.
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
WRITES = re.compile(r":(Put|Update|Register|Run|Set|Start|Stop|Tag|Copy|Create|Delete|Initiate|Upload|Complete)")
CALL = re.compile(r"\b(?:clients|self)?\s*\.?\s*\b(" + "|".join(CLIENTS) + r")\s*\.\s*((?:batch|copy|create|delete|describe|get|head|list|put|register|run|set|start|stop|tag|update)_[a-z0-9_]+)\(\)")

# Parts of names that the SDK writes otherwise.
WORDS = {"db": "DB"}

# Rights without a call of their own in the source, and why they are there.
WITHOUT_A_CALL = {
    "kms:Decrypt": "asked by S3 for what is encrypted", "kms:GenerateDataKey": "asked by S3 for what it encrypts",
    "s3:GetObjectTagging": "asked by CopyObject of an object with tags",
    "iam:PassRole": "asked by RegisterTaskDefinition and RunTask",
    "ecs:TagResource": "asked by RegisterTaskDefinition with tags",
    "ecr:BatchCheckLayerAvailability": "asked by docker push", "ecr:CompleteLayerUpload": "asked by docker push",
    "ecr:InitiateLayerUpload": "asked by docker push", "ecr:UploadLayerPart": "asked by docker push",
    "ecr:GetDownloadUrlForLayer": "asked by a pull of an image or an attestation",
    "ecr:DescribeImageScanFindings": "the gate of images, to come",
    "cloudwatch:GetMetricData": "gates on metrics, to come", "cloudwatch:DescribeAlarms": "gates on alarms, to come",
    "logs:GetLogEvents": "last words of a failed task, to come", "ecs:DescribeClusters": "doctor, to come",
    "ecs:DescribeServiceDeployments": "verdicts, to come", "ecs:DescribeServiceRevisions": "verdicts, to come",
    "application-autoscaling:DescribeScalingPolicies": "pause records what it stops, to come",
    "application-autoscaling:DescribeScheduledActions": "pause records what it stops, to come",
    "elasticloadbalancing:DescribeLoadBalancers": "doctor, to come",
    "servicequotas:GetServiceQuota": "quota, to come", "servicequotas:ListServiceQuotas": "quota, to come",
}


# Calls whose right has another name (S3 API Reference, the permissions of each operation).
ASKS = {
    "s3:CopyObject": {"s3:GetObject", "s3:PutObject"}, "s3:HeadObject": {"s3:GetObject"}, "s3:ListObjectsV2": {"s3:ListBucket"},
    "s3:ListObjectVersions": {"s3:ListBucketVersions"}, "s3:DeleteObjects": {"s3:DeleteObject", "s3:DeleteObjectVersion"},
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


def offboarding() -> set[str]:
    table = json.loads((INFRA / "stack/release-roles/actions.json").read_text())
    return {action for group in table["offboard"].values() for action in group}


def missing(calls) -> list[str]:
    deploy, _, build = rights()
    may = deploy | build | offboarding()
    return sorted(c for c in calls if not ASKS.get(c, {c}) <= may and c != "sts:AssumeRoleWithWebIdentity")


def check():
    calls = source_calls()
    if len(calls) < 15:
        raise Failed(f"only {len(calls)} calls were found in the source: this test cannot read it any more: {sorted(calls)}")
    if lost := missing(calls):
        raise Failed(f"the release tool calls what no role may: {', '.join(lost)}")
    deploy, read, build = rights()
    asked = {right for call in calls for right in ASKS.get(call, {call})}
    if idle := sorted((deploy | build | offboarding()) - asked - set(WITHOUT_A_CALL)):
        raise Failed(f"rights that nothing needs: {', '.join(idle)}")
    if wrong := sorted(a for a in read if WRITES.search(a)):
        raise Failed(f"the reading role writes: {', '.join(wrong)}")
    to_come = sum("to come" in why for what, why in WITHOUT_A_CALL.items() if what not in calls)
    return f"{len(calls)} calls in the source are all allowed; {len(read)} rights to read, {len(deploy - read)} to deploy, {len(build)} to build, {len(offboarding())} to offboard, {to_come} for what is to come"


# Which rights each kind of job has. Whoever deploys builds as well, in one job (infra/bootstrap: `deploy_builds`).
def of_jobs() -> dict[str, set[str]]:
    deploy, read, build = rights()
    return {"plan": read, "build": build, "deploy": deploy | build}


def covers(pattern: str, action: str) -> bool:
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), action) is not None


def judged(recorded: dict[str, list[str]]) -> tuple[list[str], list[str]]:
    """A table of role and action with who called it, and what is wrong with it."""
    table = json.loads((INFRA / "stack/release-roles/actions.json").read_text())
    may, never = of_jobs(), table["data_never"] + table["deploy_never"]
    lines, wrong = [f"{'action':52} {'plan':5} {'build':5} {'deploy':6} called by"], []
    for action in sorted({action for actions in recorded.values() for action in actions}):
        who = sorted(job for job, actions in recorded.items() if action in actions)
        # Anybody may ask GitHub's provider for the role that trusts it: it is the trust policy that answers.
        free = action == "sts:AssumeRoleWithWebIdentity"
        mark = {job: "-" if free else "yes" if action in may[job] else "no" for job in may}
        lines.append(f"{action:52} {mark['plan']:5} {mark['build']:5} {mark['deploy']:6} {', '.join(who)}")
        wrong += [f"{job} called {action}, which its role may not" for job in who if not free and action not in may[job]]
        wrong += [f"{action} is denied to everybody by {pattern}" for pattern in never if covers(pattern, action)]
        if WRITES.search(action) and action in may["plan"]:
            wrong.append(f"a gate may {action}")
    idle = len(may["deploy"] - {a for actions in recorded.values() for a in actions})
    lines.append(f"{len(lines) - 1} actions, {len(wrong)} wrong; {idle} rights of a deployment that this rollout did not need")
    return lines, wrong


if __name__ == "__main__":
    lines, wrong = judged(json.load(open(sys.argv[1])))
    print("\n".join(lines + wrong))
    sys.exit(1 if wrong else 0)
