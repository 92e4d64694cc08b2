// Passkeys on the development page, with authenticators that Chromium plays.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import http from "node:http";
import { after, before, test } from "node:test";
import { questions, sockets } from "./authenticators.mjs";
import { LOOKS, assertAccessible, assertNothingWrong, base, expectRefusal, launch, screenshot, watchedPage } from "./browser.mjs";
import { HomePage, PASSWORD } from "./home_page.mjs";

const LOGIN = "/v1/sessions:finishPasskeyLogin";
const BEGIN_LOGIN = "/v1/sessions:beginPasskeyLogin";

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

// The page with one authenticator, or with what `plugged` says of it.
async function onHome(body, { plugged = {}, ...options } = {}) {
  const { page, context, complaints } = await watchedPage(browser, options);
  const home = new HomePage(page);
  const places = await sockets(page);
  const authenticator = await places.plug(plugged);
  home.asked = await questions(page);
  await home.open();
  await body(home, { authenticator, places, complaints });
  assertNothingWrong(complaints);
  await context.close();
}

// Somebody who is logged in, with a passkey.
async function withPasskey(home, { twoFactor = false } = {}) {
  const username = await home.register({ twoFactor });
  await home.logIn();
  if (twoFactor) await home.verify();
  await home.loggedIn();
  await home.addPasskey();
  return username;
}

// Logs out and opens the login, without a user at the authenticator: what the browser offers waits.
async function logOutAndWait(home, authenticator) {
  await authenticator.touch(false);
  await home.logOut();
  await openLogin(home, "logout", "Log in again");
}

// Until the browser offers what it has.
async function openLogin(home, step, button) {
  const offered = home.asked();
  await home.press(step, button);
  await offered;
  await home.state("login", "open");
}

// By the button; what the browser offered before must give way, or this fails with "a request is already pending".
async function pressPasskey(home, authenticator) {
  await authenticator.touch(true);
  await home.press("login", "Log in with a passkey");
}

// The inbox has the mails of everybody.
async function isTold(home, username, title) {
  const theirs = home.page.locator("#inbox .messages li", { hasText: `to ${username}@example.com` });
  await theirs.filter({ hasText: title }).first().waitFor();
}

for (const { scheme, width, viewport } of LOOKS) {
  test(`a passkey is added, and the browser offers it at the next login: ${scheme}, ${width}`, async () => {
    await onHome(async (home) => {
      const look = async (moment) => {
        await assertAccessible(home.page, `${moment}, ${scheme}, ${width}`);
        await screenshot(home.page, `passkeys-${scheme}-${width}-${moment}`);
      };
      const username = await withPasskey(home, { twoFactor: true });
      await look("1-added");
      await home.logOut();
      await home.press("logout", "Log in again");
      await home.loggedIn();
      await home.outcome("login", `Logged in as ${username}, without a password.`);
      // It counts as two factors.
      await home.state("verify", "skipped");
      assert.equal(await home.claim("acr"), "phr");
      assert.equal(await home.claim("amr"), '["pop","mfa"]');
      assert.equal(await home.claim("preferred_username"), username);
      await home.outcome("passkeys", "One passkey.");
      await look("2-logged-in");
    }, { scheme, viewport });
  });
}

test("the button logs in, and what the browser offered before gives way", async () => {
  await onHome(async (home, { authenticator }) => {
    await withPasskey(home);
    await logOutAndWait(home, authenticator);
    await pressPasskey(home, authenticator);
    await home.loggedIn();
    assert.equal(await home.claim("acr"), "phr");
  });
});

test("somebody who comes back has an account, and logs in without a name", async () => {
  await onHome(async (home, { authenticator }) => {
    const username = await withPasskey(home);
    await authenticator.touch(false);
    await home.page.reload();
    await openLogin(home, "register", "I have an account");
    await home.state("register", "skipped");
    await pressPasskey(home, authenticator);
    await home.loggedIn();
    assert.equal(await home.claim("preferred_username"), username);
    await home.press("register", "Register another");
    await home.state("register", "open");
  });
});

