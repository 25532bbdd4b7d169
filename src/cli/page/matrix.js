// The matrix: tenants by services. Rows of groups that are closed are not made, so that a thousand tenants cost no
// more than what is shown.

const ROWS_AT_ONCE = 200;

const GROUPINGS = {
  none: ["no groups", () => ""],
  wave: ["wave", (set) => (waveWords(set))],
  condition: ["condition", (set) => CONDITIONS[set.worst][1]],
  release: ["release", (set) => set.release || "nothing recorded"],
  cell: ["cell", (set) => set.cell],
  tier: ["tier", (set) => set.tier || "no tier"],
  state: ["state", (set) => set.state],
};

/** What the filter looks into, and the worst of a set's services. */
function prepare(fleet) {
  for (const set of fleet.sets) {
    set.worst = set.services.reduce(
      (worst, service) => (CONDITIONS[service.condition][3] > CONDITIONS[worst][3] ? service.condition : worst),
      set.services.length ? set.services[0].condition : "unknown",
    );
    const words = [set.id, set.cell, set.tier, ...set.tags, set.state, set.release, set.left_out, set.pin && "pinned"];
    words.push(set.wave ? `wave ${waveWords(set)}` : waveWords(set));
    for (const service of set.services) words.push(CONDITIONS[service.condition][1], service.version, service.recorded);
    set.words = words.filter(Boolean).join("\n").toLowerCase();
  }
}

