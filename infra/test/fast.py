"""What needs no API: every step of `infra/test/run fast`."""

import concurrent.futures
import json
import re
import shutil
import sys

import actions
from steps import HERE, INFRA, ROOT, WORK, Failed, Steps, Terraform, call, python

ENVIRONMENTS = ("dev", "prod")
CHECKOV = "checkov==3.3.30"
JSONSCHEMA = "jsonschema==4.26.0"


def run(steps: Steps) -> None:
    tf = Terraform()
    steps.step("tools", tools)
    steps.step("format", lambda: tf.need().run(INFRA, "fmt", "-check", "-recursive") and "terraform fmt")
    steps.step("contract", contract)
    steps.step("ownership", ownership)
    steps.step("words", words)
    steps.step("actions", actions.check)
    steps.step("guard plans", guard_plans)
    tree = tf.copy("fast", offline=True)
    loose = tf.copy("loose", offline=True, unlocked=True)
    steps.step("validate", validate, tf, tree)
    steps.step("modules", module_tests, tf, loose)
    steps.step("plan", plans, tf, tree)
    steps.step("root tests", root_tests, tf, tree)
    # Without a provider there is nothing to judge, which has been said. A plan that failed has been said too.
    if (tree / "bootstrap/prod.json").exists():
        steps.step("roles", roles, tree)
        steps.step("isolation", isolated, tree)
    steps.step("checkov", checkov, tree)


def tools():
    binary = python(CHECKOV, JSONSCHEMA)
    return f"{CHECKOV}, {JSONSCHEMA} in {binary.parent.parent.relative_to(ROOT)}"


def side_by_side(work, items):
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        return list(pool.map(work, items))


def problems(schema: str, files) -> dict[str, str]:
    """The first problem of each file that has one, by a Python that has jsonschema."""
    program = (
        "import json, sys, jsonschema\n"
        "schema = json.load(open(sys.argv[1])); jsonschema.Draft202012Validator.check_schema(schema)\n"
        "v = jsonschema.Draft202012Validator(schema)\n"
        "first = lambda path: next((f'{e.json_path}: {e.message[:200]}' for e in v.iter_errors(json.load(open(path)))), None)\n"
        "json.dump({path: why for path in sys.argv[2:] if (why := first(path))}, sys.stdout)\n"
    )
    return json.loads(call(python(CHECKOV, JSONSCHEMA), "-c", program, ROOT / "schema" / schema, *files).stdout)


def contract():
    """The committed inputs are what the schema says and as the export writes them; broken ones are refused."""
    files = [INFRA / f"envs/{env}/fleet.auto.tfvars.json" for env in ENVIRONMENTS] + [HERE / "fixture/inputs.json"]
    if bad := problems("tenant-inputs.schema.json", files):
        raise Failed(str(bad))
    for file in files:
        text = file.read_text()
        if text != json.dumps(json.loads(text), indent=2, sort_keys=True) + "\n":
            raise Failed(f"{file.relative_to(ROOT)} is not as the export writes it: keys sorted, two blanks, one line feed")
    manifests = sorted((HERE / "fixture").glob("manifest-*.json"))
    if bad := problems("tenant-manifest.schema.json", manifests):
        raise Failed(str(bad))
    good = json.loads((HERE / "fixture/inputs.json").read_text())
    broken = {
        "an unknown key": lambda f: f["tenants"]["acme"].update(tags=[]),
        "a state of its own": lambda f: f["tenants"]["acme"].update(state="asleep"),
        "slot 21": lambda f: f["tenants"]["acme"].update(slot=21),
        "an id with two hyphens": lambda f: f["tenants"].update({"a--b": f["tenants"]["acme"]}),
        "a service without a port": lambda f: f["services"]["api"].pop("port"),
        "an account of eleven digits": lambda f: f.update(account_id="1" * 11),
        "no shards": lambda f: f.update(shards=[]),
        "the contract of tomorrow": lambda f: f.update(schema=2),
    }
    spoiled = {}
    for what, spoil in broken.items():
        bad = json.loads(json.dumps(good))
        spoil(bad["fleet"])
        path = WORK / f"broken-{len(spoiled)}.json"
        path.write_text(json.dumps(bad))
        spoiled[str(path)] = what
    if taken := set(spoiled) - set(problems("tenant-inputs.schema.json", spoiled)):
        raise Failed(f"the schema takes {[spoiled[path] for path in taken]}")
    return f"{len(files)} inputs, {len(manifests)} manifests, {len(broken)} broken ones refused"


