// What every page may have: a form that says it is at work (data-working), and a question before a step that cannot be
// undone (data-sure, of the form or of the button pressed). Without a script both forms work all the same.

for (const form of document.querySelectorAll("form")) {
  form.addEventListener("submit", (event) => {
    const sure = event.submitter?.dataset.sure || form.dataset.sure;
    if (sure && !window.confirm(sure)) event.preventDefault();
  });
}

for (const form of document.querySelectorAll("form[data-working]")) {
  form.addEventListener("submit", (event) => {
    if (event.defaultPrevented) return;
    const status = form.querySelector("[role=status]");
    if (status) status.textContent = form.dataset.working;
    // Only after the form is read: a disabled button's value is not sent.
    setTimeout(() => form.querySelectorAll("button").forEach((one) => (one.disabled = true)), 0);
  });
}

// A mark on the page that leads to a folded part opens it.
function opened() {
  const part = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (part?.tagName === "DETAILS") part.open = true;
}
window.addEventListener("hashchange", opened);
opened();

// Back from the cache of pages: the buttons are to be used again.
window.addEventListener("pageshow", () => {
  document.querySelectorAll("form[data-working] button").forEach((one) => (one.disabled = false));
});
