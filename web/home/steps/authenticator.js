// Step 6: enrols an authenticator app, and shows the recovery codes that come with it.

import { markUsed, newApp, showApp } from "../app.js";
import { exchange } from "../exchange.js";
import { finish, goTo, reset, say, step } from "../flow.js";
import { memory, when } from "../memory.js";
import { code, copyButton, element, find } from "../view.js";

let enrolment;
let usedStep;

export function start() {
  const here = step("authenticator");
  const [begin, confirm] = ["begin", "confirm"].map((name) => find(`[data-form=${name}]`, here));
  begin.addEventListener("submit", async (event) => {
    event.preventDefault();
    await draw(here, begin.elements.password.value);
  });
  confirm.addEventListener("submit", async (event) => {
    event.preventDefault();
    await prove(here, confirm.elements.code.value);
  });
  when("logged-in", () => {
    find(".enrolment", here).hidden = true;
    begin.elements.password.value = memory.password;
  });
}

async function draw(here, password) {
  const request = { method: "POST", path: "/v1/me:beginTotpEnrollment", body: { password }, token: memory.tokens.accessToken };
  const answer = await exchange(here, request);
  if (!answer) return;
  find(".recovery", here).replaceChildren();
  enrolment = { id: answer.enrollmentId, app: newApp(answer.secret) };
  usedStep = undefined;
  const alt = "QR code with the secret, for an authenticator app";
  const qr = element("img", { src: `data:image/png;base64,${answer.qrPng}`, class: "qr", width: "200", height: "200", alt });
  find(".secret", here).replaceChildren(qr, byHand(answer));
  const form = find("[data-form=confirm]", here);
  form.reset();
  showApp(find(".helper", form), enrolment.app, (shown, at) => {
    usedStep = at;
    form.elements.code.value = shown;
    form.elements.code.focus();
  });
  find(".enrolment", here).hidden = false;
  say("authenticator", "Scan the code with an app, or let the helper below stand in for one.");
  form.elements.code.focus();
}

function byHand({ secret, otpauthUri }) {
  return element("dl", {},
    element("dt", {}, "Secret, to type in", copyButton("the secret", secret)), element("dd", {}, code("Secret", secret)),
    element("dt", {}, "Key URI", copyButton("the URI", otpauthUri)), element("dd", {}, code("Key URI", otpauthUri)));
}

async function prove(here, totpCode) {
  const token = memory.tokens.accessToken;
  const body = { enrollmentId: enrolment.id, totpCode };
  const answer = await exchange(here, { method: "POST", path: "/v1/me:confirmTotpEnrollment", body, token });
  if (!answer) return;
  // Only now: until then an earlier app goes on working.
  memory.app = enrolment.app;
  markUsed(memory.app, usedStep);
  find(".enrolment", here).hidden = true;
  showRecoveryCodes(here, answer.recoveryCodes);
  finish("authenticator", "The app is confirmed. From now on a login asks for its code.");
  await goOn(here);
}

function showRecoveryCodes(here, codes) {
  const title = element("div", { class: "part" }, element("h3", {}, "Recovery codes"), copyButton("the recovery codes", codes.join("\n")));
  const note = element("p", { class: "note" }, "Each works once, in place of the app. They are not shown again.");
  const list = element("ul", { class: "codes" }, ...codes.map((one) => element("li", {}, one)));
  find(".recovery", here).replaceChildren(title, note, list);
}

// Turning the second factor on ends all sessions, this one too.
async function goOn(here) {
  const body = { token: memory.tokens.accessToken };
  const answer = await exchange(here, { method: "POST", path: "/v1/tokens:introspect", body });
  if (answer?.active) return goTo("logout");
  say("authenticator", "The app is confirmed. The second factor is on now, which ended all sessions: log in again with the app.");
  reset("verify", "token", "sessions", "passkeys", "logout");
  return goTo("login");
}