def ownership():
    """`ignore_changes` is exactly what ownership.json publishes."""
    wanted = json.loads((INFRA / "stack/ownership.json").read_text())["ignore_changes"]
    found: dict = {}
    for file in INFRA.rglob("*.tf"):
        kind = None
        for line in file.read_text().splitlines():
            if m := re.match(r'resource "(\w+)"', line):
                kind = m[1]
            if m := re.match(r"\s*ignore_changes\s*=\s*\[(.*)\]", line):
                found[kind] = [word.strip() for word in m[1].split(",")]
            elif "ignore_changes" in line and not line.lstrip().startswith("#"):
                raise Failed(f"{file}: an ignore_changes that this test cannot read: {line}")
    if found != wanted:
        raise Failed(f"Terraform ignores {found}, ownership.json says {wanted}")
    return ", ".join(f"{kind}: {' '.join(what)}" for kind, what in found.items())


def words():
    """Every variable and output says what it is; nothing names a path of one machine or asks an API at plan."""
    count = 0
    for file in INFRA.rglob("*.tf"):
        if "data" in (text := file.read_text()) and (m := re.search(r'^data "', text, re.M)):
            raise Failed(f"{file}: a data source asks an API at plan")
        for kind, name, body in re.findall(r'^(variable|output) "(\w+)" \{\n(.*?)^\}', text, re.M | re.S):
            count += 1
            if "description" not in body.split("\n")[0]:
                raise Failed(f"{file}: {kind} {name} has no description first")
    return f"{count} variables and outputs are described, no data source"


def guard_plans():
    files = sorted((HERE / "plans").glob("*.json"))
    if len(files) < 5:
        raise Failed("infra/test/plans lacks fixtures: infra/test/run plans makes them")
    for file in files:
        plan = json.loads(file.read_text())
        for change in plan["resource_changes"]:
            if not {"address", "type", "change"} <= set(change) or not {"actions", "before"} <= set(change["change"]):
                raise Failed(f"{file.name}: {change}")
    return f"{len(files)} plans: {', '.join(f.stem for f in files)}"


def validate(tf, tree):
    roots = [tree / "envs/dev", tree / "envs/prod", tree / "bootstrap", tree / "test/live"]
    for root in roots:
        tf.init(root)
    side_by_side(lambda root: tf.run(root, "validate"), roots)
    return "envs/dev, envs/prod, bootstrap, test/live"


def count(text):
    found = re.search(r"(\d+) passed, (\d+) failed", text)
    return int(found[1]) if found else 0


def module_tests(tf, tree):
    """Modules against mocks. One of them is the round trip: its manifests are the fixture, byte by byte."""
    jobs = [("fleet", "round_trip", "-json", "-verbose"), ("fleet", "unit"), ("release-roles", "unit"), ("service-set", "unit"), ("tenant", "unit")]
    for module in sorted({job[0] for job in jobs}):
        tf.init(tree / "stack" / module)
    answers = side_by_side(lambda job: tf.run(tree / "stack" / job[0], "test", f"-filter=tests/{job[1]}.tftest.hcl", *job[2:]).stdout, jobs)
    messages = [json.loads(line) for line in answers[0].splitlines() if line.startswith("{")]
    made = fixture(next(m["test_state"] for m in messages if m["type"] == "test_state"))
    wanted = {f.name: f.read_text() for f in (HERE / "fixture").iterdir() if f.name != "inputs.json"}
    if wanted != made:
        shutil.rmtree(WORK / "fixture", ignore_errors=True)
        (WORK / "fixture").mkdir(parents=True)
        for name, text in made.items():
            (WORK / "fixture" / name).write_text(text)
        differ = sorted(n for n in made | wanted if made.get(n) != wanted.get(n))
        raise Failed(f"infra/test/fixture is not what Terraform makes, which is in target/infra/fixture: {differ}")
    runs = 1 + sum(map(count, answers[1:]))
    return f"{runs} runs of 4 modules on mocks, {len(made)} manifests as in the fixture"


