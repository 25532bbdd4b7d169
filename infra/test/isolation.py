"""No tenant reaches another: every role of a plan, against every tenant's things, by each layer alone and by both.

Read from `terraform show -json` of a plan that no account was asked for. Names of things are made here anew and not
taken from Terraform, so that a name that is wrong in one place is seen. Beside the tenants of the fleet, things of
tenants that do not exist are asked for whose names lie close by (`acme-x`, `acm`): a wildcard behind a hyphen is seen
by them and by nothing else.

Usage: isolation.py PLAN.json [ROLES_PLAN.json]
"""

import json
import sys
from dataclasses import dataclass, replace

from iam import Principal, Request, allowed

# What the release tool's roles may of a tenant's things, by the end of their names. Those that build the stack get
# nothing that a tenant has written: the provider asks whether a bucket is there by listing it, and Terraform tags roles
# and publishes manifests. One role takes tenants out, so it reads their evidence and keeps and purges it, and no more.
BUILDERS = {
    "-infra-plan": {"s3:ListBucket"},
    "-infra-apply": {"s3:ListBucket", "iam:TagRole", "s3:PutObject sets/"},
    "-offboard": {
        "s3:ListBucket", "s3:GetObject -evidence-", "s3:DeleteObjectVersion -evidence-", "kms:Decrypt via",
        "s3:GetObject -archive-", "s3:PutObject -archive-", "iam:PassRole -archive",
    },
}

# What part of a name a right may hang on.
PARTS = ("sets/", "-evidence-", "-archive-", "-archive")

EVERYTHING = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


def resources(plan: dict) -> list[dict]:
    def walk(module):
        yield from module.get("resources", [])
        for child in module.get("child_modules", []):
            yield from walk(child)

    return list(walk(plan["planned_values"]["root_module"]))


@dataclass
class World:
    fleet: dict
    uses: dict
    principals: dict  # name -> Principal
    buckets: dict  # bucket -> policies
    keys: dict  # tenant -> policies
    control: dict  # service of the control plane -> what it reads, writes and lists


def read(plan: dict, *others: dict) -> World:
    fleet = plan["variables"]["fleet"]["value"]
    settings = plan["variables"]["platform"]["value"].get("settings", {})
    found = [r for p in (plan, *others) for r in resources(p)]
    of_type = lambda kind: [r for r in found if r["type"] == kind]
    account = fleet["account_id"]
    ceilings = {
        f"arn:aws:iam::{account}:policy/{r['values']['name']}": json.loads(r["values"]["policy"])
        for r in of_type("aws_iam_policy")
    }
    policies: dict = {}
    for r in of_type("aws_iam_role_policy"):
        policies.setdefault(r["values"]["role"], []).append(json.loads(r["values"]["policy"]))
    principals = {}
    for r in of_type("aws_iam_role"):
        values = r["values"]
        boundary = values.get("permissions_boundary")
        principals[values["name"]] = Principal(
            arn=f"arn:aws:iam::{account}:role{values.get('path') or '/'}{values['name']}",
            tags=values.get("tags") or {},
            policies=tuple(policies.get(values["name"], [])),
            ceiling=ceilings[boundary] if boundary else None,
            has_ceiling=bool(boundary),
        )
    named = {r["address"].split("aws_s3_bucket.")[1]: r["values"]["bucket"] for r in of_type("aws_s3_bucket")}
    buckets = {
        named[r["address"].split("aws_s3_bucket_policy.")[1]]: (json.loads(r["values"]["policy"]),)
        for r in of_type("aws_s3_bucket_policy")
    }
    keys = {
        r["index"]: (json.loads(r["values"]["policy"]),)
        for r in of_type("aws_kms_key") if r["name"] == "tenant"
    }
    control = plan["variables"]["platform"]["value"]["control_plane"]
    return World(fleet, {s: set(of.get("uses", [])) for s, of in settings.items()}, principals, buckets, keys, control)