test("a login by password gets a challenge, which the passkey answers", async () => {
  await onHome(async (home, { authenticator }) => {
    await withPasskey(home, { twoFactor: true });
    await logOutAndWait(home, authenticator);
    await home.logIn();
    const here = home.step("verify");
    await here.getByRole("radio", { name: "Passkey" }).check();
    assert.equal(await here.getByRole("textbox").count(), 0);
    await assertAccessible(home.page, "a challenge for a passkey");
    await screenshot(home.page, "passkeys-light-wide-3-challenge");
    await authenticator.touch(true);
    await home.press("verify", "Use a passkey");
    await home.outcome("verify", "The passkey is right");
    await home.loggedIn();
    assert.equal(await home.claim("amr"), '["pwd","pop","mfa"]');
    assert.equal(await home.claim("acr"), "phr");
  });
});

test("a challenge with a passkey can still be answered by a code", async () => {
  await onHome(async (home, { authenticator }) => {
    await withPasskey(home, { twoFactor: true });
    await logOutAndWait(home, authenticator);
    await home.logIn();
    await home.step("verify").getByRole("radio", { name: "Passkey" }).check();
    await home.step("verify").getByRole("radio", { name: "Code by e-mail" }).check();
    await home.verify();
  });
});

test("without a right finger the browser gives nothing, and the page says what happened", async () => {
  await onHome(async (home, { authenticator }) => {
    await withPasskey(home);
    await logOutAndWait(home, authenticator);
    await authenticator.recognise(false);
    // By the button, and what is offered again after it: this browser has no finger for either.
    const both = home.asked(2);
    await pressPasskey(home, authenticator);
    await both;
    await home.refusal("login", "NotAllowedError");
    await home.refusal("login", "it was cancelled, it took too long");
    await assertAccessible(home.page, "a cancelled login");
    await screenshot(home.page, "passkeys-light-wide-4-cancelled");
    await authenticator.recognise(true);
    await pressPasskey(home, authenticator);
    await home.loggedIn();
  });
});

test("a login that does not verify its user is refused by the server, whatever the page asked for", async () => {
  await onHome(async (home, { authenticator, complaints }) => {
    await withPasskey(home, { twoFactor: true });
    await authenticator.recognise(false);
    const weaken = (options) => JSON.stringify({ ...JSON.parse(options), userVerification: "discouraged" });
    await rewrite(home.page, BEGIN_LOGIN, (answer) => ({ ...answer, requestOptionsJson: weaken(answer.requestOptionsJson) }));
    await rewrite(home.page, "/v1/sessions:login", ({ challenge }) => {
      return { challenge: { ...challenge, passkeyRequestOptionsJson: weaken(challenge.passkeyRequestOptionsJson) } };
    });
    await logOutAndWait(home, authenticator);
    await pressPasskey(home, authenticator);
    await home.refusal("login", "INVALID_CREDENTIALS");
    expectRefusal(complaints, 401, LOGIN);
    // Beside the password it is good enough.
    await home.logIn();
    await home.press("verify", "Use a passkey");
    await home.loggedIn();
  });
});

