// The API pages, in a real browser against a real server.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { LOOKS, assertAccessible, assertNothingWrong, base, launch, screenshot, uniqueName, watchedPage } from "./browser.mjs";
import { PASSWORD } from "./home_page.mjs";

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

// An operation, opened.
async function operation(page, path, method) {
  return opened(page.locator(`.opblock-${method}`, { has: page.locator(`[data-path="${path}"]`) }));
}

async function opened(block) {
  await block.locator(".opblock-summary-control").click();
  await block.locator(".execute").waitFor();
  return block;
}

// Sends the operation with this body, by the page's own form, and gives what the page shows of the answer.
async function execute(page, path, method, body) {
  const block = await operation(page, path, method);
  if (body) await block.locator("textarea.body-param__text").fill(JSON.stringify(body));
  await block.locator(".execute").click();
  const answer = block.locator(".live-responses-table .response").first();
  await answer.waitFor();
  assert.equal((await answer.locator(".response-col_status").innerText()).trim().split(/\s/)[0], "200");
  return JSON.parse(await answer.locator(".highlight-code code").first().innerText());
}

async function codeFor(email) {
  const deadline = Date.now() + 20_000;
  while (Date.now() < deadline) {
    const { messages } = await (await fetch(`${base}/dev/inbox`)).json();
    const message = messages.find(({ to, code }) => to === email && code);
    if (message) return message.code;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return assert.fail(`no code came for ${email}`);
}

async function authorize(page, token) {
  await page.locator(".auth-wrapper .btn.authorize").first().click();
  const dialog = page.locator(".dialog-ux");
  await dialog.locator("input").first().fill(token);
  await dialog.locator(".btn.authorize").first().click();
  await dialog.locator(".btn-done").click();
}

test("scripts come from this server alone, and none is inline", async () => {
  const policy = (await fetch(`${base}/docs`)).headers.get("content-security-policy");
  assert.ok(policy.includes("default-src 'none'"), policy);
  assert.ok(policy.includes("frame-ancestors 'none'"), policy);
  assert.match(policy, /script-src 'self'(;|$)/);
  assert.doesNotMatch(policy, /unsafe-eval|https?:|\*/);
});

test("Register, Login, Verify2FA and GetMe can be carried out", async () => {
  const { page, context, complaints } = await watchedPage(browser);
  await page.goto("/docs");
  const username = uniqueName("grace");
  const email = `${username}@example.com`;
  await execute(page, "/v1/users:register", "post", { username, email, password: PASSWORD, twoFactor: true });
  const { challenge } = await execute(page, "/v1/sessions:login", "post", { username, password: PASSWORD });
  const answer = { challengeId: challenge.challengeId, otpCode: await codeFor(email) };
  const { tokens } = await execute(page, "/v1/sessions:verify", "post", answer);
  await authorize(page, tokens.accessToken);
  const { user } = await execute(page, "/v1/me", "get");
  assert.equal(user.username, username);
  await assertAccessible(page, "the flow");
  await screenshot(page, "docs-light-wide-flow");
  const kept = await page.evaluate(() => ({ local: { ...localStorage }, cookies: document.cookie }));
  assert.deepEqual(kept, { local: {}, cookies: "" });
  assertNothingWrong(complaints);
  await context.close();
});

test("a link leads to an operation", async () => {
  const { page, context, complaints } = await watchedPage(browser);
  await page.goto("/docs");
  await operation(page, "/v1/sessions:login", "post");
  await page.waitForURL(/#.+/);
  const link = page.url();
  await page.goto("about:blank");
  await page.goto(link);
  await page.locator(`.opblock.is-open [data-path="/v1/sessions:login"]`).waitFor();
  assertNothingWrong(complaints);
  await context.close();
});

for (const { scheme, width, viewport } of LOOKS) {
  test(`nothing serious for axe: ${scheme}, ${width}`, async () => {
    const { page, context, complaints } = await watchedPage(browser, { scheme, viewport });
    await page.goto("/docs");
    await page.locator("[data-path]").first().waitFor();
    await assertAccessible(page, "all operations");
    await screenshot(page, `docs-${scheme}-${width}-1-all`);
    await operation(page, "/v1/sessions:login", "post");
    await opened(page.locator(".opblock-delete", { has: page.locator(`[data-path^="/v1/me/sessions/{"]`) }));
    await assertAccessible(page, "operations with a body and with a parameter");
    await screenshot(page, `docs-${scheme}-${width}-2-operation`);
    assertNothingWrong(complaints);
    await context.close();
  });
}
