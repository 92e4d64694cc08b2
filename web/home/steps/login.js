// Step 2: shows the password, and gets a challenge or tokens.

import { exchange } from "../exchange.js";
import { finish, goTo, skip, step } from "../flow.js";
import { memory, tell } from "../memory.js";
import { find } from "../view.js";

export function start() {
  const here = step("login");
  const form = find("form", here);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    await login(here, form.elements);
  });
}

async function login(here, { username, password }) {
  remember(username.value, password.value);
  const body = { username: memory.username, password: memory.password, deviceName: "Development page" };
  const answer = await exchange(here, { method: "POST", path: "/v1/sessions:login", body });
  if (!answer) return;
  if (answer.challenge) {
    finish("login", "The password is right. A second factor is asked for.");
    tell("challenged", answer.challenge);
    goTo("verify");
  } else {
    finish("login", "Logged in.");
    skip("verify", "Not needed: this account has no second factor.");
    tell("logged-in", answer.tokens);
  }
}

// The address and the app that the page knows are of the person who registered here.
function remember(username, password) {
  if (![memory.username, memory.email].includes(username)) Object.assign(memory, { email: "", app: null });
  Object.assign(memory, { username, password, askedAt: Date.now() });
}
