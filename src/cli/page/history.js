// Failures by cause, DORA's figures, and what happened.

function failures(fleet) {
  if (fleet.failures.length === 0) return section("failures", "Failures", null, el("p", { class: "muted" }, "Nothing failed, was held or stopped in any recorded rollout."));
  const head = ["cause", "kind", "times", "who", "versions", "last", "what to do"];
  const rows = fleet.failures.map((group) => {
    const who = group.sets.length > 3 ? el("details", {}, el("summary", {}, plural(group.sets.length, "tenant")), group.sets.join(", ")) : group.sets.join(", ") || "–";
    return el("tr", {},
      el("th", { scope: "row", class: "cause" }, group.example, el("div", { class: "small muted" }, el("code", {}, group.code))),
      el("td", {}, chip(group.gate_failed ? ["✕", "gate failed", "bad"] : ["‖", "held or stopped", "warn"])),
      el("td", { class: "number" }, String(group.times)), el("td", {}, who),
      el("td", {}, group.versions.map((version) => el("div", { class: "version" }, shorter(version)))),
      el("td", {}, when(group.last)), el("td", {}, group.hint));
  });
  return section("failures", "Failures by cause", "What has the same cause is one row, whichever tenants it met.",
    scroller("Failures by cause", el("table", { class: "plain" }, el("caption", { class: "heard" }, "Failures by cause"),
      el("thead", {}, el("tr", {}, head.map((name) => el("th", { scope: "col", class: ["times", "took"].includes(name) ? "number" : null }, name)))), el("tbody", {}, rows))));
}

function figures(fleet) {
  const f = fleet.figures;
  const days = (time(f.to) - time(f.from)) / 86400000;
  const perWeek = f.deployment_frequency.value === null ? null : f.deployment_frequency.value * 7;
  const tiles = [
    ["Deployment frequency", f.deployment_frequency, perWeek === null ? null : `${perWeek.toLocaleString("en", { maximumFractionDigits: 1 })} a week`, "release"],
    ["Lead time for changes", f.lead_time, f.lead_time.value === null ? null : span(f.lead_time.value), "release"],
    ["Change failure rate", f.change_failure_rate, f.change_failure_rate.value === null ? null : `${(f.change_failure_rate.value * 100).toFixed(0)} %`, "release"],
    ["Time to restore", f.time_to_restore, f.time_to_restore.value === null ? null : span(f.time_to_restore.value), "failure"],
  ].map(([name, figure, value, of]) => el("div", { class: "tile" },
    el("h3", {}, name), el("p", { class: "value" }, value ?? "no data"),
    el("p", { class: "muted small" }, `from ${plural(figure.of, of)}${name === "Time to restore" && f.not_restored ? `, and ${f.not_restored} not restored yet` : ""}`),
    el("details", { class: "small" }, el("summary", {}, "What counts"), el("p", {}, figure.counts), el("p", {}, el("a", { href: figure.source, rel: "noopener noreferrer" }, "Defined by DORA"), heard(`: ${name}`)))));
  const note = `${fleet.name}, from ${when(f.from).slice(0, 10)} to ${when(f.to).slice(0, 10)} (${days < 1 ? "less than a day" : plural(Math.round(days), "day")}).`;
  return section("figures", "Delivery figures", note, el("div", { class: "tiles" }, tiles), dayChart(fleet));
}

/** Releases that ended, day by day: what failed is hatched, so that colour is not all that tells it. */
function dayChart(fleet) {
  const f = fleet.figures;
  if (f.days.length === 0) return null;
  const day = 86400000;
  const first = Math.floor(time(f.from) / day), last = Math.floor(time(f.to) / day);
  const count = Math.max(last - first + 1, 7);
  const begin = last - count + 1;
  const most = Math.max(...f.days.map((one) => one.good + one.failed));
  const width = 720, height = 96, base = 74, step = (width - 30) / count;
  const bar = Math.min(step * 0.7, 22);
  const unit = Math.min(28, 56 / most);
  const bars = f.days.flatMap((one) => {
    const x = 24 + (time(`${one.day}T00:00:00Z`) / day - begin) * step + (step - bar) / 2;
    return [
      one.good > 0 && svg("rect", { class: "good", x, y: base - one.good * unit, width: bar, height: one.good * unit }),
      one.failed > 0 && svg("rect", { class: "failed", fill: "url(#hatch)", x, y: base - (one.good + one.failed) * unit, width: bar, height: one.failed * unit }),
    ];
  });
  const label = `Releases by day: ${f.days.map((one) => `${one.day} ${one.good} good, ${one.failed} failed`).join("; ")}`;
  const text = (at, anchor) => svg("text", { x: 24 + (at - begin) * step + step / 2, y: 90, "text-anchor": anchor }, new Date(at * day).toISOString().slice(5, 10));
  const drawn = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label, class: "days" },
    svg("defs", {}, svg("pattern", { id: "hatch", width: 4, height: 4, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
      svg("rect", { class: "hatch-ground", width: 4, height: 4 }), svg("rect", { class: "hatch-line", width: 1.6, height: 4 }))),
    svg("line", { class: "rule", x1: 24, x2: width - 6, y1: base, y2: base }),
    svg("text", { x: 18, y: base - most * unit + 8, "text-anchor": "end" }, String(most)), svg("text", { x: 18, y: base, "text-anchor": "end" }, "0"),
    bars, text(begin, "middle"), text(last, "middle"));
  return el("figure", { class: "wide" }, el("figcaption", {}, "Releases by day",
    el("span", { class: "legend muted", "aria-hidden": "true" }, el("span", { class: "key good" }), "good ", el("span", { class: "key failed" }), "failed or taken back")), drawn);
}

function happenings(fleet) {
  const head = ["when", "what", "result", "took", "by", "why"];
  const rows = fleet.history.map((one) => {
    const rollout = one.rollout;
    const accepted = rollout ? rollout.accepted.map((a) => `wave ${a.wave} accepted by ${a.by}: ${a.why}`) : [];
    return el("tr", {},
      el("td", { class: "nowrap" }, when(one.at)),
      el("th", { scope: "row" }, rollout ? `${KINDS[one.kind]} ${shorter(rollout.version)}` : one.what, rollout && el("span", { class: "muted small" }, ` rollout ${rollout.id}${rollout.run ? `, run ${rollout.run}` : ""}`)),
      el("td", {}, rollout ? chip(STANDINGS[rollout.result]) : ""),
      el("td", { class: "number" }, rollout && rollout.ended ? span((time(rollout.ended) - time(one.at)) / 1000) : ""),
      el("td", {}, one.by || "–"),
      el("td", {}, one.why || (rollout && rollout.reason && rollout.reason.message) || "", accepted.map((text) => el("div", { class: "small muted" }, text))));
  });
  const body = fleet.history.length === 0 ? el("p", { class: "muted" }, "Nothing is recorded.") :
    scroller("History", el("table", { class: "plain" }, el("caption", { class: "heard" }, "History, the newest first"),
      el("thead", {}, el("tr", {}, head.map((name) => el("th", { scope: "col", class: ["times", "took"].includes(name) ? "number" : null }, name)))), el("tbody", {}, rows)));
  return section("history", "History", "Rollouts and decisions, the newest first.", body);
}
