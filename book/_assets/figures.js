// A figure can be taken along: copied with its caption, or saved as SVG or PNG, as it was drawn.
{
  const SCALE = 3, LINE = 22, PAD = 12;

  const words = (element) => {
    const copy = element.cloneNode(true);
    for (const formula of copy.querySelectorAll(".katex")) {
      formula.replaceWith(formula.querySelector("annotation").textContent);
    }
    copy.querySelectorAll("a.headerlink").forEach((link) => link.remove());
    return copy.textContent.trim().replace(/\s+/g, " ");
  };

  // The drawing alone: with the outlines of its letters, its size, and what it shows in words.
  const standalone = (svg, said) => {
    const copy = svg.cloneNode(true), [, , width, height] = svg.getAttribute("viewBox").split(" ");
    copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
    copy.setAttribute("width", (width * 100) / 72);
    copy.setAttribute("height", (height * 100) / 72);
    copy.setAttribute("style", "stroke-linejoin:round;stroke-linecap:butt");
    const used = [...new Set([...copy.querySelectorAll("use")].map((use) =>
      use.getAttribute("href") ?? use.getAttributeNS("http://www.w3.org/1999/xlink", "href")))];
    const missing = used.filter((name) => !copy.querySelector(name))
      .map((name) => document.querySelector(`.glyphs ${name}`).outerHTML);
    copy.insertAdjacentHTML("afterbegin", `<title></title><desc></desc><defs>${missing.join("")}</defs>`);
    copy.querySelector("title").textContent = svg.getAttribute("aria-label");
    copy.querySelector("desc").textContent = said;
    return new XMLSerializer().serializeToString(copy);
  };

  // On white, because ink is dark; below it the caption, if there is one.
  const painted = async (svg, said) => {
    const image = new Image();
    image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(standalone(svg, said))}`;
    await image.decode();
    const canvas = document.createElement("canvas"), pen = canvas.getContext("2d");
    const font = "16px system-ui, sans-serif", lines = [];
    pen.font = font;
    for (const word of said ? said.split(" ") : []) {
      const longer = lines.length ? `${lines.at(-1)} ${word}` : word;
      if (lines.length && pen.measureText(longer).width <= image.width - 2 * PAD) lines[lines.length - 1] = longer;
      else lines.push(word);
    }
    canvas.width = SCALE * image.width;
    canvas.height = SCALE * (image.height + (lines.length ? lines.length * LINE + PAD : 0));
    pen.scale(SCALE, SCALE);
    pen.fillStyle = "#fff";
    pen.fillRect(0, 0, canvas.width, canvas.height);
    pen.drawImage(image, 0, 0);
    pen.fillStyle = "#22262b";
    pen.font = font;
    lines.forEach((line, i) => pen.fillText(line, PAD, image.height + (i + 0.75) * LINE));
    return new Promise((done) => canvas.toBlob(done, "image/png"));
  };

  const save = (blob, name) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    return `Saved as ${name}.`;
  };

  let count = 0;
  for (const figure of document.querySelectorAll("figure:has(.vector), .slider, .cell_output > .vector")) {
    const name = figure.id || `${document.location.pathname.split("/").at(-1).replace(/\.html$/, "")}-${++count}`;
    const now = () => {
      const svg = [...figure.querySelectorAll(".vector > svg, .frames svg")].find((e) => e.checkVisibility());
      const caption = figure.querySelector("figcaption"), control = figure.querySelector(".control");
      const said = caption ? words(caption) : control
        ? `${control.querySelector("label").textContent}: ${control.querySelector("output").textContent}` : "";
      return { svg, said };
    };
    const ways = {
      "copy figure": async ({ svg, said }) => {
        const blob = painted(svg, said);
        try {
          const text = new Blob([said || svg.getAttribute("aria-label")], { type: "text/plain" });
          await navigator.clipboard.write([new ClipboardItem({ "image/png": blob, "text/plain": text })]);
          return said ? "Copied, with its caption." : "Copied.";
        } catch {
          return `This browser does not let a page copy pictures. ${save(await blob, `${name}.png`)}`;
        }
      },
      SVG: ({ svg, said }) => save(new Blob([standalone(svg, said)], { type: "image/svg+xml" }), `${name}.svg`),
      PNG: async ({ svg, said }) => save(await painted(svg, said), `${name}.png`),
    };
    const bar = document.createElement("div");
    bar.className = "take";
    const told = document.createElement("output");
    told.setAttribute("aria-live", "polite");
    for (const [way, act] of Object.entries(ways)) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = way;
      if (way !== "copy figure") button.setAttribute("aria-label", `save this figure as ${way}`);
      button.addEventListener("click", async () => { told.textContent = await act(now()); });
      bar.append(button);
    }
    bar.append(told);
    figure.append(bar);
  }
}
