// Asks one of the guide's verifiers about tokens: one a line of standard input, as {"token": …}. Answers {"claims": …} or {"refused": why}.
//
//   node verify.mjs ./verify-jose.mjs
import { once } from 'node:events'
import { resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'

const guide = await import(pathToFileURL(resolve(process.argv[2])).href)

// A middleware is asked as its users ask it: by a request.
async function overHttp(app) {
  const server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${server.address().port}/me`
  return async (token) => {
    const answer = await fetch(url, { headers: { authorization: `Bearer ${token}` } })
    if (answer.ok) return answer.json()
    throw new Error(`${answer.status} ${answer.headers.get('www-authenticate')}`)
  }
}

const verify = guide.verify ?? (await overHttp(guide.app))
for await (const line of createInterface({ input: process.stdin })) {
  const answer = await verify(JSON.parse(line).token).then(
    (claims) => ({ claims }),
    (error) => ({ refused: `${error.name}: ${error.message}` }),
  )
  console.log(JSON.stringify(answer))
}
process.exit(0)
