// Reads a JSON line of pairs [tex, display], answers with a line of {html} or {error} for each.
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const katex = (await import(pathToFileURL(process.argv[2]).href)).default;

const typeset = ([tex, displayMode]) => {
  try {
    return { html: katex.renderToString(tex, { displayMode, strict: false }) };
  } catch (error) {
    return { error: error.message };
  }
};

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(JSON.stringify(JSON.parse(line).map(typeset)) + "\n");
}
