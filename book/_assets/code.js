// How much code the page shows: some, where it is the lesson; all; or none. It is remembered.
{
  const root = document.documentElement;
  const folds = [...document.querySelectorAll("details.code")];
  const control = document.querySelector(".code-switch");
  const article = document.querySelector("article");
  const buttonsOf = (fold) => document.querySelectorAll(`[aria-controls="${fold.id}"]`);

  // What the reader looks at stays where it is, while code comes and goes above it.
  const inPlace = (change, seen) => {
    seen ??= [...article.querySelectorAll("p, h2, h3, li, figure, .slider")].find(
      (e) => e.getClientRects().length && e.getBoundingClientRect().top >= 0,
    );
    const before = seen?.getBoundingClientRect().top;
    change();
    if (seen && scrollY > 0) scrollBy({ top: seen.getBoundingClientRect().top - before, behavior: "instant" });
  };

  const note = (fold) => {
    for (const button of buttonsOf(fold)) button.setAttribute("aria-expanded", fold.open);
  };
  const apply = (choice) => {
    root.dataset.code = choice;
    for (const fold of folds) {
      fold.open = choice === "all" || (choice === "some" && fold.classList.contains("lesson"));
      note(fold);
    }
    root.dataset.folded = ""; // from here on the folds themselves say what is open
  };

  apply(root.dataset.code);
  for (const input of control.querySelectorAll("input")) input.checked = input.value === root.dataset.code;
  control.addEventListener("change", ({ target }) => {
    localStorage.setItem("code", target.value);
    inPlace(() => apply(target.value));
    const open = folds.filter((fold) => fold.open).length;
    control.querySelector("output").textContent = `${open} of ${folds.length} cells show their code.`;
  });
  for (const fold of folds) {
    fold.addEventListener("toggle", () => note(fold));
    for (const button of buttonsOf(fold)) {
      button.addEventListener("click", () => {
        inPlace(() => { fold.open = !fold.open; }, button);
        note(fold);
      });
    }
  }
}
