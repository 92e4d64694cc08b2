// Asks for tokens with the guide's clients: one request a line of standard input, as test_oauth_clients.py has it.
//
//   node service.mjs openid-client
import { resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'

const load = (file) => import(pathToFileURL(resolve(file)).href)
const library = process.argv[2]
const guide = await load(library === 'openid-client' ? 'service.mjs' : 'service-oauth4webapi.mjs')
const modules = await load(`node_modules/${library}/build/index.js`)

async function configured({ method, id, key, jwk }) {
  if (method === 'jwt') return guide.withPrivateKey(id, jwk)
  if (method === 'basic') return guide.withKey(id, key)
  // The guides show the two that are to be chosen from.
  if (library === 'openid-client') {
    const made = await guide.withKey(id, key)
    return new modules.Configuration(made.serverMetadata(), id, undefined, modules.ClientSecretPost(key))
  }
  return { ...(await guide.withKey(id, key)), auth: modules.ClientSecretPost(key) }
}

async function perform(request) {
  const { op, scope, audience, token } = request
  if (op === 'verify') {
    return guide.verify(new Request('https://stock.example.com/', { headers: { authorization: `Bearer ${token}` } }))
  }
  const config = await configured(request)
  if (op === 'token' && guide.token) return guide.token(config, scope, audience)
  if (op === 'token') {
    const source = guide.source(config, scope, audience)
    const first = await source()
    if ((await source()) !== first) throw new Error('the token is not kept')
    return first
  }
  if (op === 'exchange') return guide.actFor(config, token, scope, audience)
  if (op === 'introspect') return guide.introspect(config, token)
  if (op === 'revoke') return (await guide.revoke(config, token)) ?? {}
  throw new Error(op)
}

for await (const line of createInterface({ input: process.stdin })) {
  const answer = await perform(JSON.parse(line)).catch(async (error) => ({ error: `${error.name}: ${error.message} ${await guide.codeOf(error)}` }))
  console.log(JSON.stringify(answer))
}
process.exit(0)
