/** XMLHttpRequest as browsers have it: `responseText` grows, with an event for each piece. The packages for Node that have one do not. */
export class XMLHttpRequest {
  readyState = 0
  status = 0
  #bytes = Buffer.alloc(0)
  #headers = {}
  #abort = new AbortController()

  open(method, url) {
    this.#move(1, { method, url })
  }

  setRequestHeader(name, value) {
    this.#headers[name] = value
  }

  get responseText() {
    return this.#bytes.toString('latin1')
  }

  /** Of grpc-web's two types: an ArrayBuffer. */
  get response() {
    return Uint8Array.from(this.#bytes).buffer
  }

  getResponseHeader(name) {
    return this.head?.get(name) ?? null
  }

  getAllResponseHeaders() {
    return [...this.head].map(([name, value]) => `${name}: ${value}\r\n`).join('')
  }

  abort() {
    this.#abort.abort()
  }

  async send(body) {
    try {
      const answer = await fetch(this.url, { method: this.method, headers: this.#headers, body, signal: this.#abort.signal })
      this.#move(2, { head: answer.headers, status: answer.status, statusText: answer.statusText })
      for await (const piece of answer.body) {
        this.#bytes = Buffer.concat([this.#bytes, piece])
        this.#move(3, {})
      }
    } catch {
      // A request that failed has no status.
      this.status = 0
    }
    if (!this.#abort.signal.aborted) this.#move(4, {})
  }

  #move(readyState, news) {
    Object.assign(this, news, { readyState })
    this.onreadystatechange?.()
  }
}