function matrix(fleet) {
  prepare(fleet);
  const tenants = fleet.sets.filter((set) => !set.control_plane);
  const columns = [...fleet.services];
  const state = { text: "", condition: null, group: tenants.length > 60 ? "wave" : "none", open: new Map(), all: new Set() };
  const table = el("table", { class: "matrix" });
  const said = el("p", { class: "muted", role: "status", "aria-live": "polite" });

  const filter = el("input", {
    type: "search", id: "filter", placeholder: "tenant, version, wave, tag, condition …", autocomplete: "off",
    spellcheck: "false", "aria-describedby": "keys",
    on: {
      input: () => { state.text = filter.value.trim().toLowerCase(); draw(); },
      keydown: (event) => {
        if (event.key === "Escape") { filter.value = ""; state.text = ""; draw(); }
        if (event.key === "ArrowDown") { event.preventDefault(); table.querySelector("[data-step]")?.focus(); }
      },
    },
  });
  const group = el("select", { id: "group", on: { change: () => { state.group = group.value; state.open.clear(); state.all.clear(); draw(); } } },
    Object.entries(GROUPINGS).map(([key, [word]]) => el("option", { value: key, selected: key === state.group }, word)));

  const counts = new Map();
  for (const set of fleet.sets) counts.set(set.worst, (counts.get(set.worst) || 0) + 1);
  const kinds = [...counts].sort((a, b) => CONDITIONS[b[0]][3] - CONDITIONS[a[0]][3]);
  const buttons = kinds.map(([condition, count]) => {
    const [sign, word, tone] = CONDITIONS[condition];
    const button = el("button", { type: "button", class: `chip ${tone}`, "aria-pressed": "false", on: { click: () => {
      state.condition = state.condition === condition ? null : condition;
      for (const other of buttons) other.setAttribute("aria-pressed", String(other === button && state.condition !== null));
      draw();
    } } }, el("span", { "aria-hidden": "true", class: "sign" }, sign), `${count.toLocaleString("en")} ${word}`);
    return button;
  });

  const controls = el("div", { class: "controls" },
    el("label", { for: "filter" }, "Filter"), filter,
    el("label", { for: "group" }, "Group by"), group,
    el("div", { class: "chips", role: "group", "aria-label": "Only tenants whose worst service is" }, buttons));
  const keys = el("p", { id: "keys", class: "muted small" },
    el("kbd", {}, "/"), " filter  ", el("kbd", {}, "↑"), " ", el("kbd", {}, "↓"), " row by row  ", el("kbd", {}, "Enter"),
    " details  ", el("kbd", {}, "Esc"), " clear");

  function head() {
    const names = ["tenant", "wave", "state", "cell", "release", ...columns];
    return el("thead", {}, el("tr", {}, names.map((name, i) => el("th", { scope: "col", class: i > 4 ? "service" : null }, name))));
  }

  /** Rows that pass the filter, by group. */
  function groups(sets) {
    const by = new Map();
    for (const set of sets) {
      const name = GROUPINGS[state.group][1](set);
      if (!by.has(name)) by.set(name, []);
      by.get(name).push(set);
    }
    return [...by].sort(([a], [b]) => a.localeCompare(b, "en", { numeric: true }));
  }

  function passes(set) {
    if (state.condition && set.worst !== state.condition) return false;
    return state.text.split(/\s+/).every((word) => set.words.includes(word));
  }

  function draw() {
    const shown = fleet.sets.filter(passes);
    const bodies = [];
    const own = shown.filter((set) => set.control_plane);
    for (const set of own) bodies.push(controlPlane(fleet, set));
    const rest = groups(shown.filter((set) => !set.control_plane));
    const few = shown.length <= ROWS_AT_ONCE;
    rest.forEach(([name, sets], index) => bodies.push(body(name, sets, index, few)));
    table.replaceChildren(el("caption", { class: "heard" }, `Tenants and services of ${fleet.name}`), head(), ...bodies);
    const filtered = shown.length !== fleet.sets.length;
    const things = plural(tenants.length, "tenant");
    said.textContent = filtered ? `${plural(shown.length, "set")} of ${fleet.sets.length.toLocaleString("en")} shown` : things;
  }

  function body(name, sets, index, few) {
    const part = el("tbody", {});
    const grouped = state.group !== "none";
    const trouble = sets.some((set) => CONDITIONS[set.worst][3] > 2 && set.worst !== "unknown");
    const open = !grouped || (state.open.has(name) ? state.open.get(name) : few || trouble);
    if (grouped) part.append(groupRow(name, sets, open));
    if (!open) return part;
    const all = state.all.has(name) || sets.length <= ROWS_AT_ONCE;
    for (const set of all ? sets : sets.slice(0, ROWS_AT_ONCE)) part.append(row(fleet, set, columns));
    if (!all) {
      const more = el("button", { type: "button", class: "link", "data-step": true, on: { click: () => { state.all.add(name); draw(); } } },
        `Show ${(sets.length - ROWS_AT_ONCE).toLocaleString("en")} more`);
      part.append(el("tr", {}, el("td", { colspan: 5 + columns.length }, more)));
    }
    return part;
  }

  function groupRow(name, sets, open) {
    const by = new Map();
    for (const set of sets) by.set(set.worst, (by.get(set.worst) || 0) + 1);
    const parts = [...by].sort((a, b) => CONDITIONS[b[0]][3] - CONDITIONS[a[0]][3]);
    const bar = el("span", { class: "share", "aria-hidden": "true" },
      parts.map(([condition, count]) => el("span", { class: CONDITIONS[condition][2], style: { "flex-grow": String(count) } })));
    const words = parts.map(([condition, count]) => `${count.toLocaleString("en")} ${CONDITIONS[condition][1]}`).join(", ");
    const button = el("button", { type: "button", class: "fold", "data-step": true, "aria-expanded": String(open), on: { click: () => {
      state.open.set(name, !open);
      draw();
      [...table.querySelectorAll("button.fold")].find((other) => other.dataset.name === name)?.focus();
    } } }, el("span", { "aria-hidden": "true", class: "arrow" }, open ? "▾" : "▸"), name);
    button.dataset.name = name;
    return el("tr", { class: "group" }, el("th", { scope: "rowgroup", colspan: 5 + columns.length },
      el("span", { class: "grouped" }, button, el("span", { class: "muted" }, plural(sets.length, "tenant")), bar, el("span", { class: "muted" }, words))));
  }

  table.addEventListener("keydown", (event) => {
    const steps = [...table.querySelectorAll("[data-step]")];
    const here = steps.indexOf(document.activeElement);
    const to = { ArrowDown: here + 1, ArrowUp: here - 1, Home: 0, End: steps.length - 1 }[event.key];
    if (here < 0 || to === undefined) return;
    event.preventDefault();
    if (to < 0) filter.focus();
    else steps[Math.min(to, steps.length - 1)].focus();
  });
  draw();
  const note = fleet.live ? "What was seen, held against the records." : "By the records alone: what is live was not looked at, and is unknown.";
  return section("matrix", "Tenants", note, controls, el("div", { class: "between" }, said, keys), scroller(`Tenants of ${fleet.name}`, table));
}

const waveWords = (set) => set.wave ? `${set.wave.number} ${set.wave.name}` : set.unchanged ? "unchanged" : set.left_out ? "left out" : "no wave";

function waveCell(set) {
  if (set.wave) return el("td", {}, el("span", { class: "wave" }, String(set.wave.number)), ` ${set.wave.name}`);
  return el("td", { class: "muted" }, waveWords(set));
}

