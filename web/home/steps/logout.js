// Step 8: ends the session, and waits until its revocation arrives by the stream.

import { exchange } from "../exchange.js";
import { finish, goTo, reset, say, step } from "../flow.js";
import { memory, when } from "../memory.js";
import { find } from "../view.js";

export function start() {
  const here = step("logout");
  const afterwards = find(".afterwards", here);
  find("[data-do=logout]", here).addEventListener("click", async () => {
    await logout(here);
    afterwards.hidden = here.dataset.state !== "done";
  });
  find("[data-do=again]", here).addEventListener("click", () => {
    afterwards.hidden = true;
    reset("verify", "token", "sessions", "authenticator", "passkeys", "logout");
    goTo("login");
  });
}

async function logout(here) {
  const { accessToken, refreshToken, sessionId } = memory.tokens;
  const begun = performance.now();
  // It may arrive before the answer does.
  const arrival = revocationOf(sessionId);
  const ended = await exchange(here, { method: "POST", path: "/v1/sessions:logout", body: { refreshToken } });
  if (!ended) return;
  say("logout", "The session has ended. Waiting for the revocation …");
  const took = Math.round((await arrival) - begun);
  const answer = await exchange(here, { method: "POST", path: "/v1/tokens:introspect", body: { token: accessToken } });
  if (!answer) return;
  const verdict = answer.active ? "The token is still active." : "The token is inactive now, although its signature is still good.";
  finish("logout", `The revocation arrived after ${took} ms. ${verdict}`);
}

// When the revocation of the session arrives.
function revocationOf(sessionId) {
  return new Promise((resolve) => {
    when("revoked", (revocation) => {
      if (revocation.sessionId === sessionId) resolve(performance.now());
    });
  });
}
