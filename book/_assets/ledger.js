// Filters the entries of the ledger by document, verdict, page, state and words.
// Without it the page shows all entries, and no controls.
{
  const form = document.getElementById("ledger-filter");
  const entries = [...document.querySelectorAll(".ledger-entry")];
  const fields = ["document", "verdict", "state", "page"];

  const labelled = (text, control) => {
    const label = document.createElement("label");
    label.append(text, control);
    return label;
  };

  for (const field of fields) {
    const select = document.createElement("select");
    select.name = field;
    select.add(new Option("all", ""));
    for (const value of new Set(entries.map((entry) => entry.dataset[field]))) {
      select.add(new Option(value, value));
    }
    form.append(labelled(field, select));
  }
  const words = document.createElement("input");
  Object.assign(words, { type: "search", name: "words", autocomplete: "off" });
  const shown = document.createElement("output");
  const all = document.createElement("button");
  Object.assign(all, { type: "reset", textContent: "Show all" });
  form.append(labelled("words", words), all, shown);

  const text = new Map(entries.map((entry) => [entry, entry.textContent.toLowerCase()]));

  const apply = () => {
    const chosen = Object.fromEntries(new FormData(form));
    const wanted = chosen.words.toLowerCase().split(/\s+/);
    let count = 0;
    for (const entry of entries) {
      const fits =
        fields.every((field) => !chosen[field] || chosen[field] === entry.dataset[field]) &&
        wanted.every((word) => text.get(entry).includes(word));
      entry.hidden = !fits;
      count += fits;
    }
    shown.textContent = `${count} of ${entries.length} claims shown`;
  };

  // A link to an entry that the filter hides shows everything again.
  const reveal = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target?.hidden) {
      form.reset();
      apply();
      target.scrollIntoView();
    }
  };

  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(apply));
  window.addEventListener("hashchange", reveal);

  // claims.html?verdict=wrong&document=S001 opens the page filtered.
  for (const [name, value] of new URLSearchParams(location.search)) {
    if (form.elements[name]) form.elements[name].value = value;
  }
  form.hidden = false;
  apply();
  reveal();
}
