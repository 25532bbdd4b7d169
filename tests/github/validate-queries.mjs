// Checks GraphQL files against GitHub's schema, so that a renamed field is found before it is sent.
// Usage: node validate-queries.mjs FILE...
// The npm package @octokit/graphql-schema is taken from NODE_PATH, else from where this file is.
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const name = "@octokit/graphql-schema";
const installed = process.env.NODE_PATH;
const { validate } = await import(installed ? pathToFileURL(resolve(installed, name, "index.js")) : name);
const files = process.argv.slice(2);
const problems = files.flatMap((file) =>
  validate(readFileSync(file, "utf8")).map((problem) => `${file}: ${problem.message}`),
);
if (files.length === 0) problems.push("no file given");
problems.forEach((problem) => console.error(problem));
process.exit(problems.length > 0 ? 1 : 0);
