// Rollouts in time: each wave a row, in which it was deployed, watched, held and judged.

/** The newest rollouts, the newest one open. */
function timeline(fleet) {
  const parts = fleet.rollouts.map((rollout, index) => rolloutPart(rollout, index === 0));
  const older = fleet.rollouts_recorded - fleet.rollouts.length;
  const note = older > 0 ? `The newest ${fleet.rollouts.length} of ${fleet.rollouts_recorded} rollouts.` : "Times are UTC.";
  const few = parts.slice(0, 8);
  const rest = parts.slice(8);
  const more = rest.length > 0 && el("details", { class: "more" }, el("summary", {}, `${plural(rest.length, "older rollout")}`), rest);
  return section("timeline", "Rollouts and waves", note, parts.length ? few : el("p", { class: "muted" }, "Nothing was rolled out yet."), more);
}

const KINDS = { release: "Release of", waking: "Waking to", rollback: "Rollback to", decision: "" };

function rolloutPart(rollout, open) {
  const body = el("div", { class: "rollout" });
  const details = el("details", { open, on: { toggle: () => { if (details.open && !body.hasChildNodes()) drawRollout(body, rollout); } } },
    el("summary", {},
      el("span", { class: "what" }, `${KINDS[rollout.kind]} `, el("span", { class: "version" }, shorter(rollout.version))),
      chip(STANDINGS[rollout.result]),
      el("span", { class: "muted" }, `${when(rollout.opened_at)}${rollout.ended_at ? ` · ${span((time(rollout.ended_at) - time(rollout.opened_at)) / 1000)}` : ""}${rollout.by ? ` · ${rollout.by}` : ""} · rollout ${rollout.id}`)),
    body);
  if (open) drawRollout(body, rollout);
  return details;
}

function drawRollout(body, rollout) {
  if (rollout.reason) {
    const tone = rollout.result === "stopped" ? "bad" : "warn";
    body.append(el("p", { class: `note ${tone}` }, el("strong", {}, rollout.reason.message), " ", el("code", {}, rollout.reason.code), el("br", {}), rollout.reason.hint));
  }
  const from = time(rollout.opened_at);
  const ends = [from, time(rollout.ended_at), ...rollout.waves.flatMap((wave) => [time(wave.began), time(wave.up), time(wave.ended), ...wave.held.map((held) => time(held.at))])];
  const last = Math.max(...ends.filter((end) => end !== null));
  const to = Math.max(rollout.ended_at || rollout.waves.every((wave) => !wave.began) ? last : Math.max(last, time(report.made_at)), from + 60000);
  const place = (at) => `${(((at - from) / (to - from)) * 100).toFixed(3)}%`;
  const rows = rollout.waves.map((wave, index) => waveRow(wave, index, { from, to, place }));
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((part) => {
    const at = from + (to - from) * part;
    return el("span", { style: { left: `${part * 100}%` } }, to - from > 86400000 ? when(new Date(at).toISOString()).slice(5) : clock(at));
  });
  const head = el("tr", {}, ["wave", "tenants", "standing"].map((name) => el("th", { scope: "col" }, name)),
    el("th", { scope: "col", class: "track" }, heard("when"), el("span", { class: "axis", "aria-hidden": "true" }, ticks)),
    ["deployed in", "watched for"].map((name) => el("th", { scope: "col", class: "number" }, name)));
  const caption = el("caption", { class: "heard" }, `Waves of rollout ${rollout.id}`);
  body.append(scroller(`Waves of rollout ${rollout.id}`, el("table", { class: "gantt" }, caption, el("thead", {}, head), el("tbody", {}, rows))));
  body.append(el("p", { class: "legend small muted", "aria-hidden": "true" },
    el("span", { class: "key deploying" }), "deploying ", el("span", { class: "key baking" }), "watched (bake) ",
    el("span", { class: "mark ok" }, "◆"), " gate passed ", el("span", { class: "mark bad" }, "✕"), " stopped ", el("span", { class: "mark warn" }, "‖"), " held"));
  const facts = [["plan", rollout.plan], ["commit", rollout.commit], rollout.run && ["run", String(rollout.run)], ["approval", rollout.approved], rollout.replaces && ["replaces", rollout.replaces], ["version", rollout.version]].filter(Boolean);
  const gates = rollout.gates.length > 0 && [el("dt", {}, "gates ask for"), rollout.gates.map((gate) => el("dd", {}, gate))];
  body.append(el("details", { class: "facts" }, el("summary", {}, "Plan and gates"),
    el("dl", {}, facts.map(([name, value]) => [el("dt", {}, name), el("dd", {}, el("code", {}, value))]).flat(), gates)));
}

function waveRow(wave, index, axis) {
  const began = time(wave.began), up = time(wave.up), ended = time(wave.ended);
  const now = axis.to;
  const track = el("div", { class: "lane", "aria-hidden": "true" });
  const bar = (from, to, tone) => track.append(el("span", { class: `bar ${tone}`, style: { left: axis.place(from), width: `max(3px, calc(${axis.place(to)} - ${axis.place(from)}))` } }));
  const mark = (at, tone, sign) => track.append(el("span", { class: `mark ${tone}`, style: { left: axis.place(at) } }, sign));
  if (began !== null) bar(began, up ?? ended ?? now, "deploying");
  if (up !== null) bar(up, ended ?? now, "baking");
  for (const held of wave.held) mark(time(held.at), "warn", "‖");
  if (wave.standing === "passed") mark(ended, "ok", "◆");
  if (wave.standing === "stopped" && ended !== null) mark(ended, "bad", "✕");
  const said = [];
  for (const held of wave.held) said.push(`held ${when(held.at)}: ${held.reason.message}`);
  for (const left of wave.quarantined) said.push(`went on without ${left.set}: ${left.reason.message}`);
  if (wave.accepted_by) said.push(`accepted by ${wave.accepted_by}`);
  const seconds = (from, to) => (from === null || to === null ? null : (to - from) / 1000);
  const names = wave.sets && wave.sets.length <= 6 ? wave.sets.join(", ") : null;
  return el("tr", {},
    el("th", { scope: "row" }, el("span", { class: "wave" }, String(index + 1)), ` ${wave.name}`),
    el("td", {}, names || plural(wave.size, "set"), names && heard(` (${plural(wave.size, "set")})`)),
    el("td", {}, chip(STANDINGS[wave.standing])),
    el("td", { class: "track" }, track, heard(began === null ? "not begun" : `from ${when(wave.began)} to ${when(wave.ended)}`), said.map((text) => el("div", { class: "small muted" }, text))),
    el("td", { class: "number" }, span(seconds(began, up ?? (wave.standing === "stopped" ? ended : null)))),
    el("td", { class: "number" }, span(seconds(up, ended)), wave.bake !== null && el("span", { class: "muted small" }, ` of ${span(wave.bake)}`)));
}
