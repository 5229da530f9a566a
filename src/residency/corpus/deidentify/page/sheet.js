"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const at = (id) => document.getElementById(id);
const direct = new Map(data.kinds);
const CHECKED = "CHECKED", UNCHECKED = "UNCHECKED", SHOWN = "CHECKED_AFTER_SHOWN";
// Places are UTF-16 units here, and characters (code points) in what is saved and in what the engine found.
const characters = (text, units) => Array.from(text.slice(0, units)).length;
const units = (text, count) => Array.from(text).slice(0, count).join("").length;
const notes = data.documents.map((note) => ({
  ...note, marks: [], checked: false, revealed: false, shown: false,
  words: Array.from(note.text.matchAll(/[\p{L}\p{N}\p{M}]+|[^\s]/gu), (m) => [m.index, m.index + m[0].length]),
  found: note.found && note.found.map(([a, b, type]) => ({start: units(note.text, a), end: units(note.text, b), type})),
}));
let here = 0, anchor = -1, head = -1, unsaved = false;

function keysOf(names) {
  const keys = new Map();
  for (const name of names) {
    const letters = (name + "abcdefghijklmnopqrstuvwxyz").toLowerCase().replace(/[^a-z]/g, "");
    keys.set(Array.from(letters).find((letter) => !keys.has(letter)), name);
  }
  return keys;
}
const keys = keysOf(data.kinds.map(([name]) => name));

function piece(note, a, b) {
  const covers = (span) => span.start <= a && b <= span.end;
  const mark = note.marks.find(covers), engine = note.revealed && note.found.find(covers);
  const text = document.createTextNode(note.text.slice(a, b));
  if (!mark && !engine) return text;
  const element = document.createElement("mark");
  if (mark) element.className = direct.get(mark.type) ? "direct" : "less";
  if (mark && mark.end === b) element.dataset.type = mark.type;
  if (engine) element.classList.add("engine");
  element.append(text);
  return element;
}

function draw() {
  const note = notes[here], spans = note.revealed ? note.marks.concat(note.found) : note.marks;
  const edges = new Set([0, note.text.length]);
  spans.forEach((span) => edges.add(span.start).add(span.end));
  const sorted = Array.from(edges).sort((a, b) => a - b);
  at("text").replaceChildren(...sorted.slice(1).map((edge, i) => piece(note, sorted[i], edge)));
  at("place").textContent = `${here + 1} of ${notes.length} · ${note.stratum} · ` +
    `${notes.filter((other) => other.checked).length} checked`;
  at("checked").checked = note.checked;
  at("show").hidden = !note.found || !note.checked || note.revealed;
  at("marks").replaceChildren(...note.marks.map((mark) => {
    const row = document.createElement("li"), button = document.createElement("button");
    button.textContent = "×";
    button.ariaLabel = `Take the mark ${mark.type} away`;
    button.onclick = () => { change(note, note.marks.filter((other) => other !== mark)); };
    row.append(button, `${mark.type}: ${note.text.slice(mark.start, mark.end)}`);
    return row;
  }));
}

function change(note, marks) {
  note.marks = marks.sort((a, b) => a.start - b.start);
  note.shown = note.shown || note.revealed;
  unsaved = true;
  draw();
}

function chosen() {
  const note = notes[here], found = getSelection();
  if (!found.rangeCount || !at("text").contains(found.anchorNode) || !at("text").contains(found.focusNode)) return null;
  const range = found.getRangeAt(0), before = document.createRange();
  before.setStart(at("text"), 0);
  before.setEnd(range.startContainer, range.startOffset);
  const first = before.toString().length, text = note.text.slice(first, first + range.toString().length);
  const start = first + text.length - text.trimStart().length, end = start + text.trim().length;
  return start < end ? {start, end} : null;
}

function nodeAt(place) {
  const walker = document.createTreeWalker(at("text"), NodeFilter.SHOW_TEXT);
  let node = walker.nextNode(), left = place;
  while (node && left > node.length) {
    left -= node.length;
    node = walker.nextNode();
  }
  return [node, left];
}

function choose(start, end) {
  const [first, a] = nodeAt(start), [last, b] = nodeAt(end);
  if (!first || !last) return;
  getSelection().setBaseAndExtent(first, a, last, b);
  (last.parentElement || at("text")).scrollIntoView({block: "nearest"});
}

function move(step, extend) {
  const words = notes[here].words, mine = chosen();
  if (!words.length) return;
  if (mine && (head < 0 || words[Math.min(anchor, head)][0] !== mine.start)) {
    head = words.findIndex(([, end]) => end > mine.start);
    anchor = head;
  }
  head = Math.max(0, Math.min(words.length - 1, head + step));
  anchor = extend && anchor >= 0 ? anchor : head;
  choose(words[Math.min(anchor, head)][0], words[Math.max(anchor, head)][1]);
}

