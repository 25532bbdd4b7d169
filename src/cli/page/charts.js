// What the gates of each wave found when something was last decided about it: verdicts, and small charts of what they read.

const GATES = {
  rollout: "rollout", targets: "targets", probe: "probes", alarms: "alarms", errors: "errors", latency: "latency", cpu: "processor time",
  memory: "memory", relative: "against others", smoke: "smoke tests", command: "command",
};

const VERDICTS = { pass: ["✓", "pass", "ok"], fail: ["✕", "fail", "bad"], unknown: ["?", "unknown", "warn"] };

function gates(fleet) {
  const rollout = fleet.rollouts.find((one) => one.waves.some((wave) => wave.found.length > 0));
  if (!rollout) return section("gates", "Gates", null, el("p", { class: "muted" }, "Nothing was decided yet about a wave of the newest release. What its gates ask for stands with the rollout."));
  const waves = rollout.waves.map((wave, index) => [wave, index]).filter(([wave]) => wave.found.length > 0);
  const stopped = waves.find(([wave]) => wave.standing === "stopped" || wave.standing === "held");
  const shown = stopped || waves[waves.length - 1];
  const parts = waves.map(([wave, index]) => {
    const body = el("div", { class: "charts" });
    const part = el("details", { open: wave === shown[0], on: { toggle: () => { if (part.open && !body.hasChildNodes()) drawGates(body, wave); } } },
      el("summary", {}, el("span", { class: "wave" }, String(index + 1)), ` ${wave.name} `, chip(STANDINGS[wave.standing])), body);
    if (wave === shown[0]) drawGates(body, wave);
    return part;
  });
  const note = `Rollout ${rollout.id} of ${shorter(rollout.version)}, as it is recorded: of each gate all findings are counted, and those that say most are told.`;
  return section("gates", "Gates", note, parts);
}

function drawGates(body, wave) {
  for (const gate of wave.found) {
    const counts = ["passed", "failed", "unknown"].filter((word) => gate[word] > 0).map((word) => `${gate[word]} ${word}`);
    if (gate.without_vote > 0) counts.push(`${gate.without_vote} without a vote`);
    body.append(el("h3", {}, GATES[gate.gate] || gate.gate, " ", gate.verdict ? chip(VERDICTS[gate.verdict]) : null, el("span", { class: "muted small" }, ` ${counts.join(", ")}`)));
    // Of what passed the count is enough, unless there is something to draw.
    const told = gate.findings.filter((finding) => finding.verdict !== "pass");
    if (told.length > 0) body.append(el("ul", { class: "small" }, told.map((finding) => el("li", {}, `${subject(finding.subject)}: ${finding.words}`))));
    const charts = gate.findings.flatMap((finding) => finding.charts.map((one) => chart(one, subject(finding.subject), wave)));
    if (charts.length > 0) body.append(el("div", { class: "grid" }, charts));
  }
}

/** What a gate judged, in words. */
function subject(of) {
  if (typeof of === "string") return "the wave";
  return of.service || of.set || `${of.pool}, all tenants`;
}

const W = 340, H = 132, LEFT = 44, RIGHT = 8, TOP = 10, BOTTOM = 22;

/** A round number at or above this one, for the top of an axis. */
function ceiling(value) {
  const power = 10 ** Math.floor(Math.log10(value || 1));
  return [1, 2, 2.5, 5, 10].map((step) => step * power).find((step) => step >= value);
}

function chart(of, whose, wave) {
  const step = of.step * 60000, from = time(of.from);
  const points = of.values.map((value, place) => [from + place * step, value]);
  const values = points.map(([, value]) => value).filter((value) => value !== null);
  const all = [...values, ...of.bounds.map((bound) => bound.value)];
  const most = Math.max(...values);
  const top = ceiling(Math.max(...all, 0) * 1.05), least = Math.min(...all, 0);
  const low = least < 0 ? -ceiling(-least * 1.05) : 0;
  const to = Math.max(points[points.length - 1][0] + step, from + step);
  const x = (at) => LEFT + ((at - from) / (to - from)) * (W - LEFT - RIGHT);
  const y = (value) => H - BOTTOM - ((value - low) / (top - low)) * (H - TOP - BOTTOM);
  const number = (value) => value.toLocaleString("en", { maximumFractionDigits: 2 });
  // A time of which nobody told breaks the line: it is no zero. Of a value that stands alone the line is a dot.
  let line = "", before = null;
  for (const [at, value] of points) {
    if (value !== null) line += `${before === null ? "M" : "L"}${x(at).toFixed(1)} ${y(value).toFixed(1)}${before === null ? "h0.1" : ""}`;
    before = value;
  }
  const watch = time(wave.up);
  const bounds = of.bounds.map((bound) => `${bound.name} at ${number(bound.value)}`).join(", ");
  const label = `${of.of} of ${whose} in ${of.unit}: at most ${number(most)}${bounds ? `, ${bounds}` : ""}`;
  const drawn = svg("svg", { viewBox: `0 0 ${W} ${H}`, role: "img", "aria-label": label },
    [low, (low + top) / 2, top].map((value) => [
      svg("line", { class: "rule", x1: LEFT, x2: W - RIGHT, y1: y(value), y2: y(value) }),
      svg("text", { x: LEFT - 6, y: y(value) + 3.5, "text-anchor": "end" }, value.toLocaleString("en", { maximumSignificantDigits: 3 })),
    ]).flat(),
    svg("text", { x: LEFT, y: H - 6 }, clock(from)), svg("text", { x: W - RIGHT, y: H - 6, "text-anchor": "end" }, clock(to)),
    watch !== null && watch > from && watch < to && [
      svg("rect", { class: "watched", x: x(watch), y: TOP, width: Math.max(x(to) - x(watch), 0), height: H - TOP - BOTTOM }),
      svg("line", { class: "since", x1: x(watch), x2: x(watch), y1: TOP, y2: H - BOTTOM }),
      svg("text", { x: x(watch), y: H - 6, "text-anchor": "middle" }, "watch")],
    of.bounds.map((bound) => [
      svg("line", { class: "bound", x1: LEFT, x2: W - RIGHT, y1: y(bound.value), y2: y(bound.value) }),
      svg("text", { class: "bound", x: W - RIGHT, y: y(bound.value) - 4, "text-anchor": "end" }, `${bound.name} ${number(bound.value)}`)]).flat(),
    svg("path", { class: "line", d: line }));
  return el("figure", {}, el("figcaption", {}, of.of, el("span", { class: "muted" }, ` ${of.unit}, ${whose}`), el("span", { class: "most" }, `max ${number(most)}`)), drawn);
}
