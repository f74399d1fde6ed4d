// The laboratory: what one combination of the stored grid reaches, and what the theory says of it.
// Without scripts the page shows a table, and all that the theory says (see laboratory.css).
{
  const box = document.getElementById("laboratory");
  const grid = JSON.parse(box.querySelector("script[type='application/json']").textContent);
  const form = box.querySelector(".choice");
  const bars = box.querySelector(".bars");
  const summary = box.querySelector(".summary");
  const sayings = [...box.querySelectorAll(".saying")];
  const axes = ["loss", "model", "method", "noise"];
  const NOISES = { none: "none, all samples", "one sample": "one sample a step",
    labels: "one sample, and on the labels", weights: "on the weights" };

  const rows = new Map(grid.rows.map((row) => [row[0].join("|"), row]));

  const control = (name, label) => {
    const wrapper = document.createElement("label");
    const select = document.createElement("select");
    select.name = name;
    wrapper.append(label, select);
    form.append(wrapper);
    return select;
  };
  const selects = Object.fromEntries(
    [["data", "data"], ["loss", "loss"], ["model", "model"], ["method", "method"],
      ["start", "start"], ["noise", "noise"]].map(([name, label]) => [name, control(name, label)]),
  );

  for (const [family, names] of Object.entries(grid.data)) {
    const group = document.createElement("optgroup");
    group.label = family;
    names.forEach((name, index) => group.append(new Option(name, `${family}|${index}`)));
    selects.data.append(group);
  }
  grid.starts.forEach((name, index) => selects.start.add(new Option(name, index)));

  // The values that the rows of this family offer, one control after the other.
  const offer = () => {
    const family = selects.data.value.split("|")[0];
    let left = grid.rows.filter((row) => row[0][0] === family);
    axes.forEach((name, index) => {
      const select = selects[name];
      const values = [...new Set(left.map((row) => row[0][index + 1]))];
      const kept = values.includes(select.value) ? select.value : values[0];
      select.replaceChildren(
        ...values.map((value) => new Option(name === "noise" ? NOISES[value] : value, value)),
      );
      select.value = kept;
      left = left.filter((row) => row[0][index + 1] === kept);
    });
  };

  const percent = (share) => (share === null ? "not a number" : `${Math.round(100 * share)} %`);

  const show = () => {
    const [family, data] = selects.data.value.split("|");
    const start = Number(selects.start.value);
    const place = [family, ...axes.map((name) => selects[name].value)];
    const row = rows.get(place.join("|"));
    const refused = typeof row[1] === "string";
    const kind = place[1] === "squared" ? "norm" : "margin";
    const names = grid.norms[family];
    const shares = names.map((_, k) => (refused ? null : row[1][k][start][data]));
    const largest = Math.max(...shares.filter((share) => share !== null));
    bars.replaceChildren(
      ...names.map((name, k) => {
        const item = document.createElement("li");
        const share = shares[k];
        item.classList.toggle("largest", share !== null && share === largest);
        const part = (className, text) => {
          const span = document.createElement("span");
          span.className = className;
          span.textContent = text;
          return span;
        };
        const track = part("track", "");
        const filled = document.createElement("span");
        filled.style.setProperty("--share", Math.min(1, Math.max(0, share ?? 0)));
        track.append(filled);
        item.append(part("name", `${name} ${kind}`), track,
          part("value", share === null ? "–" : share.toFixed(2)));
        return item;
      }),
    );
    const number = refused ? -1 : row[4][start][data];
    sayings.forEach((saying, index) => saying.classList.toggle("shown", index === number));
    summary.textContent = refused
      ? `Undefined: ${row[1]}.`
      : told(row, names, shares, largest, kind, start, data, number);
  };

  const told = (row, names, shares, largest, kind, start, data, number) => {
    const risk = row[2][start][data];
    if (risk === null) return "From this start the iterates grew out of bounds.";
    const reached = shares.every((share) => share === null)
      ? "The run does not fit the data, so that its norms mean nothing."
      : `Of the ${kind === "margin" ? "largest margins" : "least norms"} it reaches most of the ` +
        `${names[shares.indexOf(largest)]} one: ${percent(largest)}.`;
    const predicted = row[3][start][data];
    const theory = number < 0 ? "What is selected here is not known: no entry of the atlas covers it."
      : predicted === null ? "The theory names no optimum to compare with."
        : `Of what the theory predicts it reaches ${percent(predicted)}.`;
    return `${reached} Log risk ${String(risk).replace(/^-/, "\u2212")}. ${theory}`;
  };

  form.addEventListener("input", () => { offer(); show(); });
  form.addEventListener("submit", (event) => event.preventDefault());

  // laboratory.html?method=Adam&noise=labels opens the page with these.
  const asked = new URLSearchParams(location.search);
  const set = (name) => {
    const value = asked.get(name);
    if (value !== null && [...selects[name].options].some((option) => option.value === value)) {
      selects[name].value = value;
    }
  };
  set("data");
  offer();
  for (const name of [...axes, "start"]) {
    set(name);
    offer();
  }
  show();
}
