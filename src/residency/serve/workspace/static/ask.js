// An answer that appears as it is written. The form's own post does the same without it: this only reads the events
// (what is urgent, passages, pieces, the whole answer, or what went wrong) and lets the reader stop.

const form = document.querySelector("#ask");
const place = document.querySelector("#answer");
const status = document.querySelector("#status");
const stop = document.querySelector("#stop");
const words = JSON.parse(form.dataset.words);
let running = null;

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (!running) answer();
});
stop.addEventListener("click", () => running?.abort());
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") running?.abort();
});
form.question.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
});

// A change of language takes along what is typed; the answer that is shown has a field of its own there.
document.querySelector("#language")?.addEventListener("formdata", (event) => {
  if (form.question.value) event.formData.set("typed", form.question.value);
});

// A citation opens its passage and goes there.
place.addEventListener("click", (event) => {
  const link = event.target.closest("a.cite, a.to-passage");
  if (!link) return;
  event.preventDefault();
  open(link.getAttribute("href"));
});
addEventListener("hashchange", () => open(location.hash));

function open(hash) {
  const passage = /^#passage-\d+$/.test(hash) ? document.querySelector(hash) : null;
  if (!passage) return;
  document.querySelectorAll(".passage.chosen").forEach((one) => one.classList.remove("chosen"));
  passage.open = true;
  passage.classList.add("chosen");
  (passage.querySelector("summary") ?? passage).focus();  // which also scrolls there
}

async function answer() {
  running = new AbortController();
  busy(true);
  status.textContent = words.answering;
  place.replaceChildren();
  let ended = "";
  try {
    const body = new URLSearchParams(new FormData(form));
    const headers = { accept: "text/event-stream", "x-csrf-token": form.csrf.value };
    const reply = await fetch("/ask", { method: "POST", body, headers, signal: running.signal, redirect: "error" });
    if (!reply.ok || !reply.headers.get("content-type")?.startsWith("text/event-stream")) {
      ended = wrong(reply.status === 401 ? words.ended : words.broken);
    } else {
      for await (const { kind, data } of events(reply.body)) ended = show(kind, data) || ended;
      if (!ended) ended = wrong(words.broken);
    }
  } catch (error) {
    ended = error.name === "AbortError" ? halted() : wrong(words.broken);
  }
  running = null;
  busy(false);
  status.textContent = ended;
}

function busy(yes) {
  place.setAttribute("aria-busy", String(yes));
  stop.hidden = !yes;
  if (yes) stop.focus();
  else if (document.activeElement === stop || document.activeElement === document.body) form.question.focus();
}

async function* events(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    text += value;
    for (let at; (at = text.indexOf("\n\n")) >= 0; text = text.slice(at + 2)) {
      const [first, second] = text.slice(0, at).split("\n");
      yield { kind: first.slice("event: ".length), data: JSON.parse(second.slice("data: ".length)) };
    }
  }
}

// The html of events is the service's own, made by the same templates as the pages (which escape what they are given).
function show(kind, data) {
  if (kind === "begin") place.innerHTML = data.html;
  if (kind === "evidence") place.querySelector(".beside").insertAdjacentHTML("beforeend", data.html);
  if (kind === "piece") place.querySelector(".answer .text").append(data.text);
  if (kind === "done") {
    whole(data.html);
    return data.says;
  }
  if (kind === "wrong") return wrong(data.text);
  return "";
}

// What is urgent was told when the answer began: it is not told again, and what the reader has unfolded stays open.
function whole(html) {
  const told = place.querySelector(".urgency")?.textContent;
  const unfolded = place.querySelector(".meanwhile")?.open;
  place.innerHTML = html;
  const again = place.querySelector(".urgency");
  if (again && again.textContent === told) again.removeAttribute("role");
  if (unfolded) place.querySelector(".meanwhile")?.setAttribute("open", "");
}

function halted() {
  place.querySelector(".answer")?.removeAttribute("aria-busy");
  return words.stopped;
}

function wrong(text) {
  halted();
  const said = element("p", "wrong");
  said.setAttribute("role", "alert");
  said.textContent = text;
  place.prepend(said);
  return " ";
}

function element(tag, name) {
  const made = document.createElement(tag);
  made.className = name;
  return made;
}
