// An answer that appears as it is written. The form's own post does the same without it: this only reads the events
// (passages, pieces, the whole answer, or what went wrong) and lets the reader stop.

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

// A citation opens its passage and goes there.
place.addEventListener("click", (event) => {
  const link = event.target.closest("a.cite");
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
  passage.querySelector("summary").focus();  // which also scrolls there
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
  if (kind === "evidence") frame().insertAdjacentHTML("beforeend", data.html);
  if (kind === "piece") written().append(data.text);
  if (kind === "done") {
    place.innerHTML = data.html;
    return words.done;
  }
  if (kind === "wrong") return wrong(data.text);
  return "";
}

function frame() {
  if (!place.querySelector(".beside")) {
    const beside = element("div", "beside");
    const sheet = element("section", "sheet answer");
    sheet.setAttribute("aria-busy", "true");
    sheet.append(element("p", "text"));
    beside.append(sheet);
    place.append(beside);
  }
  return place.querySelector(".beside");
}

function written() {
  return frame().querySelector(".answer .text");
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
