// Show the frame that the slider points at, and say its value.
for (const input of document.querySelectorAll(".slider input")) {
  const slider = input.closest(".slider");
  const frames = slider.querySelector(".frames").children;
  const texts = JSON.parse(input.dataset.texts);
  const show = () => {
    for (let i = 0; i < frames.length; i++) frames[i].hidden = i !== input.valueAsNumber;
    const text = texts[input.valueAsNumber];
    slider.querySelector("output").textContent = text;
    input.setAttribute("aria-valuetext", text);
  };
  input.addEventListener("input", show);
  show();
}
