// Keep a page fresh while its sweep or run goes on: ask for it again, swap the parts that changed.
// Without this module the page stays as it came, and reloading it does the same.

const EVERY_MS = 5000;
const AFTER_ERROR_MS = 20000;
const REST_FACTOR = 10; // a page that takes long to make is asked for less often

let etag = null;
let seen = new Map(parts(document).map((part) => [part.id, part.innerHTML]));

function parts(root) {
  return [...root.querySelectorAll("[data-live][id]")];
}

function goesOn() {
  return document.querySelector("[data-polls]") !== null;
}

export async function refresh() {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" }, cache: "no-cache", redirect: "error" });
  if (!answer.ok) throw new Error(`the service answered ${answer.status}`);
  if (etag !== null && answer.headers.get("ETag") === etag) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  parts(fresh).forEach(swap);
  etag = answer.headers.get("ETag");
}

function swap(fresh) {
  const old = document.getElementById(fresh.id);
  if (!old || seen.get(fresh.id) === fresh.innerHTML) return;
  seen.set(fresh.id, fresh.innerHTML);
  const focused = old.contains(document.activeElement) ? document.activeElement.id : "";
  const open = new Set([...old.querySelectorAll("details[open]")].map(name));
  const places = boxes(old).map((box) => (isAtEnd(box) ? null : [box.scrollLeft, box.scrollTop]));
  old.replaceChildren(...fresh.childNodes);
  old.toggleAttribute("data-polls", fresh.hasAttribute("data-polls"));
  old.querySelectorAll("details").forEach((box) => { box.open = open.has(name(box)) || box.open; });
  boxes(old).forEach((box, i) => (places[i] ? box.scrollTo(...places[i]) : toEnd(box)));
  if (focused) document.getElementById(focused)?.focus();
}

function boxes(part) {
  return [...part.querySelectorAll(".scroll, .log")];
}

// A log that is read at its end goes on at its end.
function isAtEnd(box) {
  return box.matches(".log") && box.scrollTop + box.clientHeight >= box.scrollHeight - 4;
}

function toEnd(box) {
  if (box.matches(".log")) box.scrollTop = box.scrollHeight;
}

// What a part that folds is called, so that it stays open when it comes again.
function name(box) {
  return box.id || `${box.closest("[id]")?.id} ${box.closest("tr, figure, article")?.querySelector("th, h3")?.textContent}`;
}

function say(text) {
  let line = document.getElementById("live-state");
  if (!line) {
    line = document.createElement("p");
    line.id = "live-state";
    line.setAttribute("role", "status");
    document.querySelector("main").append(line);
  }
  if (line.textContent !== text) line.textContent = text;
}

async function loop() {
  let wait = EVERY_MS;
  if (document.visibilityState === "visible" && goesOn()) {
    const asked = performance.now();
    try {
      await refresh();
      wait = Math.max(EVERY_MS, REST_FACTOR * (performance.now() - asked));
      say("");
    } catch (error) {
      wait = AFTER_ERROR_MS;
      say(`This page could not be refreshed (${error.message}); it tries again in ${wait / 1000} seconds.`);
    }
  }
  if (goesOn()) setTimeout(loop, wait);
}

document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible" && goesOn()) refresh().catch(() => {});
});
boxes(document).forEach(toEnd);
if (goesOn()) setTimeout(loop, EVERY_MS);
