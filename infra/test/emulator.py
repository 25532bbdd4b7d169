"""Both environments applied for real by HashiCorp's provider, on moto with the patches of shim.py; and how a plan grows.

What a release and a pause do is done here by the calls that the release tool makes, as it makes them; the tool itself is
not run. infra-guard is the tool's own, though. moto runs no containers and asks no policy: tests/e2e and isolation.py are for those.
"""

import contextlib
import json
import os
import pathlib
import re
import resource
import signal
import socket
import subprocess
import time
import urllib.request

from steps import HERE, WORK, Failed, Steps, Terraform, python, tidegate

MOTO = ("moto[server]==5.2.1",)  # boto3 comes with it
ACCOUNTS = {"dev": "111111111111", "prod": "222222222222"}
# Three of prod's nine: paused, with everything of its own, and plain.
PROD_TENANTS = ("initech", "umbrella", "stark")


@contextlib.contextmanager
def moto(account: str):
    """The endpoint of an emulator that is one account's, until the end of the block."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    log = open(WORK / f"moto-{account}.log", "w")
    process = subprocess.Popen(
        [python(*MOTO), HERE / "shim.py", str(port)], stdout=log, stderr=log, env=os.environ | {"MOTO_ACCOUNT_ID": account}
    )
    try:
        for _ in range(200):
            if process.poll() is not None:
                raise Failed(f"moto ended at once: see {log.name}")
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/moto-api/", timeout=1).close()
                break
            except OSError:
                time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


class Environment:
    """One environment in a copy of the tree, on one emulator."""

    def __init__(self, tf: Terraform, tree: pathlib.Path, env: str, endpoint: str):
        self.tf, self.root, self.env = tf, tree / "envs" / env, env
        self.keys = {"AWS_ENDPOINT_URL": endpoint}
        self.inputs = self.root / "fleet.auto.tfvars.json"
        fleet = json.loads(self.inputs.read_text())["fleet"]
        if env == "prod":
            fleet["tenants"] = {t: of for t, of in fleet["tenants"].items() if t in PROD_TENANTS}
        self.write(fleet)
        tf.init(self.root)

    @property
    def fleet(self):
        return json.loads(self.inputs.read_text())["fleet"]

    def write(self, fleet):
        self.inputs.write_text(json.dumps({"fleet": fleet}, indent=2, sort_keys=True) + "\n")

    def terraform(self, *words, ok=(0,)):
        return self.tf.run(self.root, *words, ok=ok, **self.keys)

    def apply(self):
        said = self.terraform("apply", "-input=false", "-auto-approve", "-parallelism=20").stdout
        return re.search(r"Apply complete! (.*)\.", said)[1]

    def plan(self, name="plan"):
        """What changes, by kind, without what only is read."""
        done = self.terraform("plan", "-input=false", "-detailed-exitcode", f"-out={name}.tfplan", ok=(0, 2))
        shown = json.loads(self.terraform("show", "-json", f"{name}.tfplan").stdout)
        changes = [c for c in shown["resource_changes"] if c["change"]["actions"] not in (["no-op"], ["read"])]
        if (done.returncode == 0) != (not changes):
            raise Failed(f"the exit code {done.returncode} and {len(changes)} changes do not fit")
        return changes

    def empty(self, after):
        if changes := self.plan():
            raise Failed(f"after {after} the plan is not empty: " + ", ".join(f"{c['change']['actions']} {c['address']}" for c in changes[:20]))
        return f"after {after}: no changes"

    def aws(self, program: str) -> str:
        """A few lines of boto3, with `client`, `fleet` and `services` at hand."""
        head = (
            "import boto3, json, sys\n"
            f"fleet = json.loads({json.dumps(json.dumps(self.fleet))})\n"
            "client = lambda name: boto3.client(name, region_name=fleet['region'], aws_access_key_id='test', aws_secret_access_key='test')\n"
            "cluster = fleet['clusters'][0]\n"
            "name = lambda tenant, service: f\"{fleet['app']}-{fleet['fleet']}-{tenant}-{service}\"\n"
        )
        done = subprocess.run([python(*MOTO), "-c", head + program], capture_output=True, text=True, env=self.tf.env | self.keys)
        if done.returncode:
            raise Failed(done.stderr[-2000:])
        return done.stdout


# What a first release does: render the template of the manifest, register it, and move the service there with its first
# tasks in one call; when they are up, keep them. On a service that has run before it sends no number of tasks.
RELEASE = """
s3, ecs, scaling = client('s3'), client('ecs'), client('application-autoscaling')
bucket = f"{fleet['app']}-{fleet['fleet']}-control-{fleet['account_id']}"
moved = started = 0
for tenant in sorted(fleet['tenants']):
    manifest = json.loads(s3.get_object(Bucket=bucket, Key=f'sets/{tenant}/manifest.json')['Body'].read())
    for service, of in sorted(manifest['services'].items()):
        import hashlib
        body = of['template']['body']
        assert hashlib.sha256(body.encode()).hexdigest() == of['template']['sha256'], of['template']
        request = json.loads(body)
        request['containerDefinitions'][0]['image'] = 'registry/image@sha256:' + 'a' * 64
        arn = ecs.register_task_definition(**request)['taskDefinition']['taskDefinitionArn']
        seen = ecs.describe_services(cluster=manifest['cluster'], services=[of['service']])['services'][0]
        born = seen['desiredCount'] == 0 and '/placeholder-' in seen['taskDefinition']
        first = dict(desiredCount=of['scaling']['min']) if born else {}
        ecs.update_service(cluster=manifest['cluster'], service=of['service'], taskDefinition=arn, **first)
        if born:
            scaling.register_scalable_target(ServiceNamespace='ecs', ResourceId=f"service/{manifest['cluster']}/{of['service']}",
                ScalableDimension='ecs:service:DesiredCount', MinCapacity=of['scaling']['min'], MaxCapacity=of['scaling']['max'])
        started += born
        moved += 1
