#!/usr/bin/env python3
"""Tenants of the stack's modules on MiniStack, whose tasks are real containers and whose IAM says no.

Two proofs, each on what it takes. `denial`: a MiniStack that enforces IAM; a tenant's role is let in to its own things
and to nobody else's, and the role of a gate may look and not touch. `release`: tests/e2e, scenario `platform`, which
comes back to this file for Terraform (`live.py FOLDER ENDPOINT apply|plan`) and releases on what it made.

What MiniStack cannot do is taken out of the copy that is applied, by `FITTED`, and nothing else is.
"""

import contextlib
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request

from steps import INFRA, ROOT, WORK, Failed, Skipped, Steps, Terraform, call, python

MINISTACK = ("ministack==1.5.33", "cryptography==50.0.2", "boto3==1.43.106")

# How this file ends where Terraform or its provider is missing.
SKIPPED = 77

# What is taken out of the copy, and why.
FITTED = [
    # It has no Application Auto Scaling. Targets and policies are shown on moto (`run emulator`).
    (r'resource "aws_appautoscaling_\w+" "\w+" \{\n.*?\n\}\n', ""),
]
# And for `denial` only.
ENFORCED = [
    # It knows no policy variables, so the ceiling, which is made of one, would deny everybody everything: this is the first
    # layer alone. Both layers, and each alone, are in isolation.py.
    (r"permissions_boundary = [\w.]+\n", ""),
    # Nobody can be ECS here, or GitHub: the account itself takes the roles.
    (r"trust = jsonencode\(\{.*?\n  \}\)\n", "trust = jsonencode({ Version = \"2012-10-17\", Statement = [{ Effect = \"Allow\", Principal = { AWS = \"${local.arn.iam}:root\" }, Action = \"sts:AssumeRole\" }] })\n"),
    (r"(for role, jobs in var.jobs : role => )jsonencode\(\{.*?\n    \}\)\n", "\\1jsonencode({ Version = \"2012-10-17\", Statement = [{ Effect = \"Allow\", Principal = { AWS = \"${local.arn.iam}:root\" }, Action = \"sts:AssumeRole\" }] })\n"),
    # It is reached without TLS, which the bucket refuses.
    (r'      \{\n        Sid       = "OnlyTls"\n.*?\n      \},\n', ""),
]


class Place:
    """The root infra/test/live in a copy of the tree, on one emulator."""

    def __init__(self, name: str, endpoint: str):
        self.tf, self.tree = Terraform(), WORK / name
        self.root, self.keys = self.tree / "test/live", {"AWS_ENDPOINT_URL": endpoint}

    def begin(self, inputs: dict, changes=FITTED, **variables):
        self.tf.copy(self.tree.name, unlocked=True)
        for file in (self.tree / "stack").rglob("*.tf"):
            text = changed = file.read_text()
            for pattern, by in changes:
                changed = re.sub(pattern, by, changed, flags=re.S)
            if changed != text:
                file.write_text(changed)
        (self.root / "fleet.auto.tfvars.json").write_text(json.dumps(inputs))
        self.set(**{"memory": 512} | variables)
        self.tf.init(self.root)

    def set(self, **variables):
        (self.root / "live.auto.tfvars.json").write_text(json.dumps(variables))

    def apply(self) -> str:
        said = self.tf.run(self.root, "apply", "-input=false", "-auto-approve", "-parallelism=20", **self.keys).stdout
        return re.search(r"Apply complete! (.*)\.", said)[1]

    def plan(self) -> dict[str, list]:
        """What would change, by address: the fields of each."""
        self.tf.run(self.root, "plan", "-input=false", "-out=plan.tfplan", **self.keys)
        shown = json.loads(self.tf.run(self.root, "show", "-json", "plan.tfplan", **self.keys).stdout)
        changes = {}
        for change in shown["resource_changes"]:
            of = change["change"]
            if of["actions"] not in (["no-op"], ["read"]):
                before, after = of["before"] or {}, of["after"] or {}
                fields = sorted(f for f in before.keys() | after.keys() if before.get(f) != after.get(f) or (of.get("after_unknown") or {}).get(f))
                changes[change["address"]] = of["actions"] + fields
        return changes