test("a page of another origin that passes everything on gets nothing", async (context) => {
  const phisher = await forwarder();
  context.after(phisher.close);
  await onHome(async (home, { authenticator }) => {
    await withPasskey(home);
    const [stolen] = await authenticator.credentials();
    const there = await watchedPage(browser, { origin: phisher.origin });
    const victim = new HomePage(there.page);
    const theirs = await (await sockets(there.page)).plug({ automaticPresenceSimulation: false });
    await theirs.put(stolen);
    victim.asked = await questions(there.page);
    await victim.open();
    await openLogin(victim, "register", "I have an account");
    await pressPasskey(victim, theirs);
    await victim.refusal("login", "INVALID_CREDENTIALS");
    expectRefusal(there.complaints, 401, LOGIN, phisher.origin);
    assertNothingWrong(there.complaints);
    await there.context.close();
    // Nor does it get a new passkey in.
    const token = await home.page.evaluate(async () => (await import("/home/memory.js")).memory.tokens.accessToken);
    const begun = await call("/v1/me/passkeys:begin", { password: PASSWORD }, token);
    const elsewhere = await watchedPage(browser, { origin: phisher.origin });
    await (await sockets(elsewhere.page)).plug();
    await elsewhere.page.goto("/");
    const options = JSON.parse(begun.creationOptionsJson);
    const credentialJson = await elsewhere.page.evaluate(async (options) => {
      const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options);
      return JSON.stringify(await navigator.credentials.create({ publicKey }));
    }, options);
    const { message, details } = await call("/v1/me/passkeys:finish", { credentialJson, name: "Mallory's" }, token);
    assert.equal(details[0].reason, "CHALLENGE_INVALID", message);
    await elsewhere.context.close();
  });
});

test("at an address instead of a name there are no passkeys, and the page says where they are", async () => {
  const origin = base.replace("localhost", "127.0.0.1");
  const { page, context, complaints } = await watchedPage(browser, { origin });
  await (await sockets(page)).plug();
  const home = new HomePage(page);
  await home.open();
  const link = page.locator("#passkeys-elsewhere").getByRole("link");
  await link.waitFor();
  assert.equal(await link.getAttribute("href"), `${base}/`);
  await assertAccessible(page, "the hint");
  await screenshot(page, "passkeys-light-wide-5-elsewhere");
  await home.register({ twoFactor: false });
  assert.equal(await home.step("login").getByRole("button", { name: "Log in with a passkey" }).isVisible(), false);
  await home.logIn();
  await home.loggedIn();
  assert.equal(await home.step("passkeys").isVisible(), false);
  // The browser insists on it, not the page.
  const { requestOptionsJson } = await call(BEGIN_LOGIN, {});
  assert.equal(await asked(page, requestOptionsJson), "SecurityError");
  assertNothingWrong(complaints);
  await context.close();
});

test("a passkey of another RP id is no business of this page", async () => {
  await onHome(async (home) => {
    const { requestOptionsJson } = await call(BEGIN_LOGIN, {});
    const options = { ...JSON.parse(requestOptionsJson), rpId: "example.com" };
    assert.equal(await asked(home.page, JSON.stringify(options)), "SecurityError");
  });
});

test("a copy whose counter is behind is refused, its owner is told, and the genuine one goes on", async () => {
  await onHome(async (home, { authenticator, complaints }) => {
    const username = await withPasskey(home);
    const [copy] = await authenticator.credentials();
    await logOutAndWait(home, authenticator);
    await pressPasskey(home, authenticator);
    await home.loggedIn();
    const [genuine] = await authenticator.credentials();
    assert.ok(genuine.signCount > copy.signCount);
    await logOutAndWait(home, authenticator);
    await authenticator.put(copy);
    await pressPasskey(home, authenticator);
    await home.refusal("login", "INVALID_CREDENTIALS");
    await home.refusal("login", "or copied");
    expectRefusal(complaints, 401, LOGIN);
    await isTold(home, username, "Passkey copied");
    await authenticator.put(genuine);
    await home.press("login", "Log in with a passkey");
    await home.loggedIn();
  });
});

test("a passkey is renamed, and one that was deleted logs in no more", async () => {
  await onHome(async (home, { authenticator, complaints }) => {
    const username = await withPasskey(home);
    await isTold(home, username, "Passkey added");
    const here = home.step("passkeys");
    await here.getByLabel("Name of the passkey This device").fill("My laptop");
    await home.press("passkeys", "Rename This device");
    await home.outcome("passkeys", "It is called “My laptop” now.");
    assert.ok(await here.locator("h2").evaluate((heading) => heading === document.activeElement));
    await home.press("passkeys", "Delete My laptop");
    await home.outcome("passkeys", "“My laptop” is deleted");
    assert.equal(await here.locator(".passkeys li").count(), 0);
    await isTold(home, username, "Passkey deleted");
    await logOutAndWait(home, authenticator);
    await pressPasskey(home, authenticator);
    await home.refusal("login", "INVALID_CREDENTIALS");
    expectRefusal(complaints, 401, LOGIN);
    await home.logIn();
    await home.loggedIn();
  });
});

