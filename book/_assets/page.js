// A formula or a table wider than the screen scrolls inside itself: let the keyboard reach it.
const reach = () => {
  for (const box of document.querySelectorAll(".formula, .pst-scrollable-table-container, pre")) {
    if (box.scrollWidth > box.clientWidth + 1) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  }
};
addEventListener("load", reach);
addEventListener("resize", reach);
document.addEventListener("toggle", reach, true);

// On paper nothing can be unfolded. Afterwards everything is folded again as it was.
let unfolded = [];
addEventListener("beforeprint", () => {
  unfolded = [...document.querySelectorAll("details:not([open])")];
  for (const details of unfolded) details.open = true;
});
addEventListener("afterprint", () => {
  for (const details of unfolded) details.open = false;
});
