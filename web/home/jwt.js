// Takes a JSON Web Token apart (RFC 7519) and checks its signature (RFC 7515) with WebCrypto.

// What each algorithm is called there. The key says which one it is for, never the token: a token that may choose could
// choose a weaker one.
const ALGORITHMS = {
  ES256: { key: { name: "ECDSA", namedCurve: "P-256" }, verify: { name: "ECDSA", hash: "SHA-256" } },
  RS256: { key: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" }, verify: { name: "RSASSA-PKCS1-v1_5" } },
  EdDSA: { key: { name: "Ed25519" }, verify: { name: "Ed25519" } },
};

export function bytes(base64url) {
  const text = atob(base64url.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

export function decode(token) {
  const [header, claims, signature] = token.split(".");
  const json = (part) => JSON.parse(new TextDecoder().decode(bytes(part)));
  return {
    header: json(header),
    claims: json(claims),
    signed: new TextEncoder().encode(`${header}.${claims}`),
    signature: bytes(signature),
  };
}

// Whether the signature is good, bad, or can't be told, and why.
export async function check(token, keySet) {
  const { header, signed, signature } = decode(token);
  const jwk = keySet.keys.find((key) => key.kid === header.kid);
  if (!jwk && header.alg === "HS256") return { verdict: "unknown", why: "The key of HS256 is secret: nobody but the server can check it." };
  if (!jwk) return { verdict: "bad", why: "The key set has no such key." };
  if (header.alg !== jwk.alg) return { verdict: "bad", why: `The key is for ${jwk.alg}, the token says ${header.alg}.` };
  // Browsers keep WebCrypto from pages that come over plain HTTP from another machine.
  if (!globalThis.crypto?.subtle) return { verdict: "unknown", why: "This browser has WebCrypto only for localhost and HTTPS." };
  return verify(jwk, signature, signed);
}

async function verify(jwk, signature, signed) {
  const algorithm = ALGORITHMS[jwk.alg];
  // Browsers disagree on the name that a key of Ed25519 has here. It was compared already.
  const { alg, ...material } = jwk;
  try {
    const key = await crypto.subtle.importKey("jwk", material, algorithm.key, false, ["verify"]);
    const good = await crypto.subtle.verify(algorithm.verify, key, signature, signed);
    if (good) return { verdict: "good", why: `Signed by ${alg} with the key ${jwk.kid}.` };
    return { verdict: "bad", why: "The signature is not that of this header and these claims." };
  } catch (error) {
    return { verdict: "unknown", why: `This browser can't check ${alg}: ${error.message}` };
  }
}

// The same token for another user, with the signature as it was.
export function forged(token) {
  const [header, , signature] = token.split(".");
  const changed = { ...decode(token).claims, preferred_username: "mallory" };
  const utf8 = String.fromCharCode(...new TextEncoder().encode(JSON.stringify(changed)));
  const encoded = btoa(utf8).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  return [header, encoded, signature].join(".");
}