print(moved, 'services,', started, 'of them with their first tasks')
"""

# What a pause does at run time: sleep first, then no tasks. No plan, no pull request.
PAUSE = """
ecs, scaling = client('ecs'), client('application-autoscaling')
tenant = sorted(fleet['tenants'])[0]
asleep = dict(DynamicScalingInSuspended=True, DynamicScalingOutSuspended=True, ScheduledScalingSuspended=True)
for service in sorted(fleet['services']):
    scaling.register_scalable_target(ServiceNamespace='ecs', ResourceId=f'service/{cluster}/{name(tenant, service)}',
        ScalableDimension='ecs:service:DesiredCount', MinCapacity=0, SuspendedState=asleep)
    ecs.update_service(cluster=cluster, service=name(tenant, service), desiredCount=0)
print(tenant)
"""

# And what a resume does, when the gate has passed.
RESUME = """
ecs, scaling = client('ecs'), client('application-autoscaling')
tenant = sorted(fleet['tenants'])[0]
awake = dict(DynamicScalingInSuspended=False, DynamicScalingOutSuspended=False, ScheduledScalingSuspended=False)
for service in sorted(fleet['services']):
    ecs.update_service(cluster=cluster, service=name(tenant, service), desiredCount=2)
    scaling.register_scalable_target(ServiceNamespace='ecs', ResourceId=f'service/{cluster}/{name(tenant, service)}',
        ScalableDimension='ecs:service:DesiredCount', MinCapacity=2, SuspendedState=awake)
print(tenant)
"""

SLEEPING = """
ecs, scaling = client('ecs'), client('application-autoscaling')
tenant = sorted(fleet['tenants'])[0]
for service in sorted(fleet['services']):
    found = scaling.describe_scalable_targets(ServiceNamespace='ecs', ResourceIds=[f'service/{cluster}/{name(tenant, service)}'])['ScalableTargets'][0]
    seen = ecs.describe_services(cluster=cluster, services=[name(tenant, service)])['services'][0]
    assert found['MinCapacity'] == 0 and found['SuspendedState']['DynamicScalingOutSuspended'] is True, found
    assert seen['desiredCount'] == 0 and 'placeholder' not in seen['taskDefinition'], seen
