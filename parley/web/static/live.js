// Live numbers: replaces what carries data-live, and the rows of the table of answers, by what the
// stream of server-sent events says. The page is complete without it.
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

const stale = document.getElementById("stale");
const source = new EventSource("/live");
source.onmessage = (event) => {
  const now = JSON.parse(event.data);
  for (const shown of document.querySelectorAll("[data-live]")) {
    shown.textContent = text(shown.dataset.live, now[shown.dataset.live]);
  }
  showRunning(now.running);
  stale.hidden = true;
};
source.onerror = () => {
  stale.hidden = false;
};
