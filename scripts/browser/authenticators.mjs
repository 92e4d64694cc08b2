// Authenticators that exist in Chromium alone (DevTools protocol, domain WebAuthn): a phone's or laptop's own, or a security key.

import { EventEmitter, on } from "node:events";

// Milliseconds until a question that does not come fails its test.
const PATIENCE = 20_000;

// Where authenticators can be plugged into a page. What is really on the machine is no longer asked.
export async function sockets(page) {
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("WebAuthn.enable");
  return {
    // One whose user agrees to everything, unless `options` say otherwise.
    async plug(options = {}) {
      const usual = {
        protocol: "ctap2", ctap2Version: "ctap2_1", transport: "internal", hasResidentKey: true, hasUserVerification: true,
        isUserVerified: true, automaticPresenceSimulation: true,
      };
      const { authenticatorId } = await devtools.send("WebAuthn.addVirtualAuthenticator", { options: { ...usual, ...options } });
      return new Authenticator(devtools, authenticatorId);
    },
  };
}

// Follows the questions of a page to the browser. What it gives waits until so many more of them are open.
export async function questions(page) {
  const asked = new EventEmitter();
  await page.exposeFunction("aPasskeyIsAskedFor", () => asked.emit("question"));
  await page.addInitScript(() => {
    const { prototype } = CredentialsContainer;
    const { get } = prototype;
    prototype.get = function (options) {
      const answer = get.call(this, options);
      window.aPasskeyIsAskedFor();
      return answer;
    };
  });
  return async (count = 1) => {
    let seen = 0;
    for await (const _ of on(asked, "question", { signal: AbortSignal.timeout(PATIENCE) })) {
      seen += 1;
      if (seen === count) return;
    }
  };
}

class Authenticator {
  constructor(devtools, id) {
    this.devtools = devtools;
    this.id = id;
  }

  async send(what, parameters = {}) {
    return this.devtools.send(`WebAuthn.${what}`, { authenticatorId: this.id, ...parameters });
  }

  // Its credentials, with private keys and counters: what a thief would have who copies it.
  async credentials() {
    return (await this.send("getCredentials")).credentials;
  }

  // Puts a credential in place of what it has of that id.
  async put(credential) {
    const { credentialId } = credential;
    const known = await this.credentials();
    if (known.some((one) => one.credentialId === credentialId)) await this.send("removeCredential", { credentialId });
    await this.send("addCredential", { credential });
  }

  // Whether its user touches it when they are asked. It counts for questions that are asked from now on.
  async touch(enabled) {
    await this.send("setAutomaticPresenceSimulation", { enabled });
  }

  // Whether the fingerprint, the face or the PIN is right.
  async recognise(isUserVerified) {
    await this.send("setUserVerified", { isUserVerified });
  }

  // What it says of back-ups of a credential.
  async backUp({ credentialId }, properties) {
    await this.send("setCredentialProperties", { credentialId, ...properties });
  }

  async unplug() {
    await this.send("removeVirtualAuthenticator");
  }
}
