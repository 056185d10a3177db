// The chart of a page of curves: drawn by plotly.js from the JSON that the service makes.
// What is looked at stands in the address: zooming asks the service again, for finer points.

import { refresh } from "./live.js";

const frame = document.getElementById("chart-frame");
const chart = document.getElementById("chart");
const state = document.getElementById("chart-state");
const dark = matchMedia("(prefers-color-scheme: dark)");
const NARROWEST = 280;
const WIDEST = 4000;
const AFTER_MS = 150; // the last of several changes counts
const EVERY_MS = 10000; // while runs go on
const isLog = frame.hasAttribute("data-log-x");
const isTimes = frame.hasAttribute("data-times");

let width = 0; // of what is drawn
let drawn = ""; // the JSON of it
let shown = ""; // the part of the address that it was drawn for
let asking = null; // what is under way; another question ends it
let timer = 0;
let isDrawing = false; // what Plotly says then is no wish of the reader's

function address() {
  const query = new URLSearchParams(location.search);
  query.set("theme", dark.matches ? "dark" : "light");
  query.set("width", String(Math.min(WIDEST, Math.max(NARROWEST, Math.round(frame.clientWidth)))));
  return `${frame.dataset.figure}?${query}`;
}

// A refused request says why in problem+json.
async function reason(answer) {
  try {
    const told = await answer.json();
    return told.errors?.map((one) => one.message).join("; ") || told.detail || `${answer.status}`;
  } catch {
    return `the service answered ${answer.status}`;
  }
}

async function draw({ quietly = false } = {}) {
  asking?.abort();
  const own = (asking = new AbortController());
  if (!quietly) say(drawn ? "Drawing again…" : "Drawing…");
  frame.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(address(), { signal: own.signal, headers: { Accept: "application/json" }, cache: "no-cache" });
    if (!answer.ok) throw new Error(await reason(answer));
    const text = await answer.text();
    if (own.signal.aborted) return;
    const isAnother = drawn && location.search !== shown;
    if (text !== drawn || location.search !== shown || frame.clientWidth !== width) await show(text);
    say("");
    if (isAnother) refresh().catch(() => {}); // the table in numbers follows
  } catch (error) {
    if (error.name === "AbortError") return;
    say(`The chart could not be drawn: ${error.message}.`, true);
  } finally {
    if (asking === own) frame.removeAttribute("aria-busy");
  }
}

async function show(text) {
  const figure = JSON.parse(text);
  const layout = figure.layout;
  const [from, to] = range();
  if (!layout.meta.is_empty && (from !== null || to !== null)) layout.xaxis = { ...layout.xaxis, ...bounds(from, to) };
  isDrawing = true;
  try {
    await Plotly.react(chart, figure.data, layout, {
      displaylogo: false,
      showSendToCloud: false,
      displayModeBar: !isNarrow(),
      responsive: false,
      toImageButtonOptions: { format: "png", filename: fileName(), scale: 2 },
    });
  } finally {
    isDrawing = false;
  }
  if (!drawn) listen();
  drawn = text;
  shown = location.search;
  width = frame.clientWidth;
  chart.setAttribute("aria-label", layout.meta.description);
  frame.dataset.drawn = String(Number(frame.dataset.drawn || 0) + 1);
}

// On a phone the bar would lie over the title; the buttons above do the same.
function isNarrow() {
  return frame.clientWidth < 560;
}

function bounds(from, to) {
  const placed = [from, to].map((value) => (value === null ? null : inAxis(value)));
  return placed.includes(null) ? { autorange: placed[0] === null ? "min" : "max", range: placed } : { range: placed, autorange: false };
}

function inAxis(value) {
  if (isTimes) return new Date(1000 * value).toISOString();
  return isLog ? Math.log10(value) : value;
}

function fromAxis(place) {
  if (isTimes) return (typeof place === "number" ? place : Date.parse(`${String(place).replace(" ", "T")}Z`)) / 1000;
  return isLog ? 10 ** place : Number(place);
}

function range() {
  const query = new URLSearchParams(location.search);
  return ["from", "to"].map((name) => (query.get(name) ? Number(query.get(name)) : null));
}

function fileName() {
  return `${frame.dataset.name} curves`.replace(/[^\w.-]+/g, "-").slice(0, 80);
}

function listen() {
  chart.on("plotly_relayout", (change) => {
    if (isDrawing) return;
    if (change["xaxis.autorange"]) look(null, null);
    else if (change["xaxis.range[0]"] !== undefined) look(fromAxis(change["xaxis.range[0]"]), fromAxis(change["xaxis.range[1]"]));
    else if (change["xaxis.range"]) look(...change["xaxis.range"].map(fromAxis));
  });
}

// Look at another part of x: the address, the form and the chart follow.
function look(from, to) {
  const query = new URLSearchParams(location.search);
  for (const [name, value] of [["from", from], ["to", to]]) {
    const text = value === null || !Number.isFinite(value) ? "" : String(Number(value.toPrecision(10)));
    if (text) query.set(name, text);
    else query.delete(name);
    const field = document.querySelector(`#curve-form [name="${name}"]`);
    if (field) field.value = text;
  }
  history.replaceState(null, "", `${location.pathname}${query.size ? `?${query}` : ""}${location.hash}`);
  later();
}

function later() {
  clearTimeout(timer);
  timer = setTimeout(draw, AFTER_MS);
}

// By keyboard: half as much, twice as much, half a window on either side.
const MOVES = { in: [0.25, 0.75], out: [-0.5, 1.5], back: [-0.5, 0.5], on: [0.5, 1.5] };

function zoom(kind) {
  if (kind === "all") return look(null, null);
  const axis = chart.layout?.xaxis;
  if (!axis?.range) return undefined;
  const [low, high] = axis.range.map((place) => (isLog ? Number(place) : fromAxis(place)));
  const [start, end] = MOVES[kind].map((share) => low + share * (high - low));
  return isLog ? look(10 ** start, 10 ** end) : look(start, end);
}

async function save(format) {
  say("Saving…");
  try {
    await Plotly.downloadImage(chart, { format, filename: fileName(), width: chart.clientWidth, height: chart.clientHeight, scale: format === "png" ? 2 : 1 });
    say("");
  } catch (error) {
    say(`The chart could not be saved: ${error?.message ?? "the browser could not make the picture"}.`, true);
  }
}

function say(text, isError = false) {
  state.replaceChildren(text);
  state.classList.toggle("failed", isError);
  if (!isError) return;
  const again = document.createElement("button");
  again.type = "button";
  again.textContent = "Try again";
  again.addEventListener("click", () => draw());
  state.append(" ", again);
}

const tools = frame.querySelector(".chart-tools");
tools.hidden = false;
tools.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button?.dataset.zoom) zoom(button.dataset.zoom);
  if (button?.dataset.save) save(button.dataset.save);
});
dark.addEventListener("change", () => draw());
new ResizeObserver(() => { if (width && Math.abs(frame.clientWidth - width) > 8) later(); }).observe(frame);
if (frame.hasAttribute("data-goes-on")) {
  setInterval(() => { if (document.visibilityState === "visible" && !asking?.signal.aborted) draw({ quietly: true }); }, EVERY_MS);
}
if (typeof Plotly === "undefined") say("The chart needs plotly.js, and it could not be loaded: reload the page.", true);
else draw();