print('as it was left')
"""


def run(steps: Steps, *only: str) -> None:
    tf = Terraform()
    for env in only or ("dev", "prod"):
        with moto(ACCOUNTS[env]) as endpoint:
            life(steps, tf, env, endpoint)


def life(steps: Steps, tf: Terraform, env: str, endpoint: str) -> None:
    tree = tf.copy(f"emulator-{env}")
    place = Environment(tf, tree, env, endpoint)
    tell = lambda name, work, *more: steps.step(f"{env} {name}", work, *more)
    if tell("apply", place.apply) is None:
        return
    tell("again", place.empty, "the apply")
    tell("release", lambda: place.aws(RELEASE).strip() + "; " + place.empty("a release"))
    tell("pause", lambda: place.aws(PAUSE).strip() + "; " + place.empty("a pause") + "; " + place.aws(SLEEPING).strip())
    tell("resume", lambda: place.aws(RESUME).strip() + "; " + place.empty("a resume"))
    tell("new tenant", add_tenant, place)
    tell("its release", lambda: place.aws(RELEASE).strip() + "; " + place.empty("its first release"))
    tell("offboarding", offboarding, place)
    tell("removed", removed, place)
    tell("protected", protected, place)
    unlocked(tree, place)
    tell("destroy", destroy, place)


def add_tenant(place: Environment):
    fleet = place.fleet
    other = next(iter(fleet["tenants"].values()))
    fleet["tenants"]["aperture"] = other | {"slot": 20, "host": f"aperture.{fleet['domain']}", "rds": "schema", "evidence": "prefix", "state": "active"}
    place.write(fleet)
    changes = place.plan()
    own = ('"aperture"', '"aperture--wake"')
    strangers = [c["address"] for c in changes if not any(name in c["address"] for name in own)]
    if strangers or any(c["change"]["actions"] != ["create"] for c in changes):
        raise Failed(f"a new tenant touches others: {strangers[:10]}")
    return f"only its own: {place.apply()}; {place.empty('it')}"


def offboarding(place: Environment):
    """Its routes go, and nothing that holds data."""
    fleet = place.fleet
    fleet["tenants"]["aperture"]["state"] = "offboarding"
    place.write(fleet)
    gone = sum(c["change"]["actions"] == ["delete"] for c in place.plan())
    code, said = guarded(place)
    if code != 0:
        raise Failed(f"the guard has something against it: {said}")
    return f"{gone} of its routes: {place.apply()}; {place.empty('it')}"


def removed(place: Environment):
    """Its line goes: the guard refuses, and with an approval of exactly that loss the same plan is applied."""
    fleet = place.fleet
    fleet["tenants"].pop("aperture")
    place.write(fleet)
    place.plan()  # once: an approval is of one plan, and one that is made anew is another
    code, said = guarded(place, "--json")
    draft = json.loads(said)
    if code != 4 or draft["tenants"] != ["aperture"]:
        raise Failed(f"the guard does not stand in the way: {code} {said[:500]}")
    approval = draft["approval"] | {"reason": "its contract has ended", "expires": "9999-12-30", "requested_by": "ada", "approved_by": "ada"}
    path = place.root / "approval.json"
    path.write_text(json.dumps(approval))
    code, said = guarded(place, "--approval", path)
    if code != 4:
        raise Failed(f"it is enough that whoever asks approves: {said[:500]}")
    path.write_text(json.dumps(approval | {"approved_by": "grace"}))
    code, said = guarded(place, "--approval", path)
    if code != 0:
        raise Failed(f"an approval of exactly that does not count: {said[:500]}")
    done = place.terraform("apply", "-input=false", "plan.tfplan").stdout
    applied = re.search(r"Apply complete! (.*)\.", done)[1]
    return f"refused, refused to one person alone, approved by a second: {len(approval['lost'])} things lost, {applied}; {place.empty('it')}"


def guarded(place: Environment, *words):
    """What `tidegate infra-guard` says of the newest plan."""
    path = place.root / "plan.json"
    path.write_text(place.terraform("show", "-json", "plan.tfplan").stdout)
    done = subprocess.run([tidegate(), "infra-guard", path, *words], capture_output=True, text=True, env={})
    return done.returncode, done.stdout if "--json" in words else done.stdout + done.stderr


def protected(place: Environment):
    """As committed, nothing that holds data can be destroyed by a plan, or by an API."""
    done = place.terraform("plan", "-input=false", "-destroy", ok=(0, 1))
    held = sorted(set(re.findall(r"Resource\s+module\.fleet\.(\S+)\s+has\s", done.stdout + done.stderr)))
    if done.returncode == 0 or not held:
        raise Failed("everything could be destroyed")
    place.aws(
        "rds = client('rds')\n"
        "for d in rds.describe_db_instances()['DBInstances']:\n"
        "    try:\n"
        "        rds.delete_db_instance(DBInstanceIdentifier=d['DBInstanceIdentifier'], SkipFinalSnapshot=True)\n"
        "    except rds.exceptions.ClientError as error:\n"
        "        assert 'rotect' in str(error), error\n"
        "    else:\n"
        "        sys.exit('a database was deleted')\n"
    )
    return f"a plan to destroy is refused for {len(held)} things; the database refuses by itself"


def rewrite(tree: pathlib.Path, *changes) -> None:
    """A copy's Terraform, changed by regular expressions."""
    for file in tree.rglob("*.tf"):
        text = changed = file.read_text()
        for pattern, by in changes:
            changed = re.sub(pattern, by, changed)
        if changed != text:
            file.write_text(changed)


KEPT = (r"prevent_destroy = true", "prevent_destroy = false")


def unlocked(tree: pathlib.Path, place: Environment) -> None:
    """The locks taken off in the copy: only so can the rest be shown."""
    rewrite(tree, KEPT, (r"((?:force_destroy|force_delete)\s+= )false", r"\1true"), (r"(skip_final_snapshot\s+= )false", r"\1true"))
    values = place.root / "platform.auto.tfvars"
    values.write_text(re.sub(r"(protect\s+= )true", r"\1false", values.read_text()))


def destroy(place: Environment):
    place.apply()
    said = place.terraform("destroy", "-input=false", "-auto-approve", "-parallelism=20").stdout
    return re.search(r"Destroy complete! (.*)\.", said)[1]