test("a wrong password adds and deletes nothing, and a name without a letter is marked", async () => {
  await onHome(async (home, { complaints }) => {
    await withPasskey(home);
    const here = home.step("passkeys");
    const name = here.getByLabel("Name of the passkey This device");
    await name.fill(" ");
    await home.press("passkeys", "Rename This device");
    await home.refusal("passkeys", "INVALID_FIELD");
    assert.equal(await name.getAttribute("aria-invalid"), "true");
    const [{ id }] = await home.page.evaluate(async () => {
      const { memory } = await import("/home/memory.js");
      const headers = { authorization: `Bearer ${memory.tokens.accessToken}` };
      return (await (await fetch("/v1/me/passkeys", { headers })).json()).passkeys;
    });
    expectRefusal(complaints, 400, `/v1/me/passkeys/${id}:rename`);
    await here.getByLabel("Password, once more").fill("another password");
    await home.press("passkeys", "Delete This device");
    await home.refusal("passkeys", "INVALID_CREDENTIALS");
    expectRefusal(complaints, 403, `/v1/me/passkeys/${id}:delete`);
    await home.press("passkeys", "Add a passkey");
    await home.refusal("passkeys", "INVALID_CREDENTIALS");
    expectRefusal(complaints, 403, "/v1/me/passkeys:begin");
    assert.equal(await here.locator(".passkeys li").count(), 1);
  });
});

test("one authenticator has one passkey of an account, and another one has the second", async () => {
  await onHome(async (home, { authenticator, places }) => {
    await withPasskey(home);
    await home.press("passkeys", "Add a passkey");
    await home.refusal("passkeys", "This device has a passkey for this account already.");
    await authenticator.unplug();
    const other = await places.plug();
    await home.addPasskey("Other laptop");
    assert.equal(await home.step("passkeys").locator(".passkeys li").count(), 2);
    await logOutAndWait(home, other);
    await pressPasskey(home, other);
    await home.loggedIn();
    await home.outcome("passkeys", "2 passkeys.");
  });
});

test("a synced passkey is shown as one, and may not turn into another kind", async () => {
  const plugged = { defaultBackupEligibility: true, defaultBackupState: true };
  await onHome(async (home, { authenticator, complaints }) => {
    await withPasskey(home);
    const row = home.step("passkeys").locator(".passkeys li");
    await row.getByText("synced to other devices").waitFor();
    const [credential] = await authenticator.credentials();
    await authenticator.backUp(credential, { backupEligibility: true, backupState: false });
    await logOutAndWait(home, authenticator);
    await pressPasskey(home, authenticator);
    await home.loggedIn();
    await row.getByText("can be synced").waitFor();
    await authenticator.backUp(credential, { backupEligibility: false, backupState: false });
    await logOutAndWait(home, authenticator);
    await pressPasskey(home, authenticator);
    await home.refusal("login", "INVALID_CREDENTIALS");
    expectRefusal(complaints, 401, LOGIN);
  }, { plugged });
});

test("a passkey proves again who is there, in the same session", async () => {
  await onHome(async (home) => {
    await withPasskey(home);
    const session = await home.claim("sid");
    assert.equal(await home.claim("acr"), "1fa");
    await home.press("token", "Prove it again with a passkey");
    await home.outcome("token", "Proved again, by a passkey");
    assert.equal(await home.claim("acr"), "phr");
    assert.equal(await home.claim("sid"), session);
    // The session goes on, with the refresh token that it had.
    await home.logOut();
  });
});

