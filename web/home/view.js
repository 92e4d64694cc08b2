// The few things that the page does with the DOM. Texts go in as text, never as HTML: there is nothing to inject into.

export function find(selector, root = document) {
  return root.querySelector(selector);
}

// element("p", { class: "note" }, "text", anotherElement)
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "onclick") made.addEventListener("click", value);
    else made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

// A button that copies a text, and says so to everybody.
export function copyButton(what, text) {
  const button = element("button", { type: "button", class: "small" }, "Copy", hidden(` ${what}`));
  button.addEventListener("click", async () => {
    const copied = await navigator.clipboard.writeText(text).then(() => true, () => false);
    announce(copied ? `Copied ${what}` : `The browser did not let the page copy ${what}`);
    button.firstChild.data = copied ? "Copied" : "Not copied";
    setTimeout(() => (button.firstChild.data = "Copy"), 1500);
  });
  return button;
}

// For screen readers alone.
export function hidden(text) {
  return element("span", { class: "hidden" }, text);
}

// A text in a box of its own. It can be reached by the keyboard, because it may scroll.
export function code(label, text) {
  return element("pre", { tabindex: "0", role: "group", "aria-label": label }, element("code", {}, text));
}

export function time(date) {
  return new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" }).format(date);
}

export function clock(date) {
  return new Intl.DateTimeFormat(undefined, { timeStyle: "medium" }).format(date);
}

// "in 15 minutes", "5 seconds ago"
export function relative(date, now = Date.now()) {
  const seconds = Math.round((date - now) / 1000);
  const [unit, length] = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]]
    .find(([, length]) => Math.abs(seconds) >= length) ?? ["second", 1];
  return new Intl.RelativeTimeFormat("en", { numeric: "auto" }).format(Math.round(seconds / length), unit);
}

// Enough to see what came just now, without a list that scrolls.
const SHOWN = 3;

// Puts rows on top of a list, and lets the oldest go.
export function prepend(list, ...rows) {
  list.prepend(...rows);
  while (list.children.length > SHOWN) list.lastElementChild.remove();
}

let announcer;

// Says something that is shown where a screen reader is not looking.
export function announce(text) {
  announcer ??= document.body.appendChild(element("div", { class: "hidden", role: "status" }));
  announcer.textContent = text;
}