def things(world: World, tenant: str) -> list[tuple[str, Request]]:
    """What a tenant has, as requests, each with the use that lets its own services make it."""
    f = world.fleet
    prefix, slash = f"{f['app']}-{f['fleet']}", f"{f['app']}/{f['fleet']}"
    arn = lambda service, rest: f"arn:aws:{service}:{f['region']}:{f['account_id']}:{rest}"
    own = f["tenants"].get(tenant, {}).get("evidence") == "bucket"
    bucket = f"{prefix}-evidence-{f['account_id']}" + (f"-{tenant}" if own else "")
    of_bucket = world.buckets.get(bucket, ())
    via = lambda service: {"kms:ViaService": f"{service}.{f['region']}.amazonaws.com"}
    key = arn("kms", f"key/of-{tenant}")
    kept = f"{prefix}-archive-{f['account_id']}"
    of_archive = world.buckets.get(kept, ())
    all_things = [
        ("archive", Request("s3:PutObject", f"arn:aws:s3:::{kept}/{tenant}/7/database.dump", {}, of_archive)),
        ("archive", Request("s3:GetObject", f"arn:aws:s3:::{kept}/{tenant}/7/database.dump", {}, of_archive)),
        ("never", Request("s3:DeleteObjectVersion", f"arn:aws:s3:::{kept}/{tenant}/7/database.dump", {}, of_archive)),
        ("never", Request("s3:PutObjectRetention", f"arn:aws:s3:::{kept}/{tenant}/7/database.dump", {}, of_archive)),
        ("never", Request("iam:PassRole", f"arn:aws:iam::{f['account_id']}:role/{slash}/sets/{prefix}-{tenant}-archive", {"iam:PassedToService": "ecs-tasks.amazonaws.com"})),
        ("evidence", Request("s3:GetObject", f"arn:aws:s3:::{bucket}/tenants/{tenant}/2026/1.json", {}, of_bucket)),
        ("evidence", Request("s3:PutObject", f"arn:aws:s3:::{bucket}/tenants/{tenant}/2026/1.json", {}, of_bucket)),
        ("never", Request("s3:DeleteObjectVersion", f"arn:aws:s3:::{bucket}/tenants/{tenant}/2026/1.json", {}, of_bucket)),
        ("evidence", Request("s3:ListBucket", f"arn:aws:s3:::{bucket}", {"s3:prefix": f"tenants/{tenant}/"}, of_bucket)),
        ("start", Request("secretsmanager:GetSecretValue", arn("secretsmanager", f"secret:{slash}/{tenant}/session-signing-AbCdEf"))),
        ("never", Request("secretsmanager:PutSecretValue", arn("secretsmanager", f"secret:{slash}/{tenant}/session-signing-AbCdEf"))),
        ("send", Request("sqs:SendMessage", arn("sqs", f"{prefix}-{tenant}-discovery"))),
        ("receive", Request("sqs:ReceiveMessage", arn("sqs", f"{prefix}-{tenant}-discovery"))),
        ("never", Request("sqs:PurgeQueue", arn("sqs", f"{prefix}-{tenant}-discovery"))),
        ("database", Request("rds-db:connect", arn("rds-db", f"dbuser:db-ABC/t_{tenant}"))),
        ("start", Request("logs:PutLogEvents", arn("logs", f"log-group:/{slash}/{tenant}/iam-service:log-stream:task/1"))),
        ("never", Request("sts:AssumeRole", f"arn:aws:iam::{f['account_id']}:role/{slash}/sets/{prefix}-{tenant}-iam-service")),
        ("never", Request("dynamodb:GetItem", arn("dynamodb", f"table/{tenant}"))),
        ("never", Request("iam:TagRole", f"arn:aws:iam::{f['account_id']}:role/{slash}/sets/{prefix}-{tenant}-iam-service")),
        ("never", Request("s3:PutObject", f"arn:aws:s3:::{prefix}-control-{f['account_id']}/sets/{tenant}/manifest.json", {},
                          world.buckets.get(f"{prefix}-control-{f['account_id']}", ()))),
    ]
    if own:
        aliases = {"kms:ResourceAliases": [f"alias/{prefix}/tenant/{tenant}"]}
        of_key = world.keys.get(tenant, ())
        all_things += [
            ("evidence", Request("kms:Decrypt", key, aliases | via("s3"), of_key)),
            ("never", Request("kms:Decrypt", key, aliases, of_key)),
        ]
    return all_things