@contextlib.contextmanager
def ministack(account: str):
    """One that asks every policy, without containers."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    log = open(WORK / "ministack.log", "w")
    env = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")} | {
        "AUTH": "true", "MINISTACK_ACCOUNT_ID": account, "MINISTACK_REGION": "eu-west-1", "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1", "SFTP_ENABLED": "0", "IOT_MTLS_ENABLED": "0", "DOCKER_HOST": "unix:///nonexistent.sock",
    }
    process = subprocess.Popen([python(*MINISTACK).parent / "ministack"], stdout=log, stderr=log, env=env)
    try:
        for _ in range(200):
            if process.poll() is not None:
                raise Failed(f"MiniStack ended at once: see {log.name}")
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/_ministack/health", timeout=1).close()
                break
            except OSError:
                time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def inputs() -> dict:
    """Two tenants of the fixture's shape, in a cluster of their own."""
    fleet = json.loads((INFRA / "test/fixture/inputs.json").read_text())["fleet"]
    some = fleet["tenants"]["acme"]
    service = {"kind": "service", "port": 8080, "health": "/healthz", "repository": "accessos/iam-service"}
    tenants = {name: some | {"slot": slot, "host": f"{name}.{fleet['domain']}"} for slot, name in enumerate(("acme", "hooli"), 1)}
    return {"fleet": fleet | {"services": {"iam-service": service}, "control_plane": {}, "tenants": tenants}}


# What a role asks for and whether it gets it; `OWN` stands for acme and `OTHER` for hooli.
ASKS = """
import json, sys, boto3
from botocore.exceptions import ClientError
endpoint, account, prefix = sys.argv[1:4]
app, fleet = prefix.split("-")
keys = lambda k: dict(aws_access_key_id=k[0], aws_secret_access_key=k[1], aws_session_token=k[2], endpoint_url=endpoint, region_name="eu-west-1")
root = ("test", "test", None)

def assumed(role):
    c = boto3.client("sts", **keys(root)).assume_role(RoleArn=f"arn:aws:iam::{account}:role/{role}", RoleSessionName="proof")["Credentials"]
    return c["AccessKeyId"], c["SecretAccessKey"], c["SessionToken"]

evidence, control = f"{prefix}-evidence-{account}", f"{prefix}-control-{account}"
secrets, s3, sqs = (boto3.client(name, **keys(root)) for name in ("secretsmanager", "s3", "sqs"))
key = boto3.client("kms", **keys(root)).list_keys()["Keys"][0]["KeyId"]
for tenant in ("acme", "hooli"):
    secrets.put_secret_value(SecretId=f"{app}/{fleet}/{tenant}/session-signing", SecretString="x")
    s3.put_object(Bucket=evidence, Key=f"tenants/{tenant}/1", Body=b"x")

def tenant_asks(role, tenant):
    of = lambda name: boto3.client(name, **keys(assumed(f"{app}/{fleet}/sets/{prefix}-{role}")))
    queue = sqs.get_queue_url(QueueName=f"{prefix}-{tenant}-discovery")["QueueUrl"]
    return {
        "read a secret": lambda: of("secretsmanager").get_secret_value(SecretId=f"{app}/{fleet}/{tenant}/session-signing"),
        "read evidence": lambda: of("s3").get_object(Bucket=evidence, Key=f"tenants/{tenant}/1"),
        "write evidence": lambda: of("s3").put_object(Bucket=evidence, Key=f"tenants/{tenant}/2", Body=b"x"),
        "list evidence": lambda: of("s3").list_objects_v2(Bucket=evidence, Prefix=f"tenants/{tenant}/"),
        "send to the queue": lambda: of("sqs").send_message(QueueUrl=queue, MessageBody="x"),
        "receive from the queue": lambda: of("sqs").receive_message(QueueUrl=queue),
        "write the manifest": lambda: of("s3").put_object(Bucket=control, Key=f"sets/{tenant}/manifest.json", Body=b"x"),
        "use the key": lambda: of("kms").generate_data_key(KeyId=key, KeySpec="AES_256"),
    }

definition = dict(family=f"{prefix}-acme-iam-service", containerDefinitions=[dict(name="iam-service", image="x@sha256:" + "a" * 64, memory=128)])
def release_asks(role):
    of = lambda name: boto3.client(name, **keys(assumed(role)))
    return {
        "read a manifest": lambda: of("s3").get_object(Bucket=control, Key="sets/acme/manifest.json"),
        "list task definitions": lambda: of("ecs").list_task_definitions(),
        "register a task definition": lambda: of("ecs").register_task_definition(**definition),
        "move a service": lambda: of("ecs").update_service(cluster=f"{prefix}", service=f"{prefix}-acme-iam-service", desiredCount=3),
        "put an image": lambda: of("ecr").put_image(repositoryName="accessos/iam-service", imageManifest="{}", imageTag="x"),
        "scale": lambda: of("ecs").create_service(cluster=f"{prefix}", serviceName="x", taskDefinition="x"),
        "write a manifest": lambda: of("s3").put_object(Bucket=control, Key="sets/acme/manifest.json", Body=b"x"),
        "read evidence": lambda: of("s3").get_object(Bucket=evidence, Key="tenants/acme/1"),
        "read a secret": lambda: of("secretsmanager").get_secret_value(SecretId=f"{app}/{fleet}/acme/session-signing"),
    }

DENIED = {"AccessDenied", "AccessDeniedException", "403"}
def answer(ask):
    try:
        ask()
    except ClientError as error:
        code = error.response["Error"]["Code"]
        return "denied" if code in DENIED or "AccessDenied" in code else f"{code}: {error.response['Error']['Message']}"
    return "allowed"

tables = {
    "task of acme, things of acme": tenant_asks("acme-iam-service", "acme"),
    "task of acme, things of hooli": tenant_asks("acme-iam-service", "hooli"),
    "start of acme, things of acme": {"read a secret": tenant_asks("acme-execution", "acme")["read a secret"]},
    "start of acme, things of hooli": {"read a secret": tenant_asks("acme-execution", "hooli")["read a secret"]},
    "gate": release_asks(f"tidegate-{fleet}-plan"),
    "deploy": release_asks(f"tidegate-{fleet}"),
}
json.dump({who: {what: answer(ask) for what, ask in asks.items()} for who, asks in tables.items()}, sys.stdout)
"""

