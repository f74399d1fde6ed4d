// A formula or a table wider than the screen scrolls inside itself: let the keyboard reach it.
const reach = () => {
  for (const box of document.querySelectorAll(".formula, .pst-scrollable-table-container, pre")) {
    if (box.scrollWidth > box.clientWidth + 1) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  }
};
addEventListener("load", reach);
addEventListener("resize", reach);

// On paper nothing can be unfolded.
addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll("details")) details.open = true;
});
