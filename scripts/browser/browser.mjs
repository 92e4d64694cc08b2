// Debian's Chromium, and a page in it that is watched: what it logs, what it asks for, what its policy refuses.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import AxeBuilder from "@axe-core/playwright";
import { chromium } from "playwright-core";

export const base = process.env.COUNTERSIGN_URL;
const shots = process.env.SCREENSHOTS;
const WIDE = { width: 1280, height: 900 };
const NARROW = { width: 390, height: 844 };
// Each colour scheme and each width once: no style depends on both.
export const LOOKS = [
  { scheme: "light", width: "wide", viewport: WIDE },
  { scheme: "dark", width: "narrow", viewport: NARROW },
];

export function launch() {
  // In a container, as root, Chromium's sandbox can't be set up. The only pages that it opens are ours.
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
}

// A page with nothing remembered. `complaints` fills with what must not happen.
export async function watchedPage(browser, { scheme = "light", viewport = WIDE, origin = base } = {}) {
  const context = await browser.newContext({ baseURL: origin, colorScheme: scheme, viewport, reducedMotion: "reduce", locale: "en-GB" });
  await context.grantPermissions(["clipboard-read", "clipboard-write"], { origin });
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  const complaints = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(`console: ${message.text()} ${message.location().url}`);
  });
  page.on("pageerror", (error) => complaints.push(`uncaught: ${error.stack}`));
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (!["data:", "blob:"].includes(url.protocol) && url.origin !== origin) complaints.push(`request to another host: ${url}`);
  });
  // Not all that a policy refuses is logged.
  await page.exposeFunction("refusedByPolicy", (what) => complaints.push(`policy: ${what}`));
  await page.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => {
      window.refusedByPolicy(`${event.effectiveDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber} ${event.sample}`);
    });
  });
  return { page, context, complaints };
}

// A browser logs each answer that is an error. This takes out the ones that a test has asked for, and no others.
export function expectRefusal(complaints, status, path, origin = base) {
  const wanted = (text) => text.includes(`status of ${status} `) && text.endsWith(`${origin}${path}`);
  const at = complaints.findIndex(wanted);
  assert.notEqual(at, -1, `no ${status} for ${path} was logged: ${complaints.join("\n")}`);
  complaints.splice(at, 1);
}

export function assertNothingWrong(complaints) {
  assert.deepEqual(complaints, []);
}

// What axe finds serious or critical. `except` names rules, with a reason where it is called.
export async function assertAccessible(page, what, except = []) {
  const { violations } = await new AxeBuilder({ page }).disableRules(except).analyze();
  const found = violations
    .filter(({ impact }) => ["serious", "critical"].includes(impact))
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ target, failureSummary }) => `${target} ${failureSummary}`).join("\n  ")}`);
  assert.equal(found.length, 0, `${what}: axe found\n${found.join("\n")}`);
}

// For people to look at; nothing is compared.
export async function screenshot(page, name) {
  if (!shots) return;
  mkdirSync(shots, { recursive: true });
  await page.screenshot({ path: join(shots, `${name}.png`), fullPage: true });
}

export function uniqueName(prefix) {
  return `${prefix}-${crypto.randomUUID().slice(0, 8)}`;
}
