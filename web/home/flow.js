// The steps of the flow and the state of each: to do, open, done or skipped. The state is an attribute of the step, which
// the style sheet turns into what is shown, so that there is one truth about it.

import { tell } from "./memory.js";
import { find } from "./view.js";

// What a screen reader says of a state; all others see it at the mark.
const SPOKEN = { todo: "not yet", open: "now", done: "done", skipped: "not needed" };

export function step(name) {
  return find(`#${name}`);
}

function set(name, state) {
  const here = step(name);
  here.dataset.state = state;
  find(".state", here).textContent = SPOKEN[state];
  if (state === "open") here.setAttribute("aria-current", "step");
  else here.removeAttribute("aria-current");
}

// Opens a step without going there.
export function open(name) {
  set(name, "open");
  say(name, "");
  tell("opened", name);
}

// Opens a step and moves the focus to its heading: a screen reader says it, and the next Tab is the first field.
export function goTo(name) {
  open(name);
  const heading = find("h2", step(name));
  heading.focus({ preventScroll: true });
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  step(name).scrollIntoView({ block: "start", behavior: still ? "auto" : "smooth" });
}

export function finish(name, outcome) {
  set(name, "done");
  say(name, outcome);
}

export function skip(name, why) {
  set(name, "skipped");
  say(name, why);
}

// Back to the beginning, with nothing left of what it showed.
export function reset(...names) {
  for (const name of names) {
    set(name, "todo");
    say(name, "");
    find(".problem", step(name)).hidden = true;
    find(".exchanges", step(name)).replaceChildren();
  }
}

// What came of a step, in a line that screen readers say.
export function say(name, outcome) {
  find(".outcome", step(name)).textContent = outcome;
}

export function start() {
  for (const here of document.querySelectorAll(".step")) {
    set(here.id, here.dataset.state);
    find(".again", here)?.addEventListener("click", () => goTo(here.id));
  }
}
