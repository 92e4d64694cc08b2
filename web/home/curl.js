// The curl line of a request, to be pasted into a POSIX shell.

// Within single quotes a shell reads everything as it stands, but the quote itself.
export function quoted(text) {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

export function curl({ method, path, body, token }, origin = location.origin) {
  const parts = [method === "GET" || method === "POST" ? "curl" : `curl --request ${method}`];
  if (token) parts.push(`--header ${quoted(`authorization: Bearer ${token}`)}`);
  if (body) {
    parts.push(`--header 'content-type: application/json'`);
    parts.push(`--data ${quoted(JSON.stringify(body))}`);
  }
  parts.push(origin + path);
  return parts.join(" \\\n  ");
}

// A stream of Connect takes its request in an envelope: a byte of flags, the length in four bytes, the message.
export function streamingCurl(path, message, origin = location.origin) {
  const length = new TextEncoder().encode(message).length;
  const octal = [24, 16, 8, 0].map((shift) => `\\${((length >>> shift) & 255).toString(8).padStart(3, "0")}`).join("");
  const envelope = `\\000${octal}${message.replaceAll("\\", "\\\\").replaceAll("%", "%%")}`;
  const send = "curl --no-buffer --data-binary @- --header 'content-type: application/connect+json'";
  return `printf ${quoted(envelope)} |\n  ${send} \\\n  ${origin}${path}`;
}