function stateCell(set) {
  const pin = set.pin && el("span", { class: `chip ${set.pin.expired ? "bad" : "plain"}` },
    `pinned ${shorter(set.pin.version)}${set.pin.expired ? ", past its day" : ""}`);
  return el("td", {}, set.state, pin && " ", pin);
}

function serviceCell(set, service, fleet) {
  if (!service) return el("td", { class: "muted" }, "–");
  const [sign, word, tone] = CONDITIONS[service.condition];
  const version = service.version || service.recorded;
  const shown = service.version ? shorter(service.version) : service.recorded ? shorter(service.recorded) : "";
  return el("td", { class: `service ${tone}` },
    el("span", { class: "sign", "aria-hidden": "true" }, sign), el("span", { class: "version" }, shown),
    heard(`${word}${version ? `, ${service.version ? "" : "recorded "}${version}` : ", version not known"}`));
}

/** One tenant, and its details when they are asked for. */
function row(fleet, set, columns) {
  const by = new Map(set.services.map((service) => [service.name, service]));
  const off = fleet.version && set.release && set.release !== fleet.version;
  const tr = el("tr", { "data-set": set.id },
    nameCell(fleet, set, () => tr, 5 + columns.length),
    waveCell(set), stateCell(set), el("td", {}, set.cell, set.tier && el("span", { class: "muted" }, ` ${set.tier}`)),
    el("td", { class: off ? "release off" : "release" }, set.release ? shorter(set.release) : "–", off && heard(" (not the fleet's version)")),
    columns.map((name) => serviceCell(set, by.get(name), fleet)));
  return tr;
}

function nameCell(fleet, set, tr, width) {
  let details = null;
  const button = el("button", { type: "button", class: "name", "data-step": true, "aria-expanded": "false", on: { click: () => {
    if (details) details.remove();
    else tr().after((details = el("tr", { class: "details" }, el("td", { colspan: width }, detail(set)))));
    if (!details.isConnected) details = null;
    button.setAttribute("aria-expanded", String(details !== null));
  } } }, set.id);
  return el("th", { scope: "row" }, button);
}

/** All that is known of a set's services. */
function detail(set) {
  const said = [
    set.wave && `Wave ${set.wave.number} ${set.wave.name} of rollout ${set.wave.rollout}.`,
    set.unchanged && "Unchanged by the newest release.",
    set.left_out && `Left out of the newest release: ${set.left_out}.`,
    set.pin && `Pinned to ${set.pin.version} by ${set.pin.owner} until ${set.pin.until}: ${set.pin.why}.`,
    set.tags.length > 0 && `Tags: ${set.tags.join(", ")}.`,
    `Release ${set.release || "not recorded"}.`,
  ].filter(Boolean);
  const head = ["service", "condition", "version seen", "recorded", "digest", "tasks", "note"];
  const rows = set.services.map((service) => el("tr", {},
    el("th", { scope: "row" }, service.name), el("td", {}, chip(CONDITIONS[service.condition].slice(0, 3))),
    el("td", {}, service.version || "–"), el("td", {}, service.recorded || "–"), el("td", {}, service.digest || "–"),
    el("td", {}, service.tasks ? `${service.tasks[0]} of ${service.tasks[1]}` : "–"), el("td", {}, service.why || "")));
  return el("div", { class: "detail" }, el("p", {}, said.join(" ")),
    el("table", { class: "plain" }, el("caption", { class: "heard" }, `Services of ${set.id}`),
      el("thead", {}, el("tr", {}, head.map((name) => el("th", { scope: "col" }, name)))), el("tbody", {}, rows)));
}

/** The control plane has services of its own, so it is a line above the tenants. */
function controlPlane(fleet, set) {
  const tr = el("tr", { "data-set": set.id });
  const chips = set.services.map((service) => {
    const [sign, word, tone] = CONDITIONS[service.condition];
    return el("span", { class: `chip ${tone}` }, el("span", { class: "sign", "aria-hidden": "true" }, sign), service.name, " ",
      el("span", { class: "version" }, shorter(service.version || service.recorded)), heard(`: ${word}`));
  });
  tr.append(nameCell(fleet, set, () => tr, 5 + fleet.services.length), waveCell(set), stateCell(set), el("td", {}, set.cell),
    el("td", { class: "release" }, set.release ? shorter(set.release) : "–"),
    el("td", { colspan: fleet.services.length }, el("span", { class: "chips" }, chips)));
  return el("tbody", { class: "own" }, tr);
}
