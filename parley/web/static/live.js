// Live numbers: replaces what carries data-live, and the rows of the table of answers, by what the
// stream of server-sent events says, and the plots where it says that they have changed. The page is
// complete without it.
"use strict";

const sizes = new Set(["memory", "model_memory"]);

function size(bytes) {
  for (const unit of ["B", "KB", "MB"]) {
    if (bytes < 1000) return `${bytes.toFixed(0)} ${unit}`;
    bytes /= 1000;
  }
  return `${bytes.toFixed(1)} GB`;
}

function text(name, value) {
  if (sizes.has(name)) return size(value);
  if (name === "tokens_per_second" && value === 0) return "–";
  return typeof value === "number" ? value.toLocaleString("en") : String(value);
}

function cell(kind, content) {
  const made = document.createElement(kind);
  made.textContent = content;
  return made;
}

// A row that the server made has names that the stream does not tell: it is kept.
function row(table, answer) {
  const known = [...table.rows].find((one) => one.dataset.answer === String(answer.id));
  if (known) return known;
  const made = document.createElement("tr");
  made.dataset.answer = answer.id;
  const head = cell("th", answer.id);
  head.scope = "row";
  made.append(head, cell("td", answer.platform[0].toUpperCase() + answer.platform.slice(1)));
  for (const numeric of [false, true, true]) {
    const one = cell("td", "");
    if (numeric) one.className = "n";
    made.append(one);
  }
  const columns = table.parentElement.tHead.rows[0].cells.length;
  while (made.cells.length < columns) made.append(cell("td", ""));
  return made;
}

function showRunning(answers) {
  const table = document.getElementById("running");
  const body = table.tBodies[0];
  const rows = answers.map((answer) => {
    const made = row(body, answer);
    made.cells[2].textContent = answer.state;
    made.cells[3].textContent = answer.seconds;
    made.cells[4].textContent = answer.characters;
    return made;
  });
  body.replaceChildren(...rows);
  document.getElementById("answers").hidden = answers.length === 0;
  document.getElementById("idle").hidden = answers.length > 0;
}

// The plots are made by the server. What is open, and where the keyboard is, stays.
let plotsKnown = null;
let plotsChanged = performance.now();
let plotsAsked = performance.now();

async function showPlots() {
  const old = document.getElementById("plots");
  const answer = await fetch(old.dataset.from, { headers: { Accept: "text/plain" } });
  if (!answer.ok) throw new Error(`the plots: ${answer.status}`);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const made = page.getElementById("plots");
  await Promise.all([...made.querySelectorAll("img")].map(loaded));
  for (const open of old.querySelectorAll("details[open]")) {
    const same = made.querySelector(`details[data-plot="${open.dataset.plot}"]`);
    if (same) same.open = true;
  }
  const focused = document.activeElement?.closest("details[data-plot]");
  const kind = document.activeElement?.localName;
  old.replaceWith(made);
  if (focused) made.querySelector(`details[data-plot="${focused.dataset.plot}"] ${kind}`)?.focus();
}

// Loaded before it is shown, so that the page does not flicker.
function loaded(image) {
  const first = new Image();
  first.src = image.getAttribute("src");
  image.loading = "eager";
  return first.decode().catch(() => {});
}

// What has happened is saved some seconds later, and plots are read no more often than that: they are
// asked for until the last change must be in them.
function plotsMayHaveChanged(history) {
  const now = performance.now();
  if (history !== plotsKnown) {
    plotsKnown = history;
    plotsChanged = now;
  }
  const { every, settles } = document.getElementById("plots").dataset; // milliseconds
  if (now - plotsAsked < Number(every) || plotsAsked - plotsChanged > Number(settles)) return;
  if (document.hidden) return;
  plotsAsked = now;
  showPlots().catch(() => { /* asked again later */ });
}

const stale = document.getElementById("stale");
const source = new EventSource("/live");
source.onmessage = (event) => {
  const now = JSON.parse(event.data);
  for (const shown of document.querySelectorAll("[data-live]")) {
    shown.textContent = text(shown.dataset.live, now[shown.dataset.live]);
  }
  showRunning(now.running);
  plotsMayHaveChanged(now.history);
  stale.hidden = true;
};
source.onerror = () => {
  stale.hidden = false;
};
