// Step 2: shows the password, and gets a challenge or tokens; or shows a passkey, and gets tokens.

import { send } from "../api.js";
import { exchange, record } from "../exchange.js";
import { finish, goTo, skip, step } from "../flow.js";
import { decode } from "../jwt.js";
import { memory, tell, when } from "../memory.js";
import { BEGIN_LOGIN, areOn, claim, get } from "../passkeys.js";
import { find } from "../view.js";

const DEVICE = "Development page";
// Milliseconds before the end of a challenge at which another one takes its place, and the least between two of them.
const EARLY = 30_000;
const LEAST = 10_000;
const ADVICE = {
  INVALID_CREDENTIALS: "This passkey does not log in. It may have been deleted, or copied: then the inbox has a notice.",
};

export function start() {
  const here = step("login");
  const form = find("form", here);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    await login(here, form.elements);
  });
  find("[data-do=passkey]", here).addEventListener("click", () => loginByPasskey(here));
  when("opened", (name) => name === "login" && offer(here));
  when("passkeys-on", () => here.dataset.state === "open" && offer(here));
}

async function login(here, { username, password }) {
  // The passkey that the browser offers is no longer waited for.
  claim();
  remember(username.value, password.value);
  const body = { username: memory.username, password: memory.password, deviceName: DEVICE };
  const answer = await exchange(here, { method: "POST", path: "/v1/sessions:login", body });
  if (!answer) return offer(here);
  if (answer.challenge) {
    finish("login", "The password is right. A second factor is asked for.");
    tell("challenged", answer.challenge);
    return goTo("verify");
  }
  finish("login", "Logged in.");
  skip("verify", "Not needed: this account has no second factor.");
  return tell("logged-in", answer.tokens);
}

// The address and the app that the page knows are of the person who registered here.
function remember(username, password) {
  if (![memory.username, memory.email].includes(username)) Object.assign(memory, { email: "", app: null });
  Object.assign(memory, { username, password, askedAt: Date.now() });
}

async function loginByPasskey(here) {
  const signal = claim();
  const answer = await exchange(here, BEGIN_LOGIN);
  const credential = answer && (await get(here, answer.requestOptionsJson, { signal }));
  if (credential) return prove(here, credential);
  // It was cancelled, and not in favour of another login.
  return signal.aborted || offer(here);
}

// Passkeys among what the browser fills in, for as long as the step is open. It asks nobody until one is chosen.
async function offer(here) {
  if (!areOn() || !(await PublicKeyCredential.isConditionalMediationAvailable?.())) return;
  const signal = claim();
  const begun = await send(BEGIN_LOGIN);
  if (!begun.ok || signal.aborted) return;
  const { requestOptionsJson, expireTime } = begun.answer;
  const renewal = setTimeout(() => offer(here), Math.max(LEAST, Date.parse(expireTime) - Date.now() - EARLY));
  signal.addEventListener("abort", () => clearTimeout(renewal));
  const credential = await get(null, requestOptionsJson, { signal, mediation: "conditional" });
  clearTimeout(renewal);
  if (!credential) return;
  record(here, BEGIN_LOGIN, begun);
  await prove(here, credential);
}

async function prove(here, credentialJson) {
  const body = { credentialJson, deviceName: DEVICE };
  const answer = await exchange(here, { method: "POST", path: "/v1/sessions:finishPasskeyLogin", body }, ADVICE);
  if (!answer) return;
  // Nobody has said who they are: the passkey did.
  const { preferred_username: username } = decode(answer.tokens.accessToken).claims;
  remember(username, username === memory.username ? memory.password : "");
  finish("login", `Logged in as ${username}, without a password.`);
  skip("verify", "Not needed: the passkey counts as two factors, what its user has and what they are or know.");
  tell("logged-in", answer.tokens);
}
