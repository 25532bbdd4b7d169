// What gates read while waves were watched: small charts of a service each, all of a wave on one time axis.

const METRICS = [
  { name: "errors", unit: "%", bound: (b) => (b.errors_bad === null ? null : b.errors_bad / 10000), word: "bad release",
    value: (m) => (m.requests ? ((m.errors || 0) * 100) / m.requests : null), digits: 2 },
  { name: "requests", unit: "/min", bound: () => null, value: (m) => m.requests ?? null, digits: 0 },
  { name: "p99", unit: "ms", bound: (b) => b.p99_ms, word: "ceiling", value: (m) => m.p99_ms ?? null, digits: 0 },
  { name: "CPU", unit: "%", bound: (b) => b.cpu_percent, word: "ceiling", value: (m) => m.cpu_percent ?? null, digits: 0 },
  { name: "memory", unit: "%", bound: (b) => b.memory_percent, word: "ceiling", value: (m) => m.memory_percent ?? null, digits: 0 },
];

function gates(fleet) {
  const rollout = fleet.rollouts.find((one) => one.waves.some((wave) => wave.series.length > 0));
  if (!rollout) {
    const why = fleet.live
      ? "No gate of the newest release reads metrics, or none of its waves was watched yet. What its gates ask for stands with the rollout."
      : "What gates read is asked of CloudWatch, and what is live was not looked at.";
    return section("gates", "Gates", null, el("p", { class: "muted" }, why));
  }
  const waves = rollout.waves.map((wave, index) => [wave, index]).filter(([wave]) => wave.series.length > 0);
  const stopped = waves.find(([wave]) => wave.standing === "stopped" || wave.standing === "held");
  const shown = stopped || waves[waves.length - 1];
  const parts = waves.map(([wave, index]) => {
    const body = el("div", { class: "charts" });
    const part = el("details", { open: wave === shown[0], on: { toggle: () => { if (part.open && !body.hasChildNodes()) drawCharts(body, wave); } } },
      el("summary", {}, el("span", { class: "wave" }, String(index + 1)), ` ${wave.name} `, chip(STANDINGS[wave.standing])), body);
    if (wave === shown[0]) drawCharts(body, wave);
    return part;
  });
  const note = `Rollout ${rollout.id} of ${shorter(rollout.version)}: requests and errors are summed over tenants, latency and use are those of the worst.`;
  return section("gates", "Gates", note, parts);
}

function drawCharts(body, wave) {
  for (const series of wave.series) {
    // Of what no gate judges, only how much came in is worth a chart.
    const judged = METRICS.filter((metric) => metric.name === "requests" || metric.bound(series.bounds) !== null);
    const told = judged.filter((metric) => series.minutes.some((minute) => metric.value(minute) !== null));
    const some = series.tenants < series.of ? `${series.tenants} of ${plural(series.of, "tenant")}` : plural(series.tenants, "tenant");
    body.append(el("h3", {}, series.service, el("span", { class: "muted small" }, ` ${some}`)));
    if (series.unknown.length > 0) body.append(el("p", { class: "note warn" }, `Not known: ${series.unknown.slice(0, 3).join("; ")}${series.unknown.length > 3 ? ` and ${series.unknown.length - 3} more` : ""}`));
    body.append(el("div", { class: "grid" }, told.map((metric) => chart(series, metric, wave))));
  }
}

const W = 340, H = 132, LEFT = 44, RIGHT = 8, TOP = 10, BOTTOM = 22;

/** A round number at or above this one, for the top of an axis. */
function ceiling(value) {
  const power = 10 ** Math.floor(Math.log10(value || 1));
  return [1, 2, 2.5, 5, 10].map((step) => step * power).find((step) => step >= value);
}

function chart(series, metric, wave) {
  const points = series.minutes.map((minute) => [time(minute.at), metric.value(minute)]);
  const values = points.map(([, value]) => value).filter((value) => value !== null);
  const bound = metric.bound(series.bounds);
  const most = Math.max(...values);
  const top = ceiling(Math.max(most, bound ?? 0) * 1.05);
  const from = points[0][0], to = Math.max(points[points.length - 1][0] + 60000, from + 60000);
  const x = (at) => LEFT + ((at - from) / (to - from)) * (W - LEFT - RIGHT);
  const y = (value) => H - BOTTOM - (value / top) * (H - TOP - BOTTOM);
  const number = (value) => value.toLocaleString("en", { maximumFractionDigits: metric.digits });
  // A minute that nobody told breaks the line: it is no zero.
  let line = "", before = null;
  for (const [at, value] of points) {
    if (value !== null) line += `${before === null || at - before > 90000 ? "M" : "L"}${x(at).toFixed(1)} ${y(value).toFixed(1)}`;
    before = value === null ? null : at;
  }
  const watch = time(wave.up);
  const label = `${metric.name} of ${series.service}: at most ${number(most)} ${metric.unit} in ${plural(values.length, "minute")}${bound === null ? "" : `, ${metric.word} at ${number(bound)} ${metric.unit}`}`;
  const drawn = svg("svg", { viewBox: `0 0 ${W} ${H}`, role: "img", "aria-label": label },
    [0, 0.5, 1].map((part) => [
      svg("line", { class: "rule", x1: LEFT, x2: W - RIGHT, y1: y(top * part), y2: y(top * part) }),
      svg("text", { x: LEFT - 6, y: y(top * part) + 3.5, "text-anchor": "end" }, (top * part).toLocaleString("en", { maximumSignificantDigits: 3 })),
    ]).flat(),
    svg("text", { x: LEFT, y: H - 6 }, clock(from)), svg("text", { x: W - RIGHT, y: H - 6, "text-anchor": "end" }, clock(to)),
    watch !== null && watch > from && [
      svg("rect", { class: "watched", x: x(watch), y: TOP, width: Math.max(x(to) - x(watch), 0), height: H - TOP - BOTTOM }),
      svg("line", { class: "since", x1: x(watch), x2: x(watch), y1: TOP, y2: H - BOTTOM }),
      svg("text", { x: x(watch), y: H - 6, "text-anchor": "middle" }, "watch")],
    bound !== null && [
      svg("line", { class: "bound", x1: LEFT, x2: W - RIGHT, y1: y(bound), y2: y(bound) }),
      svg("text", { class: "bound", x: W - RIGHT, y: y(bound) - 4, "text-anchor": "end" }, `${metric.word} ${number(bound)} ${metric.unit}`)],
    svg("path", { class: "line", d: line }));
  return el("figure", {}, el("figcaption", {}, metric.name, el("span", { class: "muted" }, ` ${metric.unit}`), el("span", { class: "most" }, `max ${number(most)}`)), drawn);
}
