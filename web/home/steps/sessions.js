// Step 5: lists the user's sessions, and ends another one.

import { exchange } from "../exchange.js";
import { finish, step } from "../flow.js";
import { memory, when } from "../memory.js";
import { element, find, hidden, relative } from "../view.js";

export function start() {
  const here = step("sessions");
  find("[data-do=list]", here).addEventListener("click", () => list(here));
  when("checked", () => list(here));
}

async function list(here) {
  const token = memory.tokens.accessToken;
  const answer = await exchange(here, { method: "GET", path: "/v1/me/sessions", token });
  if (!answer) return;
  const sessions = answer.sessions ?? [];
  find(".list", here).replaceChildren(element("ul", { class: "sessions" }, ...sessions.map((session) => row(here, session))));
  finish("sessions", sessions.length === 1 ? "One session: this one." : `${sessions.length} sessions.`);
}

function row(here, { id, deviceName, address, createTime, expireTime, current }) {
  const name = element("p", {}, element("strong", {}, deviceName || "A device without a name"));
  if (current) name.append(element("span", { class: "tag" }, "this one"));
  const [began, ends] = [createTime, expireTime].map((time) => relative(Date.parse(time)));
  const since = `from ${address || "an unknown address"}, began ${began}, ends ${ends}`;
  const text = element("div", {}, name, element("p", { class: "note" }, since), element("p", { class: "id" }, id));
  const end = element("button", { type: "button", class: "quiet", onclick: () => revoke(here, id) }, "End", hidden(` session ${id}`));
  return element("li", {}, text, ...(current ? [] : [end]));
}

async function revoke(here, id) {
  const token = memory.tokens.accessToken;
  const answer = await exchange(here, { method: "DELETE", path: `/v1/me/sessions/${encodeURIComponent(id)}`, token });
  // The button that had the focus goes with its session.
  if (answer) await list(here).then(() => find("h2", here).focus());
}
