// "Try it": the experiment of a page, edited and run in place by JupyterLite's console, which
// stands beside the book. Nothing of it is loaded before the click.
{
  const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

  const hindrance = () => {
    if (!location.protocol.startsWith("http")) return "it needs the page from a server, not from disk.";
    if (typeof WebAssembly !== "object" || typeof Worker !== "function")
      return "this browser runs no WebAssembly. A recent Firefox, Chrome, Edge or Safari does.";
    return "";
  };

  // What a request brings, or in words why it brings nothing.
  const get = async (address, what, read, signal) => {
    let answer;
    try {
      answer = await fetch(address, { signal });
      if (answer.ok) return await answer[read]();
    } catch {
      throw new Error(`${what} could not be loaded. Is there still a connection?`);
    }
    throw new Error(`${what} could not be loaded (${answer.status}).`);
  };

  // The files come into the browser's store here, where one can see how far they are.
  const load = async (lite, say) => {
    const weights = Object.entries(await get(`${lite}weight.json`, "the list of its files", "json"));
    const all = weights.reduce((sum, [, bytes]) => sum + bytes, 0);
    const stop = new AbortController();
    let loaded = 0;
    const one = async ([name, bytes]) => {
      await get(lite + name, name, "arrayBuffer", stop.signal);
      if (stop.signal.aborted) return; // what has failed is said, and stays there
      loaded += bytes;
      say(`Loading Python: ${Math.round(loaded / 1e6)} of ${Math.ceil(all / 1e6)} MB …`);
    };
    await Promise.all(weights.map(one)).catch((error) => { stop.abort(); throw error; });
    await get(`${lite}repl/index.html`, "the editor", "text");
  };

  const open = async (lite, place) => {
    const dark = document.documentElement.dataset.theme === "dark";
    const frame = document.createElement("iframe");
    frame.title = "The code of the experiment, to change and to run";
    const how = {
      kernel: "python", showBanner: 0, clearCellsOnExecute: 1, clearCodeContentOnExecute: 0,
      promptCellPosition: "top", theme: dark ? "JupyterLab Dark" : "JupyterLab Light",
    };
    frame.src = `${lite}repl/index.html#${new URLSearchParams(how)}`;
    place.append(frame);
    const since = Date.now();
    const panelOf = () => {
      try {
        return frame.contentWindow?.jupyterapp?.shell?.currentWidget?.console;
      } catch { // the browser's own page stands there, in the place of the editor
        throw new Error("the editor could not be loaded. Is there still a connection?");
      }
    };
    while (Date.now() - since < 300_000) {
      const panel = panelOf();
      if (panel?.sessionContext?.kernelDisplayStatus === "idle" && panel.promptCell) return panel;
      await wait(100);
    }
    throw new Error("Python did not start. It needs a connection until then, and 1 GB of memory.");
  };

  const begin = async (place, say) => {
    const why = hindrance();
    if (why) throw new Error(why);
    const root = place.dataset.root, lite = new URL(`${root}lite/`, location).href;
    say("Loading Python …");
    await load(lite, say);
    const { before, code } = await get(root + place.dataset.code, "the experiment", "json");
    say("Starting Python …");
    const panel = await open(lite, place);
    say("Running what this code needs …");
    const request = { code: before, silent: true, store_history: false };
    const reply = await panel.sessionContext.session.kernel.requestExecute(request).done;
    if (reply.content.status === "error")
      throw new Error(`what stands above it fails: ${reply.content.ename}: ${reply.content.evalue}`);
    panel.promptCell.model.sharedModel.setSource(code);
    say("Running …");
    await panel.execute(true);
    say("Change the code, and run it with this button or with Shift + Enter."
      + " Nothing of it leaves your browser.");
    place.dataset.state = "ready";
    return panel;
  };

  for (const place of document.querySelectorAll(".try-it")) {
    const button = place.querySelector("button"), status = place.querySelector("[role=status]");
    const say = (words) => { status.textContent = words; };
    let panel;
    button.addEventListener("click", async () => {
      button.disabled = true;
      try {
        if (panel) await panel.execute(true); // a phone has no Shift + Enter
        else panel = await begin(place, say);
        button.textContent = "Run";
      } catch (error) {
        place.querySelector("iframe")?.remove();
        place.dataset.state = "failed";
        say(`The code cannot run here: ${error.message}`);
        panel = undefined;
        button.textContent = "Try it";
      }
      button.disabled = false;
    });
  }
}
