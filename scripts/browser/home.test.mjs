// The development page, in a real browser against a real server.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, before, test } from "node:test";
import {
  LOOKS, assertAccessible, assertNothingWrong, base, expectRefusal, launch, screenshot, uniqueName, watchedPage,
} from "./browser.mjs";
import { HomePage, PASSWORD } from "./home_page.mjs";

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

async function onHome(options, body) {
  const { page, context, complaints } = await watchedPage(browser, options);
  const home = new HomePage(page);
  await home.open();
  await body(home, complaints);
  assertNothingWrong(complaints);
  await context.close();
}

test("scripts and styles come from this server alone, and none is inline", async () => {
  const policy = (await fetch(base)).headers.get("content-security-policy");
  assert.ok(policy.includes("default-src 'none'"), policy);
  assert.ok(policy.includes("frame-ancestors 'none'"), policy);
  assert.doesNotMatch(policy, /unsafe|https?:|\*/);
});

for (const { scheme, width, viewport } of LOOKS) {
  test(`the whole flow with a second factor, an app and the end of the session: ${scheme}, ${width}`, async () => {
    await onHome({ scheme, viewport }, async (home) => {
      const look = async (moment) => {
        await assertAccessible(home.page, `${moment}, ${scheme}, ${width}`);
        await screenshot(home.page, `home-${scheme}-${width}-${moment}`);
      };
      await look("1-begin");
      await home.register();
      await home.logIn();
      await home.step("verify").getByText("In the development inbox").waitFor();
      await look("2-second-factor");
      await home.verify();
      await look("3-token");
      await home.enrolApp();
      await look("4-app");
      await home.confirmApp();
      await home.logOut();
      await look("5-end");
      await home.press("logout", "Log in again");
      await home.logIn();
      await home.step("verify").getByText("Development helper").waitFor();
      await look("6-with-the-app");
      await home.verify();
    });
  });
}

test("a forged token is refused, and the genuine one is accepted again", async () => {
  await onHome({}, async (home) => {
    await home.register();
    await home.logIn();
    await home.verify();
    await home.press("token", "Check a forged copy");
    await home.outcome("token", "Refused. The signature is not that of this header and these claims.");
    await home.press("token", "Check the signature again");
    await home.outcome("token", "The signature is good");
  });
});

test("without a second factor a login gives tokens, and enrolling an app ends all sessions", async () => {
  await onHome({}, async (home) => {
    await home.register({ twoFactor: false });
    await home.logIn();
    await home.state("verify", "skipped");
    await home.state("sessions", "done");
    await home.enrolApp();
    await home.press("authenticator", "Confirm the app");
    await home.outcome("authenticator", "ended all sessions");
    await home.page.locator("#revocations").getByText("All sessions of a user ended").first().waitFor();
    await home.state("login", "open");
    // They are shown once: the login that follows must leave them.
    assert.equal(await home.step("authenticator").locator(".codes li").count(), 10);
    await home.logIn();
    await home.verify();
  });
});

test("another session is listed and can be ended", async () => {
  await onHome({}, async (home) => {
    const username = await home.register({ twoFactor: false });
    const other = await fetch(`${base}/v1/sessions:login`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ username, password: PASSWORD, deviceName: "Another device" }),
    });
    const { tokens } = await other.json();
    await home.logIn();
    await home.outcome("sessions", "2 sessions.");
    await home.press("sessions", `End session ${tokens.sessionId}`);
    await home.outcome("sessions", "One session: this one.");
    await home.page.locator("#revocations").getByText(tokens.sessionId).waitFor();
  });
});

