// Opens the router's pages in headless Chromium and checks what people need of them. See `run` beside this file.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import puppeteer from "puppeteer-core";
import { bucket, tenant } from "./bucket.mjs";

const WORK = dirname(fileURLToPath(import.meta.url));
const SHOTS = join(WORK, "shots");
const AXE = readFileSync(join(WORK, "node_modules/axe-core/axe.min.js"), "utf8");
const ROOT = "app.localhost"; // browsers take every name below localhost for this machine

async function port() {
  const server = createServer();
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

async function router() {
  const tenants = [tenant("acme", ROOT, "http://127.0.0.1:9"), tenant("zzz", ROOT, "http://127.0.0.1:9", "paused")];
  const [listen, metrics] = [await port(), await port()];
  const env = {
    ...await bucket(tenants),
    ROUTER_ROOT_HOST: ROOT,
    ROUTER_SHARED_HOST: `go.${ROOT}`,
    ROUTER_LISTEN: `127.0.0.1:${listen}`,
    ROUTER_METRICS: `127.0.0.1:${metrics}`,
    ROUTER_STATE: mkdtempSync(join(tmpdir(), "router-")),
    ROUTER_GUESSES_PER_MINUTE: "40",
  };
  const child = spawn(process.env.ROUTER, { env, stdio: ["ignore", "ignore", "inherit"] });
  const healthy = () => fetch(`http://127.0.0.1:${metrics}/healthz`).then((answer) => answer.ok, () => false);
  for (let tries = 0; !(await healthy()); tries++) {
    assert.ok(tries < 200, "the router does not begin");
    await new Promise((done) => setTimeout(done, 50));
  }
  return { child, at: (host, path = "/") => `http://${host}:${listen}${path}` };
}

/** A page that keeps what was said on the console, and whose requests to https go nowhere but into a list. */
async function open(browser, url, scheme, script = true) {
  const page = await (await browser.createBrowserContext()).newPage();
  const [said, led] = [[], []];
  page.on("console", (message) => { if (["error", "warn"].includes(message.type())) said.push(message.text()); });
  await page.setJavaScriptEnabled(script);
  await page.setRequestInterception(true);
  page.on("request", (request) => {
    if (!request.url().startsWith("https:")) return request.continue();
    led.push(request.url());
    return request.respond({ status: 200, contentType: "text/html", body: "<title>there</title>" });
  });
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
  await page.goto(url);
  return { page, said, led };
}

/** axe-core's findings that are serious or worse. */
async function axe(page) {
  await page.evaluate(AXE); // by the debugger: the page's own policy lets no script in
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  return violations.filter((one) => ["serious", "critical"].includes(one.impact)).map((one) => `${one.id}: ${one.nodes[0].html}`);
}

/** That it would find something here: a text that nobody can read, and a field without a name. */
async function axeSees(page) {
  await page.evaluate(() => {
    const text = document.createElement("p");
    text.textContent = "barely there";
    text.style.setProperty("color", getComputedStyle(document.body).backgroundColor);
    document.querySelector("main").append(text, document.createElement("input"));
  });
  return (await axe(page)).some((one) => one.startsWith("label"));
}

const focused = (page) => page.evaluate(() => document.activeElement?.id || document.activeElement?.textContent);

/** What the form is answered, without what differs from one request to the next. */
async function answered(router, who) {
  const body = new URLSearchParams({ who });
  // fetch may not set Host; the router is asked as a load balancer would ask it.
  const { request } = await import("node:http");
  const url = new URL(router.at("127.0.0.1"));
  return new Promise((done, failed) => {
    const sent = request({ host: url.hostname, port: url.port, method: "POST", path: "/", headers: { host: ROOT, "content-type": "application/x-www-form-urlencoded" } }, (answer) => {
      let text = "";
      answer.on("data", (piece) => { text += piece; }).on("end", () => {
        const { "x-request-id": _id, date: _date, ...headers } = answer.headers;
        done(JSON.stringify([answer.statusCode, headers, text]).replaceAll(who.toLowerCase(), "NAME"));
      });
    });
    sent.on("error", failed).end(String(body));
  });
}

const CHECKS = {
  async "by keyboard, from the page to the organisation's host"(router, browser) {
    const { page, led, said } = await open(browser, router.at(ROOT), "light");
    await page.keyboard.press("Tab");
    assert.equal(await focused(page), "who", "the field is the first thing");
    await page.keyboard.type("Ana@BigCorp.com");
    await page.keyboard.press("Tab");
    assert.equal(await focused(page), "Continue");
    await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
    assert.deepEqual(led, [`https://bigcorp-com.${ROOT}/`]);
    assert.deepEqual(said, []);
  },
  async "without script it works as well"(router, browser) {
    const { page, led } = await open(browser, router.at(ROOT), "light", false);
    await page.type("#who", "acme");
    await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
    assert.deepEqual(led, [`https://acme.${ROOT}/`]);
  },
  async "what leads nowhere is said at the field, and kept"(router, browser) {
    const { page } = await open(browser, router.at(ROOT), "light");
    await page.type("#who", '"><b>ana@</b>');
    await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
    assert.equal(await page.$eval("#who", (field) => field.value), '"><b>ana@</b>');
    assert.equal(await page.$$eval("b", (nodes) => nodes.length), 0);
    assert.equal(await page.$eval("#who", (field) => field.getAttribute("aria-invalid")), "true");
    assert.match(await page.$eval("#problem[role=alert]", (node) => node.textContent), /work e-mail/);
    assert.match(await page.title(), /did not work/);
    assert.deepEqual(await axe(page), []);
    await page.screenshot({ path: join(SHOTS, "problem.png") });
  },
  async "a name that is there is answered as one that is not"(router) {
    const [there, not] = [await answered(router, "acme"), await answered(router, "nono")];
    assert.equal(there, not);
    assert.match(there, /303/);
  },
  async "whoever asks too often is asked to wait"(router) {
    const answers = [];
    for (let round = 0; round < 60; round++) answers.push(JSON.parse(await answered(router, "acme"))[0]);
    assert.ok(answers.includes(429), answers.join());
  },
  async "axe-core finds nothing serious, in light and dark"(router, browser) {
    for (const [name, url] of [["discovery", router.at(ROOT)], ["paused", router.at(`zzz.${ROOT}`)]]) {
      for (const scheme of ["light", "dark"]) {
        const { page } = await open(browser, url, scheme);
        assert.deepEqual(await axe(page), [], `${name}, ${scheme}`);
        await page.screenshot({ path: join(SHOTS, `${name}-${scheme}.png`) });
      }
    }
    const { page } = await open(browser, router.at(ROOT), "light");
    assert.ok(await axeSees(page), "it would find something");
  },
  async "on a narrow screen nothing is cut off"(router, browser) {
    const { page } = await open(browser, router.at(ROOT), "light");
    await page.setViewport({ width: 320, height: 640 });
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= 320));
  },
};

mkdirSync(SHOTS, { recursive: true });
const started = await router();
const browser = await puppeteer.launch({ executablePath: process.env.CHROMIUM, args: ["--no-sandbox", "--disable-gpu"] });
let failed = 0;
for (const [name, check] of Object.entries(CHECKS)) {
  try {
    await check(started, browser);
    console.log(`ok    ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAILS ${name}\n${error.stack}`);
  }
}
await browser.close();
started.child.kill();
process.exit(failed ? 1 : 0);
