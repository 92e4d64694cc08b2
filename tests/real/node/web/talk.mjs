// Makes calls for the test, which says each in a line of standard input: { rpc: 'AuthService.Login', request, token }. An answer is a
// line with the message as JSON, or with `error`: code and reason. A stream is begun by { watch }, and ended by { stop }.
import { createInterface } from 'node:readline'

const say = (answer) => console.log(JSON.stringify(answer))

/** `call(rpc, request, token)` answers JSON; `watch(timeoutMs, signal)` yields JSON; `errorOf(error)` has its code and reason. */
export async function talk({ call, watch, errorOf }) {
  const guarded = (work) => work.catch((error) => ({ error: errorOf(error) }))

  let stream, stopping
  async function follow(timeoutMs) {
    stopping = new AbortController()
    for await (const message of watch(timeoutMs, stopping.signal)) say(message)
    return { ended: true }
  }

  for await (const line of createInterface({ input: process.stdin })) {
    const asked = JSON.parse(line)
    if (asked.watch) stream = guarded(follow(asked.watch.timeoutMs)).then(say)
    else if (asked.stop) {
      stopping.abort()
      await stream
    } else say(await guarded(call(asked.rpc, asked.request, asked.token)))
  }
  process.exit(0)
}
