// What the page can do beside being read: one tab at a time, filters and search, entries that open and close, sorting,
// dimmed pictures, and the family of a name in the lineage.
(function () {
  "use strict";
  const one = (path, from) => (from || document).querySelector(path);
  const all = (path, from) => Array.from((from || document).querySelectorAll(path));
  const search = one("#search"), count = one("#count"), ask = one("#ask");
  const sections = all("main > section"), tabs = all("nav a");
  const rows = {}, said = new Map();
  let current = "", opener = null;

  // --- tabs and entries: the address says what is shown -------------------------------------------------------------
  function show(id) {
    current = id;
    sections.forEach((section) => { section.hidden = section.dataset.tab !== id; });
    tabs.forEach((tab) => {
      if (tab.hash === "#" + id) tab.setAttribute("aria-current", "page"); else tab.removeAttribute("aria-current");
    });
    const section = tab(id);
    ask.hidden = !(section.dataset.kind || id === "tab-timeline" || id === "tab-lineage");
    update();
  }
  function tab(id) { return sections.find((section) => section.dataset.tab === id); }
  function follow() {
    const id = decodeURIComponent(location.hash.slice(1)), entry = id && document.getElementById(id);
    if (tab(id)) { show(id); scrollTo({top: 0, behavior: "instant"}); }
    if (entry && entry.matches(".entry")) entry.focus({preventScroll: true});
  }
  function close() {
    location.hash = "closed"; // the style shows the entry that the address names
    history.replaceState(null, "", "#" + current);
    if (opener && opener.isConnected) opener.focus({preventScroll: true});
  }
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a");
    if (!link) return;
    if (link.matches(".close")) { event.preventDefault(); close(); return; }
    const cell = link.closest("[data-care]");
    if (cell) { event.preventDefault(); counted(cell, link.getAttribute("href").slice(1)); return; }
    if (!link.closest(".entry")) opener = link;
  });
  addEventListener("keydown", (event) => { if (event.key === "Escape" && one(".entry:target")) close(); });
  addEventListener("hashchange", follow);

  // --- filters ------------------------------------------------------------------------------------------------------
  function fits(facets, choice, firm) { // true, false, or null where nobody knows
    const found = facets[choice.name];
    if (!found || (firm && !found[1])) return null;
    return found[0].some((value) => choice.how === "most" ? value <= Number(choice.value)
      : choice.how === "since" ? value.slice(0, 4) >= choice.value : value === choice.value);
  }
  function choices(form) {
    return all("select", form).map((select) => (
      {name: select.dataset.filter, how: select.dataset.how, value: select.value, select: select}));
  }
  function words() { return search.value.toLowerCase().split(/\s+/).filter(Boolean); }
  function says(row, wanted) {
    if (!wanted.length) return true;
    if (!said.has(row)) {
      const article = row.dataset.entry && document.getElementById(row.dataset.entry);
      said.set(row, ((article || row.parentNode.firstElementChild).textContent + " " + row.textContent).toLowerCase());
    }
    return wanted.every((word) => said.get(row).includes(word));
  }
  function narrow(kind) { // returns how many rows fit, and how many nobody can tell of
    const form = one('form[data-kind="' + kind + '"]'), chosen = choices(form), wanted = words();
    const firm = one("[data-firm]", form).checked, counts = chosen.map(() => new Map());
    let fit = 0, unknown = 0;
    rows[kind].forEach((row) => {
      const spoken = says(row.element, wanted);
      const verdicts = chosen.map((choice) => !choice.value || fits(row.facets, choice, firm));
      const wrong = verdicts.filter((verdict) => verdict !== true);
      const good = spoken && !wrong.length;
      row.element.hidden = !good;
      fit += good;
      unknown += spoken && wrong.length > 0 && wrong.every((verdict) => verdict === null);
      chosen.forEach((choice, number) => { // what would fit if this one were chosen anew
        const others = wrong.length - (verdicts[number] !== true) === 0;
        const found = row.facets[choice.name];
        if (spoken && others && found && (!firm || found[1]) && choice.how === "same") {
          found[0].forEach((value) => counts[number].set(value, (counts[number].get(value) || 0) + 1));
        }
      });
    });
    chosen.forEach((choice, number) => {
      choice.select.classList.toggle("set", choice.value !== "");
      if (choice.how !== "same") return;
      all("option", choice.select).slice(1).forEach((option) => {
        option.dataset.title = option.dataset.title || option.textContent;
        const many = counts[number].get(option.value) || 0;
        option.textContent = option.dataset.title + " (" + many + ")";
        option.disabled = many === 0 && !option.selected;
      });
    });
    return [fit, unknown];
  }
  function update() {
    const section = tab(current), picture = current === "tab-timeline" || current === "tab-lineage";
    const kind = section.dataset.kind || (picture ? "models" : "");
    if (!kind) return;
    const [fit, unknown] = narrow(kind), total = rows[kind].length;
    const more = unknown ? "; of " + unknown + " more nobody can tell, for want of evidence" : "";
    count.textContent = fit + " of " + total + (picture ? " models" : "") + (fit < total ? more : "");
    const nothing = one(".nothing", section);
    if (nothing) nothing.hidden = fit > 0;
    all("tbody", section).forEach((body) => {
      if (one(".group", body)) body.hidden = !all("tr[data-facets]", body).some((row) => !row.hidden);
    });
    if (kind === "models") dim(fit < total);
  }
  function dim(some) {
    const bright = new Set(rows.models.filter((row) => !row.element.hidden).map((row) => row.element.dataset.entry));
    all(".timeline [data-entry], .lineage [data-entry]").forEach((node) => {
      node.classList.toggle("dim", some && !bright.has(node.dataset.entry));
    });
    all(".lineage .edge").forEach((edge) => {
      edge.classList.toggle("dim", some && !(bright.has(edge.dataset.from) && bright.has(edge.dataset.to)));
    });
  }
  function counted(cell, id) { // from the gap map to the table of what was counted there
    const form = one('form[data-kind="' + id.slice(4) + '"]');
    form.reset();
    search.value = "";
    ["tasks", "stakeholders", "care"].forEach((name) => {
      const select = one('[data-filter="' + name + '"]', form);
      if (select) select.value = cell.dataset[name];
    });
    location.hash = id;
  }

  // --- sorting ------------------------------------------------------------------------------------------------------
  function sortable(head) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const rising = head.getAttribute("aria-sort") !== "ascending", place = head.cellIndex;
      all("th", head.parentNode).forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", rising ? "ascending" : "descending");
      const body = head.closest("table").tBodies[0];
      const value = (row) => row.cells[place].dataset.sort || row.cells[place].textContent.trim().toLowerCase();
      const sorted = all("tr", body).map((row) => [value(row), row]);
      sorted.sort(([a], [b]) => (a === "") - (b === "") || (rising ? 1 : -1) * (a < b ? -1 : a > b ? 1 : 0));
      sorted.forEach(([, row]) => body.append(row));
    });
  }

  // --- the lineage: where a name comes from, and what came of it ---------------------------------------------------
  function trace(node) {
    const picture = one(".lineage"), edges = all(".edge", picture), lit = new Set([node.dataset.entry]);
    [["from", "to"], ["to", "from"]].forEach(([near, far]) => {
      const todo = [node.dataset.entry], seen = new Set(todo);
      while (todo.length) {
        const name = todo.pop();
        edges.filter((edge) => edge.dataset[near] === name).forEach((edge) => {
          edge.classList.add("lit");
          lit.add(edge.dataset[far]);
          if (!seen.has(edge.dataset[far])) { seen.add(edge.dataset[far]); todo.push(edge.dataset[far]); }
        });
      }
    });
    all(".node", picture).forEach((other) => other.classList.toggle("lit", lit.has(other.dataset.entry)));
    picture.classList.add("tracing");
  }
  function untrace() {
    one(".lineage").classList.remove("tracing");
    all(".lineage .lit").forEach((part) => part.classList.remove("lit"));
  }

  // --- begin --------------------------------------------------------------------------------------------------------
  sections.forEach((section) => { // without an id there is nothing that the browser would scroll to
    section.dataset.tab = section.id;
    section.removeAttribute("id");
  });
  all("form.filters").forEach((form) => {
    const kind = form.dataset.kind, section = tab("tab-" + kind);
    rows[kind] = all("tr[data-facets]", section).map((row) => ({element: row, facets: JSON.parse(row.dataset.facets)}));
    form.hidden = false;
    form.addEventListener("change", update);
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("reset", () => { search.value = ""; setTimeout(update); });
  });
  search.addEventListener("input", update);
  all(".entries .sorts").forEach(sortable);
  all(".choose").forEach((choose) => { choose.hidden = false; });
  all('[name="by"]').forEach((radio) => radio.addEventListener("change", () => {
    const picture = one(".timeline");
    picture.classList.toggle("by-paradigm", radio.value === "paradigm");
    picture.classList.toggle("by-survey", radio.value === "survey");
  }));
  all(".lineage .node").forEach((node) => {
    ["mouseenter", "focus"].forEach((name) => node.addEventListener(name, () => { untrace(); trace(node); }));
    ["mouseleave", "blur"].forEach((name) => node.addEventListener(name, untrace));
  });
  const button = one("#theme"), root = document.documentElement;
  let dark = matchMedia("(prefers-color-scheme: dark)").matches;
  function named() { button.textContent = dark ? "Light" : "Dark"; }
  button.hidden = false;
  named();
  button.addEventListener("click", () => { dark = !dark; root.dataset.theme = dark ? "dark" : "light"; named(); });
  document.documentElement.classList.add("scripted");
  show("tab-models");
  follow();
})();