const apart = (span) => (other) => other.end <= span.start || span.end <= other.start;

function mark(type) {
  const span = chosen(), note = notes[here];
  if (!span) return say("Select what you want to mark first.");
  change(note, note.marks.filter(apart(span)).concat([{...span, type}]));
  choose(span.start, span.end);
}

function unmark() {
  const span = chosen(), note = notes[here];
  if (!span) return;
  change(note, note.marks.filter(apart(span)));
  choose(span.start, span.end);
}

function turn(step) {
  here = Math.max(0, Math.min(notes.length - 1, here + step));
  anchor = head = -1;
  say("");
  draw();
  at("text").focus();
  scrollTo(0, 0);
}

function check(done) {
  notes[here].checked = done;
  unsaved = true;
  draw();
}

const say = (words) => { at("said").textContent = words; };

function labels() {
  return {...data.sheet, labels: notes.map((note) => ({
    id: note.id, text_sha256: note.text_sha256, stratum: note.stratum, checked: note.checked, shown: note.shown,
    spans: note.marks.map((m) => ({
      start: characters(note.text, m.start), end: characters(note.text, m.end), entity_type: m.type,
    })),
  }))};
}

function asCsv() {
  const cell = (value) => `"${String(value).replaceAll('"', '""')}"`;
  const rows = [[JSON.stringify(data.sheet)], ["id", "start", "end", "entity_type", "text_sha256", "stratum"]];
  for (const note of labels().labels) {
    const state = note.checked ? (note.shown ? SHOWN : CHECKED) : UNCHECKED;
    rows.push([note.id, "", "", state, note.text_sha256, note.stratum]);
    note.spans.forEach((s) => rows.push([note.id, s.start, s.end, s.entity_type, note.text_sha256, note.stratum]));
  }
  return rows.map((row) => row.map(cell).join(",") + "\r\n").join("");
}

function save(name, text, type) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], {type}));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  unsaved = false;
  const left = notes.filter((note) => !note.checked).length;
  say(`Saved ${name}${left ? `; ${left} documents are not checked yet, and it cannot be scored before` : ""}.`);
}

function load(text) {
  const found = JSON.parse(text), known = new Map(notes.map((note) => [note.id, note]));
  const fits = found.content === data.sheet.content && found.seed === data.sheet.seed &&
    found.labels.every((row) => known.has(row.id) && known.get(row.id).text_sha256 === row.text_sha256);
  if (!fits) return say("These labels are of another sheet; nothing was loaded.");
  for (const row of found.labels) {
    const note = known.get(row.id), {text: whole} = note;
    Object.assign(note, {checked: row.checked, shown: row.shown, revealed: false});
    note.marks = row.spans.map((s) => ({
      start: units(whole, s.start), end: units(whole, s.end), type: s.entity_type,
    }));
  }
  draw();
  return say("Loaded.");
}

at("kinds").append(...Array.from(keys, ([key, name]) => {
  const button = document.createElement("button"), letter = document.createElement("kbd");
  letter.textContent = key;
  button.append(letter, ` ${name}`);
  button.onmousedown = (event) => event.preventDefault(); // the selection stays
  button.onclick = () => mark(name);
  return button;
}));
at("back").onclick = () => turn(-1);
at("next").onclick = () => turn(1);
at("checked").onchange = (event) => check(event.target.checked);
at("show").onclick = () => { notes[here].revealed = true; draw(); };
at("csv").onclick = () => save("labels.csv", asCsv(), "text/csv");
at("json").onclick = () => save("labels.json", JSON.stringify(labels(), null, 1), "application/json");
at("load").onchange = (event) => event.target.files[0] && event.target.files[0].text().then(load).catch(
  () => say("This is no JSON that was saved here; nothing was loaded."));
addEventListener("beforeunload", (event) => { if (unsaved) event.preventDefault(); });
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  if (["BUTTON", "INPUT"].includes(event.target.tagName) && ["Enter", " "].includes(event.key)) return;
  const acts = {
    ArrowRight: () => move(1, event.shiftKey), ArrowLeft: () => move(-1, event.shiftKey), ",": () => turn(-1),
    ".": () => turn(1), Delete: unmark, Backspace: unmark, Enter: () => { check(true); turn(1); },
  };
  const letter = event.key.toLowerCase(), act = acts[event.key] || (keys.has(letter) && (() => mark(keys.get(letter))));
  if (!act) return;
  event.preventDefault();
  act();
});
draw();
