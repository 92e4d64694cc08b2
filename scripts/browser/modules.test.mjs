// The modules of the development page, one by one, in the browser that they are for.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { generateKeyPairSync, sign } from "node:crypto";
import { after, before, test } from "node:test";
import { launch, watchedPage } from "./browser.mjs";

let browser;
let page;
before(async () => {
  browser = await launch();
  ({ page } = await watchedPage(browser));
  await page.goto("/");
});
after(() => browser.close());

const base64url = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

// How each algorithm makes its keys and signatures.
const SIGNERS = {
  ES256: ["ec", { namedCurve: "P-256" }, "sha256", { dsaEncoding: "ieee-p1363" }],
  RS256: ["rsa", { modulusLength: 2048 }, "sha256", {}],
  EdDSA: ["ed25519", {}, null, {}],
};

function tokenAndKeySet(alg, header = { alg, kid: "k1" }) {
  const [type, options, hash, how] = SIGNERS[alg];
  const { publicKey, privateKey } = generateKeyPairSync(type, options);
  const signed = `${base64url(header)}.${base64url({ preferred_username: "åda" })}`;
  const token = `${signed}.${sign(hash, Buffer.from(signed), { key: privateKey, ...how }).toString("base64url")}`;
  return { token, keySet: { keys: [{ ...publicKey.export({ format: "jwk" }), alg, kid: "k1", use: "sig" }] } };
}

function verdict(token, keySet) {
  return page.evaluate(async ([token, keySet]) => {
    const { check } = await import("/home/jwt.js");
    return (await check(token, keySet)).verdict;
  }, [token, keySet]);
}

for (const alg of Object.keys(SIGNERS)) {
  test(`a signature by ${alg} is good, and that of another key or for another user is bad`, async () => {
    const { token, keySet } = tokenAndKeySet(alg);
    assert.equal(await verdict(token, keySet), "good");
    assert.equal(await verdict(token, tokenAndKeySet(alg).keySet), "bad");
    const forged = await page.evaluate(async (token) => (await import("/home/jwt.js")).forged(token), token);
    assert.equal(await verdict(forged, keySet), "bad");
  });
}

test("a token can't choose its algorithm or a key that is not published", async () => {
  // Each is signed as it should be by the key of ES256, and says something else of itself.
  for (const [alg, kid] of [["none", "k1"], ["HS256", "k1"], ["RS256", "k1"], ["ES256", "k2"]]) {
    const { token, keySet } = tokenAndKeySet("ES256", { alg, kid });
    assert.equal(await verdict(token, keySet), "bad", `${alg} ${kid}`);
  }
  const { token } = tokenAndKeySet("ES256", { alg: "HS256", kid: "k1" });
  assert.equal(await verdict(token, { keys: [] }), "unknown");
});

test("codes of an app are those of RFC 6238", async () => {
  // Appendix B: SHA-1 and the secret "12345678901234567890"; the last six of eight digits.
  const vectors = {
    59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037", 20000000000: "353130",
  };
  for (const [seconds, code] of Object.entries(vectors)) {
    const shown = await page.evaluate(async (seconds) => {
      const { codeOf, stepAt } = await import("/home/totp.js");
      return codeOf("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", stepAt(seconds * 1000));
    }, Number(seconds));
    assert.equal(shown, code, seconds);
  }
});

test("a shell reads a curl line as it was meant", async () => {
  const body = { password: `it's "$HOME" \\ \`id\` %s é` };
  const line = await page.evaluate(async (body) => {
    const { curl } = await import("/home/curl.js");
    return curl({ method: "DELETE", path: "/v1/x", body, token: "a.b.c" });
  }, body);
  // The arguments as curl would get them, each followed by a zero byte.
  const script = line.replace(/^curl/, "printf '%s\\0'");
  const words = execFileSync("sh", ["-c", script], { encoding: "utf8" }).split("\0");
  assert.deepEqual(words.slice(0, 4), ["--request", "DELETE", "--header", "authorization: Bearer a.b.c"]);
  assert.deepEqual(JSON.parse(words[words.indexOf("--data") + 1]), body);
});

test("the curl line of a stream sends an envelope of Connect", async () => {
  const message = JSON.stringify({ cursor: "100%\\".padEnd(300, "x") });
  const line = await page.evaluate(async (message) => (await import("/home/curl.js")).streamingCurl("/p", message), message);
  const sent = execFileSync("sh", ["-c", line.slice(0, line.indexOf(" |\n"))]);
  assert.equal(sent[0], 0);
  assert.equal(sent.readUInt32BE(1), sent.length - 5);
  assert.equal(sent.subarray(5).toString(), message);
});

// What the page reads of a stream whose bytes arrive in chunks of this size.
function received(envelopes, chunk) {
  return page.evaluate(async ([envelopes, chunk]) => {
    const { stream } = await import("/home/connect.js");
    const bytes = envelopes.flatMap(([flags, text]) => {
      const payload = [...new TextEncoder().encode(text)];
      return [flags, 0, 0, payload.length >> 8, payload.length & 255, ...payload];
    });
    const body = new ReadableStream({
      start(controller) {
        for (let at = 0; at < bytes.length; at += chunk) controller.enqueue(Uint8Array.from(bytes.slice(at, at + chunk)));
        controller.close();
      },
    });
    const real = window.fetch;
    window.fetch = async () => new Response(body);
    const seen = [];
    try {
      for await (const message of stream("/p", {})) seen.push(message);
      seen.push("end");
    } catch (error) {
      seen.push(error.message);
    } finally {
      window.fetch = real;
    }
    return seen;
  }, [envelopes, chunk]);
}

test("a stream is read however the network cuts it, and its end is told from a loss", async () => {
  const long = "é".repeat(400);
  const messages = [[0, `{"cursor":"1"}`], [0, JSON.stringify({ cursor: long })]];
  for (const chunk of [1, 3, 7, 10_000]) {
    assert.deepEqual(await received([...messages, [2, "{}"]], chunk), [{ cursor: "1" }, { cursor: long }, "end"]);
  }
  assert.deepEqual(await received(messages, 5), [{ cursor: "1" }, { cursor: long }, "the connection was lost"]);
  const refused = [2, JSON.stringify({ error: { code: "unavailable", message: "away" } })];
  assert.deepEqual(await received([refused], 4), ["unavailable: away"]);
});
