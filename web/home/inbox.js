// The development inbox: asks for the newest messages each second while somebody looks at the page.

import { send } from "./api.js";
import { memory, tell } from "./memory.js";
import { clock, copyButton, element, find, prepend } from "./view.js";

const EVERY = 1000;
let latest = [];
let seen = new Set();
let timer;

export function start() {
  document.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    if (!document.hidden) look();
  });
  look();
}

async function look() {
  const { ok, status, answer } = await send({ method: "GET", path: "/dev/inbox" });
  // Without an inbox here there never will be one. If the server is away it may come back.
  if (status === 404) return say("This server has no development inbox: it delivers elsewhere.");
  if (ok) show(answer.messages ?? []);
  if (!document.hidden) timer = setTimeout(look, EVERY);
}

function say(text) {
  const empty = find("#inbox .empty");
  empty.textContent = text;
  empty.hidden = false;
}

function identity({ kind, to, code, time }) {
  return [kind, to, code, time].join("|");
}

// New ones go on top, and only they are announced.
function show(messages) {
  const fresh = messages.filter((message) => !seen.has(identity(message)));
  seen = new Set(messages.map(identity));
  if (!fresh.length) return;
  find("#inbox .empty").hidden = true;
  prepend(find("#inbox .messages"), ...fresh.map(row));
  latest = messages;
  tell("mail");
}

// The newest code that was sent to the person since the page asked for one. Their address is known if they registered here.
export function newestCode() {
  // Times of the inbox may be cut to whole seconds.
  const since = memory.askedAt - 1000;
  const theirs = ({ to, code, time }) => code && (!memory.email || to === memory.email) && Date.parse(time) >= since;
  return latest.find(theirs)?.code ?? null;
}

// LOGIN_CODE: "Login code"
export function titleOf(kind) {
  const words = kind.toLowerCase().replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function row({ kind, to, code, time }) {
  const when = element("time", { datetime: time }, clock(Date.parse(time)));
  const head = element("p", { class: "message-head" }, element("strong", {}, titleOf(kind)), when);
  const body = [head, element("p", { class: "note" }, `to ${to}`)];
  if (code) body.push(element("p", { class: "message-code" }, element("span", { class: "digits" }, code), copyButton("the code", code)));
  return element("li", {}, ...body);
}
