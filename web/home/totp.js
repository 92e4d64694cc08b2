// The codes that an authenticator app shows (RFC 6238: SHA-1, six digits, steps of 30 seconds).

const STEP = 30;

function fromBase32(text) {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  const bits = [...text.replace(/[\s=]/g, "").toUpperCase()]
    .map((letter) => alphabet.indexOf(letter).toString(2).padStart(5, "0")).join("");
  return Uint8Array.from(bits.match(/.{8}/g), (byte) => parseInt(byte, 2));
}

export function stepAt(milliseconds) {
  return Math.floor(milliseconds / 1000 / STEP);
}

export function secondsLeft(milliseconds) {
  return STEP - (Math.floor(milliseconds / 1000) % STEP);
}

export async function codeOf(secret, step) {
  const key = await crypto.subtle.importKey("raw", fromBase32(secret), { name: "HMAC", hash: "SHA-1" }, false, ["sign"]);
  const message = new DataView(new ArrayBuffer(8));
  message.setBigUint64(0, BigInt(step));
  const digest = new DataView(await crypto.subtle.sign("HMAC", key, message));
  // Dynamic truncation (RFC 4226, section 5.3).
  const offset = digest.getUint8(19) & 15;
  return String((digest.getUint32(offset) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}
