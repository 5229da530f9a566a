// A form whose words are not lost (data-keep). It is sent from the page, which stays as it is until the answer is there:
// where the session has ended, the words wait in their fields until one has signed in in another tab. They are kept in
// this page alone, and go when it is closed. Without a script the form is sent in the usual way.

document.addEventListener("submit", (event) => {
  const form = event.target.closest("form[data-keep]");
  if (!form || event.defaultPrevented) return;
  event.preventDefault();
  if (!form.querySelector("button[disabled]")) send(form);
});

async function send(form) {
  const words = JSON.parse(form.dataset.keep);
  busy(form, true, words.working);
  try {
    let reply = await post(form);
    if (reply.status === 403 && (await renewed(form, words))) reply = await post(form);
    if (reply.status === 401) tell(form, words.ended, words.sign_in);
    else show(form, await page(reply), words);
  } catch (error) {
    tell(form, error.told || words.broken);
  }
}

function post(form) {
  const data = new FormData(form);
  const body = form.enctype === "multipart/form-data" ? data : new URLSearchParams(data);
  const headers = { "x-csrf-token": form.elements.csrf.value };
  return fetch(form.action, { method: "POST", body, headers, redirect: "error" });
}

// After one has signed in again the form's token is an old one: the page is asked for a new one, of the same person.
async function renewed(form, words) {
  const fresh = (await page(await fetch(form.action))).querySelector("form[data-keep]");
  if (!fresh) return false;
  if (fresh.dataset.who !== form.dataset.who) throw Object.assign(new Error(), { told: words.other });
  form.elements.csrf.value = fresh.elements.csrf.value;
  return true;
}

async function page(reply) {
  return new DOMParser().parseFromString(await reply.text(), "text/html");
}

// The page that came takes this one's place where it has the form, filled in; else what it says stands above the words.
function show(form, fresh, words) {
  const main = fresh.querySelector("main");
  if (!main?.querySelector("form[data-keep]")) {
    const said = [...(main?.querySelectorAll("h1, p:not(.way)") ?? [])].map((one) => one.textContent.trim());
    tell(form, said.join(" ") || words.broken);
    return;
  }
  document.querySelector("main").replaceWith(main);
  const place = main.querySelector("[role=alert], #made");
  place?.setAttribute("tabindex", "-1");
  place?.focus();
}

function tell(form, text, link) {
  busy(form, false, "");
  const said = document.createElement("p");
  said.className = "wrong";
  said.setAttribute("role", "alert");
  said.append(text);
  if (link) {
    const way = Object.assign(document.createElement("a"), { href: "/login", target: "_blank", rel: "noopener" });
    way.textContent = link;
    said.append(" ", way);
  }
  form.querySelector(".told").replaceChildren(said);
}

function busy(form, yes, text) {
  form.querySelector("[role=status]").textContent = text;
  form.querySelector(".told").replaceChildren();
  form.querySelectorAll("button").forEach((one) => (one.disabled = yes));
}
