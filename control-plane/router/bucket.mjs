// A bucket with one snapshot, and the router that serves it: for the browser and for the bench. The snapshot is sealed here a
// second time, by Node's own Ed25519, so that the format is not only what one library says it is.
import { createHash, generateKeyPairSync, sign } from "node:crypto";
import { createServer } from "node:http";

const TYPE = "application/vnd.accessos.routing-snapshot.v1+json";
const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

/** Serves a snapshot of these tenants as S3 would; answers the environment of a router that takes it. */
export async function bucket(tenants) {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const raw = publicKey.export({ format: "der", type: "spki" }).subarray(-32);
  const payload = Buffer.from(JSON.stringify({
    schema: 1, app: "app", fleet: "prod", generation: 1, published_at: "2026-11-23T08:00:00Z", tenants,
  }));
  const message = Buffer.concat([Buffer.from(`DSSEv1 ${TYPE.length} ${TYPE} ${payload.length} `), payload]);
  const envelope = JSON.stringify({
    payloadType: TYPE,
    payload: payload.toString("base64"),
    signatures: [{ keyid: sha256(raw).slice(0, 16), sig: sign(null, message, privateKey).toString("base64") }],
  });
  const object = `0000000001-${sha256(envelope)}.json`;
  const objects = {
    "/bucket/routing/current.json": JSON.stringify({ schema: 1, generation: 1, object }),
    [`/bucket/routing/${object}`]: envelope,
  };
  const server = createServer((request, response) => {
    const found = objects[new URL(request.url, "http://s3").pathname];
    const etag = `"${sha256(found ?? "")}"`;
    if (!found) response.writeHead(404).end("<Error><Code>NoSuchKey</Code></Error>");
    else if (request.headers["if-none-match"] === etag) response.writeHead(304).end();
    else response.writeHead(200, { etag }).end(found);
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return {
    AWS_ENDPOINT_URL: `http://127.0.0.1:${server.address().port}`,
    AWS_REGION: "eu-west-1",
    AWS_ACCESS_KEY_ID: "AKIDEXAMPLE",
    AWS_SECRET_ACCESS_KEY: "secret",
    ROUTER_SNAPSHOT: "s3://bucket/routing",
    ROUTER_KEYS: raw.toString("base64"),
    ROUTER_PROXIES: "0",
  };
}

/** A tenant below a root domain. */
export function tenant(id, root, backend, state = "active") {
  return { id, hosts: [`${id}.${root}`], state, backend, cell: "c1" };
}
