// Step 1: makes an account, and fills in the login with it.

import { exchange } from "../exchange.js";
import { finish, goTo, skip, step } from "../flow.js";
import { memory } from "../memory.js";
import { find } from "../view.js";

export function start() {
  const here = step("register");
  const form = find("form", here);
  find("[data-do=example]", here).addEventListener("click", () => fillIn(form));
  find("[data-do=have]", here).addEventListener("click", () => {
    skip("register", "Not needed: there is an account.");
    goTo("login");
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    await register(here, form.elements);
  });
}

// Another name each time: the page may be tried more than once on one database.
function fillIn(form) {
  const name = `ada-${crypto.getRandomValues(new Uint16Array(1))[0]}`;
  form.elements.username.value = name;
  form.elements.email.value = `${name}@example.com`;
  form.elements.password.value = "correct horse battery";
  find("[type=submit]", form).focus();
}

async function register(here, { username, email, password, twoFactor }) {
  const body = { username: username.value, email: email.value, password: password.value, twoFactor: twoFactor.checked };
  const answer = await exchange(here, { method: "POST", path: "/v1/users:register", body });
  if (!answer) return;
  Object.assign(memory, { username: body.username, email: body.email, password: body.password, app: null });
  const factor = answer.user.twoFactorEnabled ? "with a second factor" : "without a second factor";
  finish("register", `${answer.user.username} is registered, ${factor}.`);
  const login = find("form", step("login")).elements;
  login.username.value = memory.username;
  login.password.value = memory.password;
  goTo("login");
}
