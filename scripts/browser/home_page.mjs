// The development page as a person uses it: what they fill in, press and read.

import assert from "node:assert/strict";
import { uniqueName } from "./browser.mjs";

export const PASSWORD = "correct horse battery";

export class HomePage {
  constructor(page) {
    this.page = page;
  }

  async open() {
    await this.page.goto("/");
    await this.page.locator("#revocations .link[data-state=live]").waitFor();
  }

  step(name) {
    return this.page.locator(`#${name}`);
  }

  async state(name, state) {
    await this.page.locator(`#${name}[data-state=${state}]`).waitFor();
  }

  async outcome(name, text) {
    await this.step(name).locator(".outcome").filter({ hasText: text }).waitFor();
  }

  async press(step, name) {
    await this.step(step).getByRole("button", { name, exact: true }).click();
  }

  async register({ twoFactor = true, username = uniqueName("ada") } = {}) {
    const here = this.step("register");
    await here.getByLabel("Username").fill(username);
    await here.getByLabel("E-mail address").fill(`${username}@example.com`);
    await here.getByLabel("Password", { exact: true }).fill(PASSWORD);
    await here.getByRole("switch").setChecked(twoFactor);
    await this.press("register", "Register");
    await this.outcome("register", `${username} is registered`);
    return username;
  }

  async logIn() {
    await this.state("login", "open");
    await this.press("login", "Log in");
    await this.state("login", "done");
  }

  // Takes the code that the page offers: from the inbox, or of the app that it plays.
  async takeCode(step) {
    await this.press(step, "Use this code");
    assert.match(await this.step(step).getByRole("textbox").last().inputValue(), /^\d{6}$/);
  }

  async verify() {
    await this.takeCode("verify");
    await this.press("verify", "Verify");
    await this.state("verify", "done");
    await this.outcome("token", "The signature is good");
    await this.state("sessions", "done");
  }

  async enrolApp() {
    await this.press("authenticator", "Begin");
    const qr = this.step("authenticator").getByRole("img", { name: /QR code/ });
    await qr.waitFor();
    // A picture that can't be decoded has no size.
    assert.ok(await qr.evaluate((image) => image.decode().then(() => image.naturalWidth > 20)));
    await this.step("authenticator").getByText("Development helper").waitFor();
    await this.takeCode("authenticator");
  }

  async confirmApp() {
    await this.press("authenticator", "Confirm the app");
    await this.state("authenticator", "done");
    assert.equal(await this.step("authenticator").locator(".codes li").count(), 10);
  }

  async addPasskey(name = "This device") {
    const here = this.step("passkeys");
    await here.getByLabel("Name", { exact: true }).fill(name);
    await this.press("passkeys", "Add a passkey");
    await this.outcome("passkeys", `“${name}” is added`);
  }

  // As the page has it once somebody is logged in.
  async loggedIn() {
    await this.state("login", "done");
    await this.outcome("token", "The signature is good");
    await this.state("sessions", "done");
  }

  // What the token says of this claim.
  async claim(name) {
    const row = this.step("token").locator("tr", { has: this.page.locator("th code", { hasText: new RegExp(`^${name}$`) }) });
    return row.locator("td").innerText();
  }

  async refusal(step, text) {
    await this.step(step).getByRole("alert").getByText(text).waitFor();
  }

  async logOut() {
    await this.press("logout", "Log out");
    await this.outcome("logout", /The revocation arrived after \d+ ms\. The token is inactive now/);
    await this.page.locator("#revocations .ours").first().getByText("That is your session.").waitFor();
  }
}
