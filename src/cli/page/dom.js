"use strict";
// Making elements, and the words and numbers of the page. Everything foreign becomes a text node or an attribute of
// text, never markup.

const report = JSON.parse(document.getElementById("report").textContent);

/** An element with attributes and children; `on` has listeners, `style` goes through the object model. */
function el(tag, attributes, ...children) {
  const node = document.createElement(tag);
  return fill(node, attributes, children);
}

/** The same in SVG. */
function svg(tag, attributes, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") for (const [event, listener] of Object.entries(value)) node.addEventListener(event, listener);
    else if (name === "style") for (const [key, text] of Object.entries(value)) node.style.setProperty(key, text);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** Text for those who hear the page. */
const heard = (text) => el("span", { class: "heard" }, text);

const plural = (n, noun) => `${n.toLocaleString("en")} ${noun}${n === 1 ? "" : "s"}`;

const time = (text) => (text ? new Date(text).getTime() : null);

const pad = (n) => String(n).padStart(2, "0");

/** `2026-11-23 09:00`, in UTC as everything here. */
function when(text) {
  if (!text) return "–";
  const d = new Date(text);
  const day = `${d.getUTCFullYear()}-${pad(d.getUTCMonth() + 1)}-${pad(d.getUTCDate())}`;
  return `${day} ${pad(d.getUTCHours())}:${pad(d.getUTCMinutes())}`;
}

const clock = (ms) => when(new Date(ms).toISOString()).slice(11);

/** Seconds as people say them. */
function span(seconds) {
  if (seconds === null || seconds === undefined || Number.isNaN(seconds)) return "–";
  const s = Math.round(seconds);
  if (s < 60) return `${s} s`;
  const minutes = Math.round(s / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  return `${(s / 86400).toFixed(1)} days`;
}

/** A version without the commit at its end: `0.1.0-main.3.7f2a91c` is `0.1.0-main.3`. */
const shorter = (version) => (version ? version.replace(/\.g?[0-9a-f]{7}$/, "") : "?");

/** Conditions of services: sign, word, and how bad, from 0. */
const CONDITIONS = {
  as_recorded: ["✓", "as recorded", "ok", 0],
  has_run: ["✓", "has run", "ok", 0],
  unrecorded: ["·", "not recorded", "plain", 1],
  not_run: ["–", "has not run", "plain", 1],
  paused: ["‖", "paused", "plain", 1],
  moving: ["↻", "moving", "info", 2],
  unknown: ["?", "unknown", "warn", 3],
  at_zero: ["0", "at zero tasks", "warn", 4],
  differs: ["≠", "differs from the records", "bad", 5],
  missing: ["✕", "missing", "bad", 6],
};

/** How rollouts and waves stand. */
const STANDINGS = {
  succeeded: ["✓", "succeeded", "ok"],
  succeeded_with_exceptions: ["◐", "succeeded with exceptions", "warn"],
  open: ["↻", "open", "info"],
  held: ["‖", "held", "warn"],
  stopped: ["✕", "stopped", "bad"],
  waiting: ["·", "not begun", "plain"],
  deploying: ["↻", "deploying", "info"],
  baking: ["↻", "watched", "info"],
  passed: ["✓", "passed", "ok"],
};

/** A sign and a word; never a colour alone. */
function chip([sign, word, tone]) {
  return el("span", { class: `chip ${tone}` }, el("span", { "aria-hidden": "true", class: "sign" }, sign), word);
}

/** A section with a heading. */
function section(id, title, note, ...children) {
  const head = el("div", { class: "head" }, el("h2", { id: `${id}-title` }, title), note && el("p", { class: "muted" }, note));
  return el("section", { id, "aria-labelledby": `${id}-title` }, head, ...children);
}

/** A part that scrolls sideways by itself, also with the keyboard. */
const scroller = (label, ...children) =>
  el("div", { class: "scroll", role: "region", "aria-label": label, tabindex: "0" }, ...children);
