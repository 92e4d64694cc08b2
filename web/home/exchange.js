// Carries out a request for a step, and shows it there: the curl line, the answer, and what to do about an error.

import { send } from "./api.js";
import { curl } from "./curl.js";
import * as problem from "./problem.js";
import { code, copyButton, element, find } from "./view.js";

// The answer, or null where it is an error, which is shown with what to do: `advice` by its reason, where the step knows better.
export async function exchange(step, request, advice) {
  // A second click while the first is on its way would ask for everything twice.
  if (step.getAttribute("aria-busy") === "true") return null;
  step.setAttribute("aria-busy", "true");
  problem.clear(step);
  const result = await send(request);
  step.removeAttribute("aria-busy");
  for (const earlier of document.querySelectorAll(".step .exchange[open]")) earlier.open = false;
  record(step, request, result).open = true;
  if (result.ok) return result.answer;
  problem.show(step, result.answer, advice);
  return null;
}

// Shows a request that was carried out. The newest stands first; the only one that is not folded is the last that somebody asked for.
export function record(step, request, { ok, status, answer, took }) {
  const summary = [
    element("span", { class: "method" }, request.method),
    element("span", { class: "path" }, request.path),
    element("span", { class: ok ? "status good" : "status bad" }, `${status || "no answer"}`),
    element("span", { class: "took" }, `${Math.round(took)} ms`),
  ];
  const shown = folded(summary, request.path, curl(request), JSON.stringify(answer, null, 2));
  find(".exchanges", step).prepend(shown);
  return shown;
}

// A request and, where there is one, its answer, which can be folded away.
export function folded(summary, name, request, answer) {
  const parts = [part("Request", name, request)];
  if (answer) parts.push(part("Answer", name, answer));
  return element("details", { class: "exchange" }, element("summary", {}, ...summary), ...parts);
}

function part(title, name, text) {
  const label = `${title}: ${name}`;
  const heading = element("div", { class: "part" }, element("h3", {}, title), copyButton(label, text));
  return element("div", {}, heading, code(label, text));
}