# ---------------------------------------------------------------- fixtures for the guard


def plans(steps: Steps, *_: str) -> None:
    """infra/test/plans/*.json: what `tidegate infra-guard` is tested on, from real plans over a real state."""
    tf = Terraform()
    with moto(ACCOUNTS["prod"]) as endpoint:
        tree = tf.copy("plans")
        place = Environment(tf, tree, "prod", endpoint)
        if steps.step("apply", place.apply) is None:
            return
        original = place.fleet

        def fixture(name, change, open_=False):
            fleet = json.loads(json.dumps(original))
            change(fleet)
            place.write(fleet)
            # Terraform itself refuses these two while what is destroyed is marked; the guard must too, without it.
            if open_:
                rewrite(tree, KEPT)
            changes = place.plan(name)
            (HERE / "plans").mkdir(exist_ok=True)
            small = {
                "format_version": "1.2",
                "terraform_version": json.loads(place.terraform("version", "-json").stdout)["terraform_version"],
                "resource_changes": [shrink(c) for c in changes],
            }
            (HERE / f"plans/{name}.json").write_text(json.dumps(small, indent=1, sort_keys=True) + "\n")
            gone = sum("delete" in c["change"]["actions"] for c in changes)
            return f"{len(changes)} changes, {gone} of them take something away"

        state = lambda tenant, to: lambda f: f["tenants"][tenant].update(state=to)
        steps.step("pause", fixture, "pause", state("stark", "paused"))
        steps.step("resume", fixture, "resume", state("initech", "active"))
        steps.step("offboard", fixture, "offboard", state("stark", "offboarding"))
        steps.step("removed", fixture, "removed", lambda f: f["tenants"].pop("stark"))

        def bigger(_):
            values = place.root / "platform.auto.tfvars"
            values.write_text(values.read_text().replace("cpu = 512, memory = 1024, min = 3", "cpu = 1024, memory = 2048, min = 3"))

        keep = (place.root / "platform.auto.tfvars").read_text()
        steps.step("cpu", fixture, "cpu", bigger)
        (place.root / "platform.auto.tfvars").write_text(keep)
        steps.step("line deleted", fixture, "line-deleted", lambda f: f["tenants"].pop("umbrella"), True)
        # Another name of the administrator: one word, and the provider makes the database anew.
        rewrite_user = lambda _: rewrite(tree, (r'(username\s+= )"platform"', r'\1"administrator"'))
        steps.step("database", fixture, "database-replaced", rewrite_user, True)


def shrink(change: dict) -> dict:
    """What the guard needs: which thing, which action, and how the thing that is lost is called."""
    wanted = ("id", "arn", "name", "bucket", "identifier", "key", "tags")
    before = change["change"].get("before") or {}
    small = {"address": change["address"], "type": change["type"], "name": change["name"], "mode": change["mode"],
             "change": {"actions": change["change"]["actions"], "before": {k: before[k] for k in wanted if before.get(k)} or None}}
    for extra in ("index", "action_reason", "module_address"):
        if extra in change:
            small[extra] = change[extra]
    return small


# ---------------------------------------------------------------- how a plan grows


def scale(steps: Steps, *counts: str) -> None:
    tf = Terraform()
    for count in map(int, counts or ("3", "20", "100")):
        steps.step(f"{count} tenants", grow, tf, count)


def grow(tf: Terraform, count: int):
    tree = tf.copy("scale", offline=True)
    root = tree / "envs/prod"
    path = root / "fleet.auto.tfvars.json"
    fleet = json.loads(path.read_text())["fleet"]
    fleet["shards"] = [f"s{n + 1}" for n in range((count + 19) // 20)]
    fleet["tenants"] = {
        f"tenant-{n:03}": {"shard": f"s{n // 20 + 1}", "slot": n % 20 + 1, "cluster": fleet["clusters"][0], "state": "active", "tier": "standard",
                           "host": f"tenant-{n:03}.{fleet['domain']}", "rds": "schema", "evidence": "prefix"}
        for n in range(count)
    }
    path.write_text(json.dumps({"fleet": fleet}))
    tf.init(root)
    begun = time.monotonic()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    tf.run(root, "plan", "-input=false", "-lock=false", "-out=plan.tfplan")
    took = time.monotonic() - begun
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    shown = json.loads(tf.run(root, "show", "-json", "plan.tfplan").stdout)
    largest = max(len(p) for r in shown["resource_changes"] if (p := (r["change"]["after"] or {}).get("policy")) and isinstance(p, str))
    return (f"{len(shown['resource_changes'])} resources, plan without an API {took:.0f} s "
            f"({used.ru_utime - before.ru_utime:.0f} s of processor), {used.ru_maxrss // 1024} MB at most, largest policy {largest} characters")