test("an offer is made anew before its challenge ends", async () => {
  await onHome(async (home, { authenticator }) => {
    await withPasskey(home);
    await home.page.clock.install();
    await logOutAndWait(home, authenticator);
    const again = home.asked();
    await home.page.clock.fastForward("10:00");
    await again;
    await pressPasskey(home, authenticator);
    await home.loggedIn();
  });
});

test("the page of docs/passkeys.md adds a passkey and logs in by it", async () => {
  await onHome(async (home) => {
    const username = await home.register({ twoFactor: false });
    const guide = readFileSync(new URL("../../docs/passkeys.md", import.meta.url), "utf8");
    const [, script] = guide.match(/```js\n(.*?)```/s);
    const { tokens: { accessToken } } = await call("/v1/sessions:login", { username, password: PASSWORD });
    const does = (what) => home.page.evaluate(`(async () => { ${script}; return ${what}; })()`);
    const { passkey } = await does(`await addPasskey(${JSON.stringify(accessToken)}, ${JSON.stringify(PASSWORD)}, "Of the guide")`);
    assert.equal(passkey.name, "Of the guide");
    for (const mediation of ["", '"conditional"']) {
      const { sessionId } = await does(`await logIn(${mediation})`);
      assert.match(sessionId, /^[0-9a-f-]{36}$/);
    }
    // The second question takes the place of the first.
    const settled = await does("await Promise.allSettled([logIn('conditional'), logIn()]).then((all) => all.map((one) => one.reason?.name))");
    assert.deepEqual(settled, ["AbortError", undefined]);
  });
});

// What a browser may lack, as a script that runs before the page's.
const LACKING = {
  "passkeys": () => delete window.PublicKeyCredential,
  "JSON for passkeys": () => delete PublicKeyCredential.parseCreationOptionsFromJSON,
};

for (const [what, lack] of Object.entries(LACKING)) {
  test(`a browser without ${what} shows nothing of them`, async () => {
    const { page, context, complaints } = await watchedPage(browser);
    await page.addInitScript(lack);
    await showsNothing(page);
    assertNothingWrong(complaints);
    await context.close();
  });
}

test("where the server has no passkeys the page shows nothing of them", async () => {
  const { page, context, complaints } = await watchedPage(browser);
  await page.route(`**${BEGIN_LOGIN}`, (route) => route.fulfill({ status: 400, json: { code: 9, message: "PASSKEYS_OFF" } }));
  await showsNothing(page);
  expectRefusal(complaints, 400, BEGIN_LOGIN);
  assertNothingWrong(complaints);
  await context.close();
});

async function showsNothing(page) {
  const home = new HomePage(page);
  await home.open();
  await home.register({ twoFactor: false });
  await home.logIn();
  await home.state("sessions", "done");
  assert.equal(await page.locator("[data-passkeys]:not([hidden]), #passkeys-elsewhere:not([hidden])").count(), 0);
}

// The server's answer, also where it is an error.
async function call(path, body, token) {
  const headers = { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) };
  return (await fetch(base + path, { method: "POST", headers, body: JSON.stringify(body) })).json();
}

// Changes what the page gets of the server's answers.
function rewrite(page, path, change) {
  return page.route(`**${path}`, async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, json: change(await response.json()) });
  });
}

// What the browser says to these options on this page.
function asked(page, optionsJson) {
  return page.evaluate(async (optionsJson) => {
    const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(JSON.parse(optionsJson));
    return navigator.credentials.get({ publicKey }).then(() => "an answer", (error) => error.name);
  }, optionsJson);
}

// Another origin, on which everything is the server's: a phisher who passes all on.
async function forwarder() {
  const { hostname, port } = new URL(base);
  const server = http.createServer((request, response) => {
    const { method, url: path, headers } = request;
    const passed = http.request({ hostname, port, method, path, headers: { ...headers, host: new URL(base).host } }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    passed.on("error", () => response.destroy());
    response.on("close", () => passed.destroy());
    request.pipe(passed);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const origin = `http://localhost:${server.address().port}`;
  const close = () => new Promise((resolve) => {
    server.close(resolve);
    server.closeAllConnections();
  });
  return { origin, close };
}