test("an error is shown with its reason, what to do, and the field that it is about", async () => {
  await onHome({}, async (home, complaints) => {
    const here = home.step("register");
    await here.getByLabel("Username").fill(uniqueName("ada"));
    await here.getByLabel("E-mail address").fill("nobody");
    await here.getByLabel("Password", { exact: true }).fill(PASSWORD);
    await home.press("register", "Register");
    const alert = here.getByRole("alert");
    await alert.getByText("INVALID_FIELD").waitFor();
    await alert.getByText("Correct what is marked").waitFor();
    const marked = here.locator("[aria-invalid]");
    assert.equal(await marked.getAttribute("name"), "email");
    assert.equal(await marked.evaluate((input) => input === document.activeElement), true);
    const described = await marked.getAttribute("aria-describedby");
    assert.match(await home.page.locator(`#${described}`).textContent(), /^E-mail address /);
    await assertAccessible(home.page, "an error");
    await screenshot(home.page, "home-light-wide-error");
    expectRefusal(complaints, 400, "/v1/users:register");
  });
});

test("a wrong code is refused, and the right one still works", async () => {
  await onHome({}, async (home, complaints) => {
    await home.register();
    await home.logIn();
    await home.takeCode("verify");
    const code = home.step("verify").getByLabel("Code from the inbox");
    const right = await code.inputValue();
    await code.fill(right === "000000" ? "000001" : "000000");
    await home.press("verify", "Verify");
    await home.step("verify").getByRole("alert").getByText("CHALLENGE_INVALID").waitFor();
    expectRefusal(complaints, 401, "/v1/sessions:verify");
    await home.verify();
  });
});

test("the flow can be gone through by the keyboard alone", async () => {
  await onHome({}, async (home) => {
    const { page } = home;
    const focused = () => page.evaluate(() => document.activeElement.closest(".step")?.id);
    const tabTo = async (locator) => {
      for (let presses = 0; presses < 30; presses += 1) {
        if (await locator.evaluate((element) => element === document.activeElement)) return;
        await page.keyboard.press("Tab");
      }
      assert.fail("the focus does not get there by Tab");
    };
    await tabTo(home.step("register").getByRole("button", { name: "Fill in an example" }));
    await page.keyboard.press("Enter");
    await page.keyboard.press("Enter");
    await home.state("login", "open");
    assert.equal(await focused(), "login");
    await tabTo(home.step("login").getByLabel("Password", { exact: true }));
    await page.keyboard.press("Enter");
    await home.state("verify", "open");
    assert.equal(await focused(), "verify");
    const use = home.step("verify").getByRole("button", { name: "Use this code" });
    await use.waitFor();
    await tabTo(use);
    await page.keyboard.press("Space");
    await page.keyboard.press("Enter");
    await home.outcome("token", "The signature is good");
    assert.equal(await focused(), "token");
    await tabTo(home.step("logout").getByRole("button", { name: "Log out" }));
    await page.keyboard.press("Enter");
    await home.outcome("logout", "The revocation arrived");
  });
});

test("the curl line of a request does what the page did", async () => {
  await onHome({}, async (home) => {
    await home.register({ twoFactor: false });
    await home.logIn();
    await home.state("sessions", "done");
    await home.step("sessions").getByRole("button", { name: "Copy Request: /v1/me/sessions" }).click();
    await home.page.locator("body > [role=status]").getByText("Copied Request: /v1/me/sessions").waitFor();
    const line = await home.page.evaluate(() => navigator.clipboard.readText());
    const { sessions } = JSON.parse(execFileSync("sh", ["-c", `${line} --silent --show-error`], { encoding: "utf8" }));
    assert.equal(sessions.length, 1);
    assert.equal(sessions[0].deviceName, "Development page");
  });
});

test("no secret outlives the page", async () => {
  await onHome({}, async (home) => {
    await home.register();
    await home.logIn();
    await home.verify();
    const kept = await home.page.evaluate(() => ({
      local: { ...localStorage }, session: { ...sessionStorage }, cookies: document.cookie, address: location.href,
    }));
    assert.deepEqual(kept, { local: {}, session: {}, cookies: "", address: `${base}/` });
    await home.page.reload();
    await home.state("register", "open");
    assert.equal(await home.step("register").getByLabel("Password", { exact: true }).inputValue(), "");
  });
});
