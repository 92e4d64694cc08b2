// What went wrong, why, and what to do about it.

import { element, find } from "./view.js";

// By the reason in google.rpc.ErrorInfo, whose meaning never changes. docs/errors.md has all of them.
const ADVICE = {
  INVALID_FIELD: "Correct what is marked, and send it again.",
  USERNAME_TAKEN: "Choose another username, or log in with this one.",
  EMAIL_TAKEN: "Use another address, or log in with this one.",
  INVALID_CREDENTIALS: "Check the spelling of both. The answer does not tell which of them is wrong, or whether the account exists.",
  CHALLENGE_INVALID: "Type the newest code from the inbox, or ask for the passkey again. If the challenge is over, log in again.",
  CHALLENGE_EXHAUSTED: "Too many codes were tried for this login. Log in again.",
  FACTOR_UNAVAILABLE: "Use another factor, or one of the recovery codes.",
  REAUTHENTICATION_REQUIRED: "This change needs two factors within the last five minutes. Log in again, or prove it by a passkey.",
  PASSKEY_TAKEN: "This passkey is registered already. Make another one.",
  PASSKEY_NOT_FOUND: "It is gone. List the passkeys again.",
  PASSKEYS_OFF: "This server has no passkeys: COUNTERSIGN_WEBAUTHN_RP_ID turns them on.",
  TOO_MANY_PASSKEYS: "Delete one that is no longer used.",
  TOKEN_INVALID: "The session is over or the token has expired. Log in again.",
  THROTTLED: "A limit against guessing. Wait, then try again.",
  OVERLOADED: "More passwords wait than can be hashed in time. Try again in a moment.",
  STORE_UNAVAILABLE: "The database is away. Try again in a moment; the server's log says more.",
};
const OTHERWISE = "The server's log has more about it, under the request id in the answer.";

function detail(answer, type) {
  return answer?.details?.find((detail) => detail["@type"] === `type.googleapis.com/google.rpc.${type}`) ?? {};
}

export function reasonOf(answer) {
  return detail(answer, "ErrorInfo").reason ?? "";
}

function advice(answer, ours) {
  const wait = detail(answer, "RetryInfo").retryDelay;
  const seconds = wait ? ` It may be tried again in ${Math.ceil(parseFloat(wait))} s.` : "";
  const reason = reasonOf(answer);
  return (ours[reason] ?? ADVICE[reason] ?? OTHERWISE) + seconds;
}

export function clear(root) {
  const box = find(".problem", root);
  box.hidden = true;
  box.replaceChildren();
  for (const input of root.querySelectorAll("[aria-invalid]")) unmark(input);
}

// `ours` is the step's own advice, where a reason has more of a meaning there.
export function show(root, answer, ours = {}) {
  say(root, sentence(answer.message ?? "the request was refused"), advice(answer, ours), reasonOf(answer));
  const marked = (detail(answer, "BadRequest").fieldViolations ?? []).filter((violation) => mark(root, violation));
  if (marked.length) find("[aria-invalid]", root).focus();
}

export function say(root, message, advice, reason) {
  const box = find(".problem", root);
  const why = element("p", {}, element("strong", {}, message), " ", reason && element("code", {}, reason));
  box.replaceChildren(why, element("p", {}, advice));
  box.hidden = false;
}

// The fields of the forms have the names that they have in the request. Of several forms it is the one that was sent.
function mark(root, { field, description }) {
  const name = `[name="${CSS.escape(camelCase(field))}"]`;
  const input = find(`form:focus-within ${name}`, root) ?? find(`form ${name}`, root);
  if (!input) return false;
  const id = `${root.id}-${input.name}-problem`;
  input.setAttribute("aria-invalid", "true");
  input.setAttribute("aria-describedby", id);
  const label = input.closest("label");
  label.after(element("p", { class: "field-problem", id }, `${label.firstChild.textContent.trim()} ${description}`));
  return true;
}

function unmark(input) {
  document.getElementById(input.getAttribute("aria-describedby"))?.remove();
  input.removeAttribute("aria-invalid");
  input.removeAttribute("aria-describedby");
}

function camelCase(name) {
  return name.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase());
}

function sentence(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
