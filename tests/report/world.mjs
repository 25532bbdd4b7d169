// Simulated fleets with a past, made with the commands that a person would type and, where the world itself has to
// change (a commit that breaks something, time that passes), by changing the saved world between two commands.
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createHash } from "node:crypto";

const NAMES = ["globex", "umbrella", "stark", "wayne", "wonka", "cyberdyne", "tyrell", "soylent", "initech", "hooli", "acme", "vandelay"];
const FOLDERS = { "iam-service": "iam", "audit-service": "audit", "integrations-service": "integrations", "discovery-service": "discovery", "discovery-worker": "worker" };

/** A fleet.yaml of so many tenants in prod, and one in dev. */
function file(tenants) {
  const tiers = ["standard", "premium", "standard", "standard"];
  const entry = (n) => {
    const id = tenants <= NAMES.length ? NAMES[n] : `tenant-${String(n).padStart(4, "0")}`;
    const tags = n === 0 ? ", tags: [canary]" : "";
    const state = n === 8 ? ", state: paused" : "";
    const pin = n === 7 ? ', pin: { version: 0.0.9, owner: "@ops", reason: "audit of their own", until: 2026-11-25 }' : "";
    return `    - { id: ${id}, fleet: prod, tier: ${tiers[n % 4]}${tags}${state}${pin} }`;
  };
  const services = Object.entries(FOLDERS).map(([name, folder], i) =>
    `  ${name}: { build: ${folder}, ${i < 4 ? "port: 8080, health: /healthz" : "traffic: none"}${i > 0 ? ", after: [iam-service]" : ""} }`);
  // Of a large fleet the looks are few: what is shown here is the page, not the rollout.
  const large = tenants > 100;
  return `schema: 1
app: accessos
domain: a3os.app
images: { repository: "accessos/{service}" }
services:
${services.join("\n")}
control_plane:
  services:
    tenant-registry: { build: registry, port: 8080, health: /healthz }
    edge-router: { build: router, port: 8080, health: /healthz, after: [tenant-registry] }
cells:
  dev-1: { account: "111111111111", region: eu-west-1, clusters: [dev] }
  prod-1: { account: "222222222222", region: eu-west-1, clusters: [prod] }
gates:
  default:
    rollout: { deadline: 15m, poll: ${large ? "60s" : "5s"} }
    ${large ? "" : 'errors: { good: 0.1%, bad: 1% }\n    latency: { p99_max: 400ms }\n    saturation: { memory_max: 90% }\n    metrics: { bake_max: 2h }'}
    unknown: hold
fleets:
  dev:
    cells: [dev-1]
    domain: dev.a3os.app
    deploy_on: merge
    waves: { plan: auto }
    bake: 5m
    gate: default
    on_failure: rollback-wave
  prod:
    cells: [prod-1]
    from: dev
    soak: 30m
    deploy_on: label
    label: promote:prod
    approval: { environment: prod-approval, binds: plan-hash, not_author: true }
    waves:
      - { name: canary, select: { tag: canary }, bake: ${large ? "5m" : "30m"} }
      - { name: early, select: { percent: 25 }, bake: ${large ? "5m" : "20m"} }
      - { name: rest, plan: auto, first: 4, factor: 3, bake: ${large ? "5m" : "15m"} }
    gate: default
    on_failure: rollback-all
tenants:
  entries:
    - { id: acme-dev, fleet: dev }
${Array.from({ length: tenants }, (_, n) => entry(n)).join("\n")}
`;
}

export class World {
  constructor(folder, tenants) {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    this.folder = folder;
    this.merges = 1;
    writeFileSync(join(folder, "fleet.yaml"), file(tenants));
  }

  /** Runs tidegate with nothing of this environment but what is given, and expects this exit code. */
  run(words, code = 0, more = {}) {
    const all = [...words, "--file", join(this.folder, "fleet.yaml"), "--sim", join(this.folder, "sim")];
    let status = 0, out;
    try {
      out = execFileSync(process.env.TIDEGATE, all, { env: { GITHUB_ACTOR: "ana", ...more }, encoding: "utf8", maxBuffer: 1 << 28, stdio: ["ignore", "pipe", "pipe"] });
    } catch (error) {
      if (error.status === null || error.status === undefined) throw error;
      [status, out] = [error.status, error.stdout + error.stderr];
    }
    if (status !== code) throw new Error(`tidegate ${words.join(" ")} ended with ${status} and not ${code}:\n${out}`);
    return out;
  }

  change(how) {
    const path = join(this.folder, "sim", "world.json");
    const world = JSON.parse(readFileSync(path, "utf8"));
    how(world);
    writeFileSync(path, JSON.stringify(world));
  }

  wait(minutes) {
    this.change((world) => { world.now = new Date(Date.parse(world.now) + minutes * 60000).toISOString(); });
  }

  /** A commit that touches these folders, merged and soaked in dev; what it breaks shows in prod only. */
  merge(folders, faults = []) {
    this.merges += 1;
    this.change((world) => {
      for (const folder of folders) {
        world.revisions[folder] = (world.revisions[folder] || 0) + 1;
        world.faults[folder] = faults.map((kind) => ({ kind, fleet: "prod", tenant: null }));
      }
    });
    const sha = createHash("sha1").update(`commit ${this.merges}`).digest("hex");
    const event = join(this.folder, "event.json");
    writeFileSync(event, JSON.stringify({ ref: "refs/heads/main", after: sha, deleted: false, repository: { default_branch: "main" } }));
    this.run(["ci"], 0, { GITHUB_EVENT_NAME: "push", GITHUB_EVENT_PATH: event, GITHUB_RUN_NUMBER: String(this.merges), GITHUB_SHA: sha });
    this.wait(40);
  }

  promote(code = 0) {
    const asked = this.run(["promote", "--fleet", "prod"], 4);
    const hash = asked.split("--approved-plan ").pop().trim();
    return this.run(["promote", "--fleet", "prod", "--approved-plan", hash], code);
  }

  page(...more) {
    const folder = join(this.folder, "page");
    this.run(["report", "--html", folder, ...more]);
    return join(folder, "index.html");
  }
}
