// Step 3: answers the challenge by whichever factor it lists.

import { markUsed, showApp } from "../app.js";
import { exchange } from "../exchange.js";
import { finish, say, step } from "../flow.js";
import { newestCode } from "../inbox.js";
import { memory, tell, when } from "../memory.js";
import { areOn, get } from "../passkeys.js";
import { element, find, relative } from "../view.js";

// What each factor is called here, and the field of Verify2FARequest that takes its proof.
const FACTORS = {
  FACTOR_EMAIL_CODE: { field: "otpCode", choice: "Code by e-mail", label: "Code from the inbox" },
  FACTOR_TOTP: { field: "totpCode", choice: "Authenticator app", label: "Six digits of the app" },
  FACTOR_RECOVERY_CODE: { field: "recoveryCode", choice: "Recovery code", label: "Recovery code" },
  FACTOR_PASSKEY: { field: "passkeyCredentialJson", choice: "Passkey" },
};
const PASSKEY = "FACTOR_PASSKEY";

let factor;
let usedStep;

export function start() {
  const here = step("verify");
  const form = find("form", here);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const proof = factor === PASSKEY ? await get(here, memory.challenge.passkeyRequestOptionsJson) : form.elements.code.value;
    if (proof !== null) await verify(here, proof);
  });
  find("[data-do=resend]", here).addEventListener("click", () => resend(here));
  when("challenged", (challenge) => show(here, challenge));
  when("mail", () => offerCode(here));
}

function show(here, challenge) {
  memory.challenge = challenge;
  find("form", here).reset();
  const offered = challenge.factors.filter((name) => FACTORS[name] && (name !== PASSKEY || areOn()));
  const radios = offered.map((name) => {
    const input = element("input", { type: "radio", name: "factor", value: name });
    input.addEventListener("change", () => choose(here, name));
    return element("label", {}, input, FACTORS[name].choice);
  });
  find(".options", here).replaceChildren(...radios);
  find(".choice", here).hidden = offered.length < 2;
  find("input", radios[0]).checked = true;
  choose(here, offered[0]);
}

function choose(here, name) {
  factor = name;
  usedStep = undefined;
  find(".fields", here).hidden = name === PASSKEY;
  find("[type=submit]", here).textContent = name === PASSKEY ? "Use a passkey" : "Verify";
  find(".label", here).textContent = FACTORS[name].label ?? "";
  find("[data-do=resend]", here).hidden = name !== "FACTOR_EMAIL_CODE";
  const input = find("[name=code]", here);
  input.value = "";
  input.inputMode = name === "FACTOR_RECOVERY_CODE" ? "text" : "numeric";
  const helper = find(".helper", here);
  helper.hidden = true;
  helper.replaceChildren();
  if (name === "FACTOR_EMAIL_CODE") offerCode(here);
  if (name === "FACTOR_TOTP" && memory.app) showApp(helper, memory.app, (code, at) => fillIn(here, code, at));
}

// The inbox stands far away on a narrow screen: its newest code is offered here, too.
function offerCode(here) {
  const code = newestCode();
  if (!memory.challenge || factor !== "FACTOR_EMAIL_CODE" || !code) return;
  const use = element("button", { type: "button", class: "quiet", onclick: () => fillIn(here, code) }, "Use this code");
  const title = element("p", { class: "helper-title" }, `In the development inbox, for ${memory.challenge.maskedDestination}`);
  const helper = find(".helper", here);
  helper.replaceChildren(title, element("div", { class: "helper-row" }, element("output", { class: "digits" }, code), use));
  helper.hidden = false;
}

function fillIn(here, code, at) {
  usedStep = at;
  const input = find("[name=code]", here);
  input.value = code;
  input.focus();
}

async function verify(here, proof) {
  const body = { challengeId: memory.challenge.challengeId, [FACTORS[factor].field]: proof };
  const answer = await exchange(here, { method: "POST", path: "/v1/sessions:verify", body });
  if (!answer) return;
  memory.challenge = null;
  if (body.totpCode && memory.app) markUsed(memory.app, usedStep);
  const shown = factor === PASSKEY ? "passkey" : "code";
  finish("verify", `The ${shown} is right: the challenge is answered, and a session begins.`);
  tell("logged-in", answer.tokens);
}

async function resend(here) {
  memory.askedAt = Date.now();
  const body = { challengeId: memory.challenge.challengeId };
  const answer = await exchange(here, { method: "POST", path: "/v1/sessions:resendCode", body });
  if (!answer) return;
  memory.challenge = answer.challenge;
  say("verify", `Another code is on its way; a further one may be asked for ${relative(Date.parse(answer.challenge.resendTime))}.`);
}
