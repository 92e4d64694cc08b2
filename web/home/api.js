// One request to the server, with what it answered. An error is an answer too: nothing here throws.

export async function send({ method, path, body, token }) {
  const headers = { accept: "application/json" };
  if (body) headers["content-type"] = "application/json";
  if (token) headers.authorization = `Bearer ${token}`;
  const begun = performance.now();
  try {
    const response = await fetch(path, {
      method,
      headers,
      body: body && JSON.stringify(body),
      // The token is all that says who asks. Cookies of other programs on this host are none of the server's business.
      credentials: "omit",
      cache: "no-store",
    });
    const answer = parsed(await response.text());
    return { ok: response.ok, status: response.status, answer, took: performance.now() - begun };
  } catch {
    const answer = { message: "the server can't be reached" };
    return { ok: false, status: 0, answer, took: performance.now() - begun };
  }
}

// A proxy between the two may answer with a page of its own.
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return { message: text.slice(0, 200) || "the answer is empty" };
  }
}
