// Puts a fleet on the page, and lets people choose another fleet and the theme.

/** Where a choice is kept; a page opened from a file may not be allowed to. */
const kept = {
  get: (name) => { try { return localStorage.getItem(name); } catch { return null; } },
  set: (name, value) => { try { localStorage.setItem(name, value); } catch { /* then it is not kept */ } },
};

function theme() {
  const dark = () => document.documentElement.dataset.theme
    ? document.documentElement.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  const button = el("button", { type: "button", class: "quiet", id: "theme", on: { click: () => { set(dark() ? "light" : "dark"); } } });
  const say = () => { button.replaceChildren(el("span", { "aria-hidden": "true" }, dark() ? "☀" : "☾"), dark() ? " Light" : " Dark"); };
  function set(name) { document.documentElement.dataset.theme = name; kept.set("tidegate-theme", name); say(); }
  const known = kept.get("tidegate-theme");
  if (known === "dark" || known === "light") document.documentElement.dataset.theme = known;
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", say);
  say();
  return button;
}

function overview(fleet) {
  const tenants = fleet.sets.filter((set) => !set.control_plane);
  const last = fleet.rollouts[0];
  const on = fleet.version ? tenants.filter((set) => set.release === fleet.version).length : 0;
  const bad = fleet.sets.filter((set) => CONDITIONS[set.worst][3] > 3).length;
  const unknown = fleet.sets.filter((set) => set.worst === "unknown").length;
  const health = unknown > 0 ? [`${plural(unknown, "set")} unknown`, "warn"] : bad > 0 ? [`${plural(bad, "set")} not as it should be`, "bad"] : ["nothing amiss", "ok"];
  const settled = tenants.filter((set) => ["as_recorded", "has_run"].includes(set.worst)).length;
  const stat = (name, value, ...more) => el("div", { class: "stat" }, el("dt", {}, name), el("dd", {}, el("span", { class: "value" }, value), ...more));
  const hold = fleet.hold && el("p", { class: "note warn" }, el("strong", {}, "On hold"), ` since ${when(fleet.hold.since)} by ${fleet.hold.by}: ${fleet.hold.why}`);
  const only = !fleet.live && el("p", { class: "note warn" }, el("strong", {}, "Records only. "), "What is live was not looked at, so every service that serves is shown as unknown.");
  return el("section", { id: "overview", "aria-label": "Overview" },
    el("h1", {}, `${report.app} `, el("span", { class: "muted" }, fleet.name)), hold, only,
    el("dl", { class: "stats" },
      stat("Version", fleet.version ? shorter(fleet.version) : "nothing recorded"),
      stat("On it, by the records", `${on.toLocaleString("en")}`, el("span", { class: "muted" }, ` of ${plural(tenants.length, "tenant")}`)),
      stat("Seen as recorded", `${settled.toLocaleString("en")}`, " ", el("span", { class: `chip ${health[1]}` }, health[0])),
      stat("Last rollout", last ? chip(STANDINGS[last.result]) : "none", last && el("span", { class: "muted" }, ` ${when(last.ended_at || last.opened_at)}`))));
}

function show(fleet) {
  const parts = [matrix(fleet), timeline(fleet), gates(fleet), failures(fleet), figures(fleet), happenings(fleet)];
  document.getElementById("main").replaceChildren(overview(fleet), ...parts);
  document.title = `${report.app} ${fleet.name}`;
  for (const link of document.querySelectorAll("nav.fleets a")) {
    if (link.dataset.fleet === fleet.name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

function chosen() {
  const name = decodeURIComponent(location.hash.slice(1));
  return report.fleets.find((fleet) => fleet.name === name) || report.fleets[report.fleets.length - 1];
}

function begin() {
  const links = report.fleets.map((fleet) => el("a", { href: `#${encodeURIComponent(fleet.name)}`, "data-fleet": fleet.name }, fleet.name));
  const parts = [["matrix", "Tenants"], ["timeline", "Rollouts"], ["gates", "Gates"], ["failures", "Failures"], ["figures", "Figures"], ["history", "History"]];
  const jump = parts.map(([id, word]) => el("button", { type: "button", class: "quiet", on: { click: () => {
    const title = document.getElementById(`${id}-title`);
    title.tabIndex = -1;
    title.focus({ preventScroll: true });
    title.scrollIntoView({ block: "start" });
  } } }, word));
  document.getElementById("top").append(
    el("span", { class: "brand" }, el("span", { "aria-hidden": "true", class: "logo" }), "tidegate"),
    el("nav", { class: "fleets", "aria-label": "Fleets" }, links), el("nav", { class: "parts", "aria-label": "On this page" }, jump), theme());
  document.getElementById("foot").append(`Made ${when(report.made_at)} UTC from the records${report.fleets.some((fleet) => fleet.live) ? " and what was live then" : " alone"}. It does not change by itself.`);
  addEventListener("hashchange", () => { if (location.hash !== "#main") show(chosen()); });
  addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, select, textarea");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey) { event.preventDefault(); document.getElementById("filter")?.focus(); }
  });
  if (report.fleets.length > 0) show(chosen());
}

if (report.schema === 1) begin();
else document.getElementById("main").append(`This page does not know form ${report.schema} of the report.`);