def fixture(state) -> dict[str, str]:
    """What a reader of the control bucket sees: manifests, set out for people."""
    manifests = state["outputs"]["manifest_bodies"]["value"]
    return {f"manifest-{name}.json": json.dumps(json.loads(body), indent=2, sort_keys=True) + "\n" for name, body in manifests.items()}


def plans(tf, tree):
    def one(job):
        root, out, *more = job
        if not (root / ".terraform").exists():
            tf.init(root)
        tf.run(root, "plan", "-input=false", "-lock=false", f"-out={out}.tfplan", *more)
        shown = tf.run(root, "show", "-json", f"{out}.tfplan").stdout
        (root / f"{out}.json").write_text(shown)
        return len(json.loads(shown)["resource_changes"])

    jobs = [(tree / "envs/dev", "plan"), (tree / "envs/prod", "plan")]
    counts = side_by_side(one, jobs)
    prod = json.loads((tree / "envs/prod/plan.json").read_text())["variables"]["platform"]["value"]
    if not (prod["protect"] and prod["database"]["multi_az"] and prod["nat"] == "per_zone"):
        raise Failed("prod must lose no zone and let nothing that holds data be deleted")
    boot = [one((tree / "bootstrap", env, f"-var-file=../envs/{env}/fleet.auto.tfvars.json", f"-var-file={env}.tfvars")) for env in ENVIRONMENTS]
    return f"no API: dev {counts[0]} and prod {counts[1]} resources, bootstrap {boot[0]} and {boot[1]}"


def root_tests(tf, tree):
    return f"{count(tf.run(tree / 'envs/dev', 'test').stdout)} runs with the real provider at plan"


def roles(tree):
    return judged(lambda env: [HERE / "release.py", tree / f"bootstrap/{env}.json"])


def isolated(tree):
    return judged(lambda env: [HERE / "isolation.py", tree / f"envs/{env}/plan.json", tree / f"bootstrap/{env}.json"])


def judged(words):
    """A judge of plans, for both environments at once, each in a process of its own."""
    answers = side_by_side(lambda env: call(sys.executable, *words(env), ok=(0, 1)), ENVIRONMENTS)
    if any(a.returncode for a in answers):
        raise Failed("\n".join(a.stdout + a.stderr for a in answers))
    return "; ".join(a.stdout.strip() for a in answers)


def checkov(tree):
    """What is let through is in checkov.yaml, each id with its reason; an id that finds nothing any more must go."""
    config = HERE / "checkov.yaml"
    listed = re.findall(r"^  - (CKV\w+)(?:\s+#\s*(.+))?$", config.read_text(), re.M)
    if bare := [name for name, reason in listed if not reason]:
        raise Failed(f"checkov.yaml: no reason behind {bare}")
    let_through = {name for name, _ in listed}
    binary = python(CHECKOV, JSONSCHEMA).parent / "checkov"
    passed, found = 0, []
    for root in (tree / "envs/prod", tree / "bootstrap"):
        done = call(binary, "-d", root, "--framework", "terraform", "--skip-download", "--quiet", "--compact", "-o", "json", ok=(0, 1))
        result = json.loads(done.stdout[done.stdout.index("{") :])
        passed += result["summary"]["passed"]
        found += result["results"]["failed_checks"]
    if new := sorted({f"{c['check_id']} {c['resource']}: {c['check_name']}" for c in found if c["check_id"] not in let_through}):
        raise Failed(f"{len(new)} findings:\n" + "\n".join(new))
    if idle := let_through - {c["check_id"] for c in found}:
        raise Failed(f"checkov.yaml lets through what is not there any more: {sorted(idle)}")
    return f"{passed} checks passed, {len(listed)} ids let through with reasons"
