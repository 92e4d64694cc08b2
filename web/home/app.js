// A development helper: plays the authenticator app of somebody who has none at hand.

import { codeOf, secondsLeft, stepAt } from "./totp.js";
import { element } from "./view.js";

// The server takes codes that are one step early.
const EARLY = 1;

export function newApp(secret) {
  return { secret, usedStep: 0 };
}

// A code that was accepted is used up. One that was typed by hand is taken for the one of this moment.
export function markUsed(app, step = stepAt(Date.now())) {
  app.usedStep = Math.max(app.usedStep, step);
}

// Shows the app's code for as long as the place shows it; `use(code, step)` is called when it is taken.
export function showApp(place, app, use) {
  const shown = element("output", { class: "digits" });
  const left = element("span", { class: "note" });
  const button = element("button", { type: "button", class: "quiet" }, "Use this code");
  const title = element("p", { class: "helper-title" }, "Development helper: what the app would show");
  const row = element("div", { class: "helper-row" }, shown, button, left);
  place.replaceChildren(title, row);
  place.hidden = false;
  let current = { code: "", step: 0 };
  button.addEventListener("click", () => use(current.code, current.step));

  async function tick() {
    if (!shown.isConnected) return;
    const step = Math.max(stepAt(Date.now()), app.usedStep + 1);
    const wait = secondsUntil(step - EARLY);
    if (step !== current.step) current = { code: await codeOf(app.secret, step), step };
    shown.textContent = wait ? "··· ···" : `${current.code.slice(0, 3)} ${current.code.slice(3)}`;
    left.textContent = wait ? `the next one in ${wait} s: the ones before are used up` : `for ${secondsUntil(step + 1)} s`;
    button.disabled = wait > 0;
    setTimeout(tick, 500);
  }
  tick();
}

// 0 where the step has begun.
function secondsUntil(step) {
  const now = Date.now();
  const steps = step - stepAt(now);
  return steps > 0 ? secondsLeft(now) + (steps - 1) * 30 : 0;
}
