// A term opens its definition by a click, a tap or a key: the browser does that. Here it finds its
// place beside the term, and opens under a pointer that rests on the term, too.
for (const button of document.querySelectorAll("button.term")) {
  const box = document.getElementById(button.getAttribute("popovertarget"));
  if (!box?.showPopover) continue;
  let later, resting = false;

  const place = () => {
    const at = button.getBoundingClientRect(), edge = 8;
    const below = at.bottom + box.offsetHeight + edge < innerHeight || at.top < box.offsetHeight + edge;
    Object.assign(box.style, { margin: 0, inset: "auto" });
    box.style.left = `${Math.max(edge, Math.min(at.left, innerWidth - box.offsetWidth - edge))}px`;
    box.style.top = `${below ? at.bottom + 4 : at.top - box.offsetHeight - 4}px`;
  };
  const mine = () => box.matches(":popover-open") && box.opener === button;
  const rest = () => {
    clearTimeout(later);
    if (!mine()) later = setTimeout(() => {
      box.opener = button;
      resting = true;
      if (!box.matches(":popover-open")) box.showPopover();
    }, 150);
  };
  const leave = () => {
    clearTimeout(later);
    later = setTimeout(() => { if (resting && mine()) box.hidePopover(); }, 250);
  };
  const byMouse = (act) => (event) => { if (event.pointerType === "mouse") act(); };

  button.addEventListener("pointerenter", byMouse(rest));
  button.addEventListener("pointerleave", byMouse(leave));
  box.addEventListener("pointerenter", byMouse(() => clearTimeout(later)));
  box.addEventListener("pointerleave", byMouse(leave));
  button.addEventListener("click", (event) => {
    clearTimeout(later); // or a pointer that has just come would count as resting after the click
    if (resting && mine()) event.preventDefault(); // it is open already, and now stays so
    box.opener = button;
    resting = false;
  });
  box.addEventListener("toggle", ({ newState }) => {
    if (box.opener !== button) return;
    if (newState === "open") place();
    else resting = false;
  });
  addEventListener("scroll", () => { if (mine()) place(); }, { passive: true });
}
