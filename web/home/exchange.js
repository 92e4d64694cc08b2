// Carries out a request for a step, and shows it there: the curl line, the answer, and what to do about an error.

import { send } from "./api.js";
import { curl } from "./curl.js";
import * as problem from "./problem.js";
import { code, copyButton, element, find } from "./view.js";

// The answer, or null where it is an error, which is shown.
export async function exchange(step, request) {
  // A second click while the first is on its way would ask for everything twice.
  if (step.getAttribute("aria-busy") === "true") return null;
  step.setAttribute("aria-busy", "true");
  problem.clear(step);
  const result = await send(request);
  step.removeAttribute("aria-busy");
  show(step, request, result);
  if (result.ok) return result.answer;
  problem.show(step, result.answer);
  return null;
}

// The newest stands first and is the only one on the page that is not folded.
function show(step, request, { ok, status, answer, took }) {
  for (const earlier of document.querySelectorAll(".step .exchange[open]")) earlier.open = false;
  const summary = [
    element("span", { class: "method" }, request.method),
    element("span", { class: "path" }, request.path),
    element("span", { class: ok ? "status good" : "status bad" }, `${status || "no answer"}`),
    element("span", { class: "took" }, `${Math.round(took)} ms`),
  ];
  find(".exchanges", step).prepend(folded(summary, request.path, curl(request), JSON.stringify(answer, null, 2)));
}

// A request and, where there is one, its answer, which can be folded away.
export function folded(summary, name, request, answer) {
  const parts = [part("Request", name, request)];
  if (answer) parts.push(part("Answer", name, answer));
  return element("details", { class: "exchange", open: "" }, element("summary", {}, ...summary), ...parts);
}

function part(title, name, text) {
  const label = `${title}: ${name}`;
  const heading = element("div", { class: "part" }, element("h3", {}, title), copyButton(label, text));
  return element("div", {}, heading, code(label, text));
}
