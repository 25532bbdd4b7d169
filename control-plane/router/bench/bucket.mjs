// Serves a snapshot of so many tenants of one backend, and writes down the environment of a router that takes it.
import { renameSync, writeFileSync } from "node:fs";
import { bucket, tenant } from "../bucket.mjs";

const [count, backend, file] = process.argv.slice(2);
const tenants = Array.from({ length: Number(count) }, (_, number) => tenant(`t${String(number).padStart(5, "0")}`, "app.example", backend));
const environment = await bucket(tenants);
writeFileSync(`${file}.new`, Object.entries(environment).map(([name, value]) => `${name}=${value}`).join("\n"));
renameSync(`${file}.new`, file);
