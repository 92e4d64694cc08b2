// Passkeys in this browser: whether there are any for this page, and the questions to navigator.credentials. The server makes
// and reads the JSON; between the two it is the browser's own (WebAuthn level 3), so that nothing is converted here.

import { send } from "./api.js";
import { tell } from "./memory.js";
import * as problem from "./problem.js";
import { element, find } from "./view.js";

// Asks for a passkey, whosever it is.
export const BEGIN_LOGIN = { method: "POST", path: "/v1/sessions:beginPasskeyLogin", body: {} };

// What a browser says, and what it means to whom it says so: [what happened, what to do].
const MEANINGS = {
  NotAllowedError: [
    "No passkey came: it was cancelled, it took too long, or there is none for this page here.",
    "Try again. The passkey may be on another device, or not let its user pass (fingerprint, face, PIN).",
  ],
  InvalidStateError: ["This device has a passkey for this account already.", "Log in with that one, or add one of another device."],
  SecurityError: ["The browser keeps this page from the server's passkeys.", "Open the page at an address that belongs to the RP id."],
  NotSupportedError: ["This device can't make a passkey of the kinds that the server takes.", "Try another device."],
  ConstraintError: ["This device can't keep a passkey, or can't tell who uses it.", "Set a screen lock or a PIN, or try another device."],
};

let on = false;
// The question that is open. A browser takes one at a time; the newest one counts.
let open = new AbortController();

// Shows what needs passkeys, where the browser and the server have them.
export async function start() {
  if (!supported()) return;
  const { ok, answer } = await send(BEGIN_LOGIN);
  if (!ok) return;
  const { rpId } = JSON.parse(answer.requestOptionsJson);
  if (!belongs(location.hostname, rpId)) return hint(rpId);
  on = true;
  for (const part of document.querySelectorAll("[data-passkeys]")) part.hidden = false;
  tell("passkeys-on");
}

export function areOn() {
  return on;
}

function supported() {
  const { parseCreationOptionsFromJSON, parseRequestOptionsFromJSON, prototype } = globalThis.PublicKeyCredential ?? {};
  return [parseCreationOptionsFromJSON, parseRequestOptionsFromJSON, prototype?.toJSON].every((one) => typeof one === "function");
}

function belongs(host, rpId) {
  return host === rpId || (rpId !== "localhost" && host.endsWith(`.${rpId}`));
}

// An address such as 127.0.0.1 has no passkeys, whatever is open there.
function hint(rpId) {
  const place = find("#passkeys-elsewhere");
  place.hidden = false;
  if (rpId !== "localhost") return place.append(`Passkeys of this server are for ${rpId}: this page is not there.`);
  const there = `${location.protocol}//localhost:${location.port}/`;
  return place.append("Passkeys are for a name, and this is an address. To try them, open ", element("a", { href: there }, there));
}

// Ends the question that is open, and begins another one, which the signal is for.
export function claim() {
  open.abort();
  open = new AbortController();
  return open.signal;
}

// The new passkey as JSON, or null where the browser made none: the step says why.
export function create(step, optionsJson) {
  return ask(step, () => {
    const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(JSON.parse(optionsJson));
    return navigator.credentials.create({ publicKey, signal: claim() });
  });
}

// The passkey's answer as JSON, or null. `more` is for mediation, and the signal of a question that was claimed before. Without
// a step nobody is told why there is none.
export function get(step, optionsJson, more = { signal: claim() }) {
  return ask(step, () => {
    const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(JSON.parse(optionsJson));
    return navigator.credentials.get({ publicKey, ...more });
  });
}

async function ask(step, question) {
  try {
    return JSON.stringify(await question());
  } catch (error) {
    // Where it was aborted, another question took its place.
    if (!step || error.name === "AbortError") return null;
    const [message, advice] = MEANINGS[error.name] ?? [`The browser says: ${error.message}`, "Try again."];
    problem.say(step, message, advice, error.name);
    return null;
  }
}