def role_table(world: World) -> dict:
    """Of each role of a set: its tenant and what it uses."""
    f, table = world.fleet, {}
    for tenant in f["tenants"]:
        for service in f["services"]:
            table[short(f"{f['app']}-{f['fleet']}-{tenant}-{service}")] = (tenant, world.uses.get(service, set()))
        table[short(f"{f['app']}-{f['fleet']}-{tenant}-execution")] = (tenant, {"start"})
        table[f"{f['app']}-{f['fleet']}-{tenant}-archive"] = (tenant, {"archive", "database"})
    return table


def short(name: str) -> str:
    import hashlib

    return name if len(name) <= 64 else f"{name[:57].removesuffix('-')}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"


def near(tenants) -> list[str]:
    made = {name for t in tenants for name in (f"{t}-x", t[:-1], f"{t}x")}
    return sorted(made - set(tenants))


def builds(name: str, request: Request) -> bool:
    may = next((may for end, may in BUILDERS.items() if name.endswith(end)), set())
    if request.action == "kms:Decrypt":
        return "kms:Decrypt via" in may and "kms:ViaService" in request.context
    return request.action in may or any(f"{request.action} {part}" in may and part in request.resource for part in PARTS)


@dataclass
class Result:
    checks: int = 0
    wrong: tuple = ()


def matrix(world: World, layer: str = "both") -> Result:
    """`names`: roles without their ceiling. `ceiling`: tenants' roles that may do everything, under it."""
    table, checks, wrong = role_table(world), 0, []
    tenants = list(world.fleet["tenants"])
    targets = [(t, r) for t in tenants + near(tenants) for r in things(world, t)]
    for name, principal in world.principals.items():
        own, uses = table.get(name, (None, set()))
        if layer == "names":
            principal = replace(principal, ceiling=None)
        if layer == "ceiling":
            # Of the release tool's roles no ceiling is asked: their explicit denies are part of their own policies.
            if own is None:
                continue
            principal = principal.with_policies(EVERYTHING)
        for tenant, (use, request) in targets:
            checks += 1
            expected = own == tenant and use in uses
            if own is None:
                expected = builds(name, request)
            got = allowed(principal, request)
            if layer == "ceiling" and own == tenant:
                continue  # what a tenant may with its own is the business of the names
            if expected != got:
                wrong.append(f"{name} {'can' if got else 'cannot'} {request.action} {request.resource}")
    return Result(checks, tuple(wrong))


def control(world: World, layer: str = "both") -> Result:
    """What the control plane has, asked for by every role of a set: its own services get what they are there for, and no
    tenant gets anything."""
    f, checks, wrong = world.fleet, 0, []
    prefix, slash = f"{f['app']}-{f['fleet']}", f"{f['app']}/{f['fleet']}"
    bucket = f"arn:aws:s3:::{prefix}-control-{f['account_id']}"
    of_bucket = world.buckets.get(f"{prefix}-control-{f['account_id']}", ())
    secret = f"arn:aws:secretsmanager:{f['region']}:{f['account_id']}:secret:{slash}/control-plane/tidegate-routing-key-AbCdEf"
    asked = [(may, place, Request(action, f"{bucket}/{place}", {}, of_bucket)) for may, action, place in (
        ("reads", "s3:GetObject", "routing/current.json"), ("reads", "s3:GetObject", "sets/acme/manifest.json"),
        ("reads", "s3:GetObject", "licenses/acme.json"), ("writes", "s3:PutObject", "routing/current.json"),
        ("writes", "s3:PutObject", "routing/reports/r1"), ("writes", "s3:PutObject", "licenses/acme.json"),
        ("writes", "s3:PutObject", "sets/acme/manifest.json"), ("never", "s3:DeleteObject", "routing/current.json"),
    )]
    asked += [("lists", place, Request("s3:ListBucket", bucket, {"s3:prefix": place}, of_bucket)) for place in ("sets/", "licenses/", "routing/")]
    asked += [("lists", "", Request("s3:ListBucket", bucket, {}, of_bucket)), ("start", "", Request("secretsmanager:GetSecretValue", secret))]
    own = {short(f"{prefix}-control-plane-{service}"): of for service, of in world.control.items()}
    own[short(f"{prefix}-control-plane-execution")] = {"start": ["*"]}
    tenants = role_table(world)
    for name, principal in world.principals.items():
        if name not in own and name not in tenants:
            continue  # the release tool's: release.py
        if layer == "names":
            principal = replace(principal, ceiling=None)
        if layer == "ceiling":
            if name in own:
                continue
            principal = principal.with_policies(EVERYTHING)
        for may, place, request in asked:
            checks += 1
            granted = own.get(name, {}).get(may) or []
            expected = any(part == "*" or place.startswith(f"{part}/") for part in granted)
            if expected != (got := allowed(principal, request)):
                wrong.append(f"{name} {'can' if got else 'cannot'} {request.action} {request.resource} {request.context or ''}")
    return Result(checks, tuple(wrong))


