// What went wrong, why, and what to do about it.

import { element, find } from "./view.js";

// By the reason in google.rpc.ErrorInfo, whose meaning never changes. docs/errors.md has all of them.
const ADVICE = {
  INVALID_FIELD: "Correct what is marked, and send it again.",
  USERNAME_TAKEN: "Choose another username, or log in with this one.",
  EMAIL_TAKEN: "Use another address, or log in with this one.",
  INVALID_CREDENTIALS: "Check the spelling of both. The answer does not tell which of them is wrong, or whether the account exists.",
  CHALLENGE_INVALID: "Type the newest code from the inbox. If the challenge is over, log in again.",
  CHALLENGE_EXHAUSTED: "Too many codes were tried for this login. Log in again.",
  FACTOR_UNAVAILABLE: "Use another factor, or one of the recovery codes.",
  REAUTHENTICATION_REQUIRED: "This change needs a login with the second factor within the last five minutes. Log in again.",
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

function advice(answer) {
  const wait = detail(answer, "RetryInfo").retryDelay;
  const seconds = wait ? ` It may be tried again in ${Math.ceil(parseFloat(wait))} s.` : "";
  return (ADVICE[reasonOf(answer)] ?? OTHERWISE) + seconds;
}

export function clear(root) {
  const box = find(".problem", root);
  box.hidden = true;
  box.replaceChildren();
  for (const input of root.querySelectorAll("[aria-invalid]")) unmark(input);
}

export function show(root, answer) {
  const reason = reasonOf(answer);
  const box = find(".problem", root);
  const message = element("strong", {}, sentence(answer.message ?? "the request was refused"));
  const why = element("p", {}, message, " ", reason && element("code", {}, reason));
  box.replaceChildren(why, element("p", {}, advice(answer)));
  box.hidden = false;
  const marked = (detail(answer, "BadRequest").fieldViolations ?? []).filter((violation) => mark(root, violation));
  if (marked.length) find("[aria-invalid]", root).focus();
}

// The fields of the forms have the names that they have in the request.
function mark(root, { field, description }) {
  const input = find(`form [name="${CSS.escape(camelCase(field))}"]`, root);
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
