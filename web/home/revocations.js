// Follows the revocations as a service would, and shows them as they arrive.

import { stream } from "./connect.js";
import { streamingCurl } from "./curl.js";
import { folded } from "./exchange.js";
import { memory, tell } from "./memory.js";
import { clock, element, find, prepend } from "./view.js";

const PATH = "/auth.v1.TokenService/WatchRevocations";
const PAUSE = 2000;
let cursor = "";
// The ones before the first heartbeat are from before the page was opened.
let replayed = 0;
let live = false;

export async function start() {
  const summary = [element("span", { class: "method" }, "POST"), element("span", { class: "path" }, "WatchRevocations")];
  find("#revocations .exchanges").append(folded(summary, PATH, streamingCurl(PATH, "{}")));
  // A server ends its streams now and then, and goes away when it is started anew: go on after the last cursor.
  for (;;) {
    await follow().catch((error) => connection("lost", `Not connected: ${error.message}. Trying again …`));
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
  }
}

async function follow() {
  for await (const message of stream(PATH, cursor ? { cursor } : {})) {
    cursor = message.cursor ?? cursor;
    if (!message.revocation) heartbeat();
    else if (live) arrived(message.revocation);
    else replayed += 1;
  }
}

function heartbeat() {
  live = true;
  connection("live", `Connected, ${replayed} replayed. Each new one appears here within a second.`);
}

// The text is set only when it changes: a screen reader would say it with every heartbeat.
function connection(state, text) {
  const link = find("#revocations .link");
  link.dataset.state = state;
  if (link.textContent !== text) link.textContent = text;
}

function arrived(revocation) {
  const sid = memory.tokens?.sessionId;
  const ours = Boolean(sid) && revocation.sessionId === sid;
  const head = element("p", { class: "message-head" }, element("strong", {}, titleOf(revocation)), clock(Date.now()));
  const body = [head, element("p", { class: "id" }, idOf(revocation))];
  if (ours) body.push(element("p", { class: "note" }, "That is your session."));
  prepend(find("#revocations .messages"), element("li", ours ? { class: "ours" } : {}, ...body));
  tell("revoked", revocation);
}

function titleOf({ sessionId, userId, keyId, serviceAccountId }) {
  if (sessionId) return "A session ended";
  if (userId) return "All sessions of a user ended";
  if (keyId) return "A key was withdrawn";
  return serviceAccountId ? "Tokens of a service ended" : "A token of a service ended";
}

function idOf({ sessionId, userId, keyId, serviceAccountId, tokenId }) {
  return sessionId ?? userId ?? keyId ?? serviceAccountId ?? tokenId ?? "";
}
