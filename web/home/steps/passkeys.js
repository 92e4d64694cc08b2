// Step 7: adds passkeys, which log in without a password, and lists, renames and deletes them.

import { send } from "../api.js";
import { exchange, record } from "../exchange.js";
import { finish, say, step } from "../flow.js";
import { memory, when } from "../memory.js";
import { areOn, create } from "../passkeys.js";
import { element, find, hidden, relative } from "../view.js";

const LIST = { method: "GET", path: "/v1/me/passkeys" };

export function start() {
  const here = step("passkeys");
  const form = find("form", here);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    await add(here, form.elements);
  });
  when("logged-in", () => {
    form.elements.password.value = memory.password;
    if (areOn()) look(here);
  });
}

// What is there, without being asked for.
async function look(here) {
  const request = { ...LIST, token: memory.tokens.accessToken };
  const result = await send(request);
  if (!result.ok) return;
  record(here, request, result);
  show(here, result.answer);
  say("passkeys", counted(result.answer));
}

async function list(here) {
  const answer = await exchange(here, { ...LIST, token: memory.tokens.accessToken });
  if (answer) show(here, answer);
  return answer;
}

function counted({ passkeys = [] }) {
  if (!passkeys.length) return "No passkeys yet.";
  return passkeys.length === 1 ? "One passkey." : `${passkeys.length} passkeys.`;
}

async function add(here, { name, password }) {
  const token = memory.tokens.accessToken;
  const begun = await exchange(here, { method: "POST", path: "/v1/me/passkeys:begin", body: { password: password.value }, token });
  if (!begun) return;
  const credentialJson = await create(here, begun.creationOptionsJson);
  if (!credentialJson) return;
  const body = { credentialJson, name: name.value };
  const made = await exchange(here, { method: "POST", path: "/v1/me/passkeys:finish", body, token });
  if (!made || !(await list(here))) return;
  finish("passkeys", `“${made.passkey.name}” is added. It logs in without the password from now on.`);
}

function show(here, { passkeys = [] }) {
  find(".list", here).replaceChildren(element("ul", { class: "passkeys" }, ...passkeys.map((passkey) => row(here, passkey))));
}

function row(here, { id, name, createTime, lastUsedTime, backupEligible, backedUp }) {
  const field = element("input", { name: "name", value: name, autocomplete: "off", maxlength: "128" });
  const label = element("label", {}, hidden(`Name of the passkey ${name}`), field);
  const times = [`added ${ago(createTime)}`, lastUsedTime ? `used ${ago(lastUsedTime)}` : "never used"];
  const where = backedUp ? "synced to other devices" : backupEligible ? "can be synced" : "of one device";
  const note = element("p", { class: "note" }, [...times, where].join(", "));
  const save = element("button", { type: "submit", class: "quiet" }, "Rename", hidden(` ${name}`));
  const onclick = () => erase(here, { id, name });
  const remove = element("button", { type: "button", class: "quiet", onclick }, "Delete", hidden(` ${name}`));
  const form = element("form", { method: "post", novalidate: "" }, label, save, remove, note);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    await rename(here, id, field.value);
  });
  return element("li", {}, form);
}

function ago(time) {
  return relative(Date.parse(time));
}

async function rename(here, id, name) {
  const path = `/v1/me/passkeys/${encodeURIComponent(id)}:rename`;
  const answer = await exchange(here, { method: "POST", path, body: { name }, token: memory.tokens.accessToken });
  if (answer) await changed(here, `It is called “${answer.passkey.name}” now.`);
}

// It takes the password of the form above.
async function erase(here, { id, name }) {
  const path = `/v1/me/passkeys/${encodeURIComponent(id)}:delete`;
  const body = { password: find("[name=password]", here).value };
  const answer = await exchange(here, { method: "POST", path, body, token: memory.tokens.accessToken });
  if (answer) await changed(here, `“${name}” is deleted: it logs in no more. Delete it on its device, too.`);
}

// The button that had the focus goes with its row.
async function changed(here, outcome) {
  if (!(await list(here))) return;
  finish("passkeys", outcome);
  find("h2", here).focus();
}
