// A server stream by Connect over fetch: each message comes in an envelope of one byte of flags and four of length.

const END_OF_STREAM = 2;
const HEAD = 5;

function envelope(message) {
  const payload = new TextEncoder().encode(JSON.stringify(message));
  const bytes = new Uint8Array(HEAD + payload.length);
  new DataView(bytes.buffer).setUint32(1, payload.length);
  bytes.set(payload, HEAD);
  return bytes;
}

// Yields the messages of a stream, and returns when the server ends it; throws where it ends with an error.
export async function* stream(path, message, signal) {
  const response = await fetch(path, {
    method: "POST",
    headers: { "content-type": "application/connect+json", "connect-protocol-version": "1" },
    body: envelope(message),
    credentials: "omit",
    cache: "no-store",
    signal,
  });
  if (!response.ok) throw new Error(`HTTP status ${response.status}`);
  const reader = response.body.getReader();
  let waiting = new Uint8Array(0);
  for (;;) {
    // A chunk of the network may be any part of an envelope, or several of them.
    for (let next; (next = opened(waiting)); ) {
      waiting = next.rest;
      if (next.flags & END_OF_STREAM) return ended(next.message);
      yield next.message;
    }
    const { value, done } = await reader.read();
    if (done) throw new Error("the connection was lost");
    waiting = joined(waiting, value);
  }
}

// The first message of what was received, or null where it is not all there yet.
function opened(bytes) {
  if (bytes.length < HEAD) return null;
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(1);
  if (bytes.length < HEAD + length) return null;
  const text = new TextDecoder().decode(bytes.subarray(HEAD, HEAD + length));
  return { flags: bytes[0], message: JSON.parse(text || "{}"), rest: bytes.subarray(HEAD + length) };
}

function ended({ error }) {
  if (error) throw new Error(`${error.code}: ${error.message ?? ""}`);
}

function joined(one, other) {
  const both = new Uint8Array(one.length + other.length);
  both.set(one);
  both.set(other, one.length);
  return both;
}