def structure(world: World, plan: dict) -> list[str]:
    """What no evaluation of policies can see."""
    table, wrong = role_table(world), []
    missing = set(table) - set(world.principals)
    wrong += [f"no role {name} in the plan" for name in missing]
    for name, (tenant, _) in table.items():
        principal = world.principals.get(name)
        if principal and not principal.has_ceiling:
            wrong.append(f"{name} has no ceiling")
        if principal and principal.tags.get("tenant") != tenant:
            wrong.append(f"{name} is tagged {principal.tags.get('tenant')}, not {tenant}")
    for r in resources(plan):
        v, kind = r.get("values", {}), r["type"]
        if kind == "aws_ecs_service" and v["network_configuration"][0]["assign_public_ip"]:
            wrong.append(f"{r['address']} has a public address")
        if kind == "aws_db_instance" and v["publicly_accessible"]:
            wrong.append(f"{r['address']} is public")
        if kind == "aws_subnet" and v.get("map_public_ip_on_launch"):
            wrong.append(f"{r['address']} gives public addresses")
        if kind == "aws_vpc_security_group_ingress_rule" and v.get("cidr_ipv4") == "0.0.0.0/0" and ".module.edge." not in f".{r['address']}":
            wrong.append(f"{r['address']} is open to the internet")
        if kind == "aws_s3_bucket_public_access_block" and not all(v[k] for k in ("block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets")):
            wrong.append(f"{r['address']} lets the public in")
    return wrong


