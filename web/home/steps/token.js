// Step 4: shows what the access token says, and checks its signature in this browser.

import { exchange } from "../exchange.js";
import { finish, goTo, open, step } from "../flow.js";
import { check, decode, forged } from "../jwt.js";
import { memory, tell, when } from "../memory.js";
import { BEGIN_LOGIN, get } from "../passkeys.js";
import { element, find, relative, time } from "../view.js";

// What the claims mean, for those who have not read RFC 9068.
const MEANINGS = {
  iss: "who issued it", sub: "the user", aud: "whom it is for", exp: "valid until", iat: "issued", jti: "its own id",
  client_id: "the application", sid: "the session", amr: "how the user showed who they are", auth_time: "when they did",
  acr: "how sure that was: 1fa, 2fa, phr (no phishing)",
  preferred_username: "the username", roles: "the roles", session_epoch: "sessions ended before", scope: "good for",
};
const VERDICTS = { good: "The signature is good.", bad: "Refused.", unknown: "Not checked." };
const TIMES = ["exp", "iat", "nbf", "auth_time"];

export function start() {
  const here = step("token");
  find("[data-do=check]", here).addEventListener("click", () => verify(here, memory.tokens.accessToken));
  find("[data-do=forge]", here).addEventListener("click", () => verify(here, forged(memory.tokens.accessToken)));
  find("[data-do=step-up]", here).addEventListener("click", () => stepUp(here));
  when("logged-in", async (tokens) => {
    memory.tokens = tokens;
    show(here, tokens.accessToken);
    for (const name of ["sessions", "authenticator", "passkeys", "logout"]) open(name);
    goTo("token");
    await verify(here, tokens.accessToken);
    tell("checked");
  });
}

function show(here, token) {
  const { header, claims } = decode(token);
  find(".token", here).replaceChildren(parts(token), table("Header", header), table("Claims", claims));
}

// The three parts as they are sent, each in its own colour.
function parts(token) {
  const [header, claims, signature] = token.split(".");
  const part = (name, text) => element("span", { class: `jwt-${name}` }, text);
  return element("pre", { class: "jwt", tabindex: "0", role: "group", "aria-label": "The token as it is sent" },
    part("header", header), ".", part("claims", claims), ".", part("signature", signature));
}

function table(title, members) {
  const rows = Object.entries(members).map(([name, value]) => element("tr", {},
    element("th", { scope: "row" }, element("code", {}, name), element("small", {}, MEANINGS[name] ?? "")),
    element("td", {}, ...shown(name, value))));
  return element("table", {}, element("caption", {}, title), element("tbody", {}, ...rows));
}

function shown(name, value) {
  if (!TIMES.includes(name)) return [typeof value === "string" ? value : JSON.stringify(value)];
  const date = new Date(value * 1000);
  const human = element("time", { datetime: date.toISOString() }, time(date));
  return [human, element("small", {}, `${relative(date.getTime())} · ${value}`)];
}

async function verify(here, token) {
  const keySet = await exchange(here, { method: "GET", path: "/.well-known/jwks.json" });
  if (!keySet) return;
  const { verdict, why } = await check(token, keySet);
  find(".outcome", here).dataset.verdict = verdict;
  finish("token", `${VERDICTS[verdict]} ${why}`);
}

// The same session with a fresh proof, for what wants to be sure. The refresh token stays what it is.
async function stepUp(here) {
  const begun = await exchange(here, BEGIN_LOGIN);
  const passkeyCredentialJson = begun && (await get(here, begun.requestOptionsJson));
  if (!passkeyCredentialJson) return;
  const token = memory.tokens.accessToken;
  const request = { method: "POST", path: "/v1/sessions:reauthenticate", body: { passkeyCredentialJson }, token };
  const answer = await exchange(here, request, { INVALID_CREDENTIALS: "It must be a passkey of the account that is logged in." });
  if (!answer) return;
  memory.tokens = { ...memory.tokens, ...answer.tokens };
  show(here, memory.tokens.accessToken);
  finish("token", "Proved again, by a passkey: auth_time is new, and acr says phr.");
}
