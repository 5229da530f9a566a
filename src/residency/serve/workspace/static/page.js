// What every page may have: a form that says it is at work (data-working), a question before a step that cannot be
// undone (data-sure, of the form or of the button pressed), and one before what is typed is lost (data-lose). Without a
// script these forms work all the same.

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

// A change of language empties forms: it is asked first where something was typed. The page that asks takes it along.
document.querySelector("#language[data-lose]")?.addEventListener("submit", (event) => {
  if (document.querySelector("form#ask")) return;
  const fields = [...document.querySelectorAll("main form :is(textarea, input, select)")];
  if (fields.some(typed) && !window.confirm(event.currentTarget.dataset.lose)) event.preventDefault();
});

// In a form whose words are kept (data-keep) those that came back with the page are the reader's own, too.
function typed(field) {
  if (field.type === "file") return field.files.length > 0;
  if (!["textarea", "text", "number"].includes(field.type) || !field.value.trim()) return false;
  return field.value !== field.defaultValue || "keep" in (field.form?.dataset ?? {});
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