def mutations(world: World, plan: dict) -> list[tuple[str, bool]]:
    """Each takes one layer away or bends it; the test that watches that layer must see it."""
    table = role_table(world)
    victim = next(iter(sorted(table)))
    tenant = table[victim][0]
    others = {n: replace(p) for n, p in world.principals.items()}

    def with_principals(change):
        return replace_world(world, {n: change(n, p) if n in table else p for n, p in others.items()})

    def replace_world(w, principals):
        return replace(w, principals=principals)

    rewrite = lambda policy, old, new: json.loads(json.dumps(policy).replace(old, new))
    mine = lambda change: with_principals(lambda n, p: change(p) if n == victim else p)
    mine_of = lambda end, change: with_principals(lambda n, p: change(p) if table[n][0] == tenant and n.endswith(f"-{end}") else p)
    all_rights = with_principals(lambda n, p: p.with_policies(EVERYTHING))
    no_ceiling = with_principals(lambda n, p: replace(p, ceiling=None, has_ceiling=False))
    foreign = lambda result: [w for w in result.wrong if " can " in w and "cannot" not in w and f"/{tenant}/" not in w]
    results = []

    # Held: the other layer stands.
    held = matrix(replace_world(world, all_rights.principals), "ceiling")
    results.append(("every role of a tenant may `*:*`: the ceiling holds", not held.wrong))
    held = matrix(no_ceiling, "names")
    results.append(("no role has a ceiling: the names hold", not held.wrong))
    # Seen: the layer that is gone is missed.
    results.append(("no role has a ceiling: seen", len(structure(no_ceiling, plan)) == len(table) and bool(matrix(no_ceiling, "ceiling").wrong)))
    both_gone = with_principals(lambda n, p: replace(p.with_policies(EVERYTHING), ceiling=None))
    results.append(("`*:*` and no ceiling: seen", bool(foreign(matrix(both_gone)))))
    widened = mine(lambda p: p.with_policies(*[rewrite(q, f"/{tenant}/", "/*/") for q in p.policies], *[rewrite(q, f"t_{tenant}", "t_*") for q in p.policies]))
    results.append(("one role's names widened: seen", bool(matrix(widened, "names").wrong)))
    near_wild = with_principals(lambda n, p: p.with_policies(*[rewrite(q, f"/t_{tenant}", f"/t_{tenant}*") for q in p.policies]))
    results.append(("a wildcard behind a tenant's name: seen by names close by", bool(matrix(near_wild, "names").wrong)))
    loose = lambda p: replace(p, ceiling=rewrite(p.ceiling, "${aws:PrincipalTag/tenant}", "*")) if p.ceiling else p
    results.append(("the ceiling forgets whose: seen", bool(matrix(with_principals(lambda n, p: loose(p)), "ceiling").wrong)))
    retagged = mine(lambda p: replace(p, tags=p.tags | {"tenant": next(t for t in world.fleet["tenants"] if t != tenant)}))
    results.append(("one role has another tenant's tag: seen, and nothing of either is open", bool(structure(retagged, plan)) and not foreign(matrix(retagged))))
    untagged = with_principals(lambda n, p: replace(p.with_policies(EVERYTHING), tags={}))
    results.append(("`*:*` and no tag: everything is shut", not [w for w in matrix(untagged).wrong if " can " in w]))
    open_buckets = replace(world, principals=both_gone.principals, buckets={b: () for b in world.buckets})
    strangers = lambda w: len([
        x for x in matrix(w).wrong
        if " can s3:" in x and "/tenants/" in x and x.split()[0] in table and f"/tenants/{table[x.split()[0]][0]}/" not in x
    ])
    results.append(("`*:*` and no ceiling: the bucket's policy alone holds the evidence", strangers(both_gone) == 0))
    results.append(("and no bucket policy either: seen", strangers(open_buckets) > 0))
    kept = lambda w: len([x for x in matrix(w).wrong if " can s3:" in x and "-archive-" in x and x.split()[0] in table])
    into_own = len(table)  # with every right, each role may write into its own folder, as only one in each set should
    others_own = len(set(t for t, _ in table.values()))
    results.append(("`*:*` and no ceiling: the bucket's policy alone holds the archive", kept(both_gone) == into_own - others_own))
    results.append(("and no policy of the archive either: seen", kept(open_buckets) > into_own))
    wider = mine_of("archive", lambda p: p.with_policies(*[rewrite(q, f"/{tenant}/", "/*/") for q in p.policies]))
    without_policies = replace(wider, buckets={b: () for b in world.buckets})
    results.append(("the folder of one archive role widened: held by the bucket's policy", not matrix(wider, "names").wrong))
    results.append(("and that gone too: seen by the names, held by the ceiling", bool(matrix(without_policies, "names").wrong) and not foreign(matrix(without_policies))))
    results.append(("`*:*` and no ceiling: the control plane's things are open, seen", bool(control(both_gone).wrong)))
    widened_router = replace(world, principals={n: p.with_policies(*[rewrite(q, "/routing/reports/*", "/routing/*") for q in p.policies]) for n, p in others.items()})
    results.append(("a router that may write more than its report: seen", bool(control(widened_router).wrong)))
    return results


def check(paths) -> tuple[int, str]:
    plans = [json.load(open(path)) for path in paths]
    world = read(*plans)
    failed = structure(world, plans[0])
    total = 0
    for layer in ("both", "names", "ceiling"):
        result = matrix(world, layer)
        total += result.checks
        shared = control(world, layer)
        total += shared.checks
        failed += [f"[{layer}] {w}" for w in (*result.wrong, *shared.wrong)]
    roles, tenants = len(world.principals), len(world.fleet["tenants"])
    seen = mutations(world, plans[0])
    failed += [f"mutation survived: {what}" for what, ok in seen if not ok]
    summary = (f"{world.fleet['fleet']}: {roles} roles, {tenants} tenants and {len(near(world.fleet['tenants']))} near names, "
               f"{total} checks in 3 layers, {len(seen)} mutations, {len(failed)} wrong")
    return (1 if failed else 0), "\n".join([*failed[:40], summary])


if __name__ == "__main__":
    code, text = check(sys.argv[1:])
    print(text)
    sys.exit(code)
