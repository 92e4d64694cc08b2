// Does with the guide's client what each line of standard input says, and answers with a line. tests/real/test_languages.py has the words.
import { resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'

const guide = await import(pathToFileURL(resolve('client.mjs')).href)
const { auth, token } = guide.connect()
const answerOf = (work) => work.catch((error) => ({ error: guide.detailsOf(error) }))

let load
async function worker(load, { username, password }) {
  for (let at = 0; load.enough === undefined || load.calls < load.enough; at += 1) {
    const one = at % 50 ? guide.call(token, 'GetJwks', {}) : guide.login(auth, username, password)
    const code = await one.then(() => 'OK', (error) => guide.detailsOf(error).code)
    const now = performance.now()
    load.calls += 1
    if (code === 'OK') {
      load.gap = Math.max(load.gap, now - load.last)
      load.last = now
    } else load.failures[code] = (load.failures[code] ?? 0) + 1
    await new Promise((resume) => setTimeout(resume, load.pause))
  }
}

const operations = {
  register: async ({ request_id, ...request }) => ({ user: await guide.register(auth, request, request_id) }),
  login: ({ username, password }) => guide.login(auth, username, password),
  verify: ({ challenge_id, code }) => guide.verifyCode(auth, challenge_id, code),
  refresh: ({ refresh_token, request_id }) => guide.refresh(auth, refresh_token, request_id),
  resend: ({ challenge_id }) => guide.call(auth, 'ResendCode', { challenge_id }),
  crowd: async ({ count, prefix, password }) => {
    const one = (at) => guide.register(auth, { username: `${prefix}${at}`, email: `${prefix}${at}@example.com`, password })
    const all = Array.from({ length: count }, (_, at) => one(at).then(() => 'OK', (error) => JSON.stringify(guide.detailsOf(error))))
    return { results: await Promise.all(all) }
  },
  begin_load: async ({ workers, pause, ...who }) => {
    load = { calls: 0, failures: {}, gap: 0, last: performance.now(), pause }
    load.done = Promise.all(Array.from({ length: workers }, () => worker(load, who)))
    return { calls: 0 }
  },
  end_load: async ({ at_least }) => {
    load.enough = at_least
    await load.done
    return { calls: load.calls, failures: load.failures, gap: load.gap / 1000 }
  },
}

for await (const line of createInterface({ input: process.stdin })) {
  const { op, ...request } = JSON.parse(line)
  console.log(JSON.stringify(await answerOf(operations[op](request))))
}
process.exit(0)