OWN = {"read evidence", "write evidence", "list evidence", "send to the queue", "receive from the queue"}
# Who gets what. Everything else that is asked must be denied.
ALLOWED = {
    "task of acme, things of acme": OWN,
    "task of acme, things of hooli": set(),
    "start of acme, things of acme": {"read a secret"},
    "start of acme, things of hooli": set(),
    "gate": {"read a manifest", "list task definitions"},
    "deploy": {"read a manifest", "list task definitions", "register a task definition"},
}
# What the emulator answers otherwise than AWS, whatever the policy: it is not counted, and why.
UNTOLD = {
    ("deploy", "move a service"): "it does not know the cluster of a service's ARN",
    ("deploy", "put an image"): "there is no such repository",
}


def denial(steps: Steps) -> None:
    account = inputs()["fleet"]["account_id"]
    with ministack(account) as endpoint:
        place = Place("live-denial", endpoint)

        def apply():
            place.begin(inputs(), FITTED + ENFORCED, secrets=["session-signing"])
            return place.apply()

        if steps.step("apply", apply) is None:
            return
        asked = call(python(*MINISTACK), "-c", ASKS, endpoint, account, "accessos-dev", env={"PATH": os.environ["PATH"], "AWS_EC2_METADATA_DISABLED": "true"})
        tables = json.loads(asked.stdout)
        for who, answers in tables.items():
            steps.step(who, judge, who, answers)


def judge(who: str, answers: dict[str, str]) -> str:
    counted = {what: how for what, how in answers.items() if (who, what) not in UNTOLD}
    wrong = {what: how for what, how in counted.items() if how != ("allowed" if what in ALLOWED[who] else "denied")}
    if wrong:
        raise Failed(f"{who}: {wrong}")
    let = [what for what, how in counted.items() if how == "allowed"]
    return f"allowed: {', '.join(let) or 'nothing'}; denied: {', '.join(w for w, how in counted.items() if how == 'denied') or 'nothing'}"


def release(steps: Steps) -> None:
    def played():
        done = subprocess.run([ROOT / "tests/e2e/run", "platform"], cwd=ROOT, text=True, capture_output=True)
        (WORK / "platform.log").write_text(done.stdout + done.stderr)
        if done.returncode:
            raise Failed("\n".join((done.stdout + done.stderr).splitlines()[-40:]))
        if skipped := re.search(r"platform: skipped: (.*)", done.stdout):
            raise Skipped(skipped[1])
        return "\n    ".join(line for line in done.stdout.splitlines() if "platform:" in line)

    steps.step("release", played)


def run(steps: Steps, *only: str) -> None:
    for name in only or ("denial", "release"):
        {"denial": denial, "release": release}[name](steps)


def main(folder: str, endpoint: str, verb: str, *words: str) -> None:
    """For the story in tests/e2e: `apply INPUTS [MEMORY]`, and `plan [MEMORY]`, which prints what would change as JSON."""
    place = Place(f"live-{pathlib.Path(folder).name}", endpoint)
    if verb == "apply":
        (path, memory) = (words[0], int(words[1]) if len(words) > 1 else 512)
        wanted = json.loads(pathlib.Path(path).read_text())
        if (place.root / "terraform.tfstate").exists() and len(words) > 1:
            place.set(memory=memory)
        else:
            place.begin(wanted, memory=memory)
        print(place.apply())
    else:
        if words:
            place.set(memory=int(words[0]))
        json.dump(place.plan(), sys.stdout, indent=1, sort_keys=True)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except Skipped as skipped:
        print(skipped)
        sys.exit(SKIPPED)
