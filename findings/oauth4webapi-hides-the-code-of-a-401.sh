#!/usr/bin/env bash
# A token endpoint refuses a wrong secret as RFC 6749, section 5.2, says: 401 with WWW-Authenticate, because the client used the
# Authorization header, and {"error": "invalid_client"} as the body. What do oauth4webapi and openid-client tell their user?
#
# Guess: a ResponseBodyError, whose `error` is "invalid_client", as for a 400.
#
# Seen: a WWWAuthenticateChallengeError with the challenges as its cause. `error` is undefined; nothing of the body is in the message.
# The code is there only for those who read the body of `error.response` themselves. A 400 with the same body has it, and so has a
# 401 without WWW-Authenticate, which is not what the RFC wants.
#
#   401, WWW-Authenticate: Basic realm="x"   WWWAuthenticateChallengeError, error undefined, the body says invalid_client
#   401 without the header                   ResponseBodyError, error invalid_client
#   400                                      ResponseBodyError, error invalid_client
#
# Versions: oauth4webapi 3.8.8, openid-client 6.9.0 (Node 20.20). Seen on 2026-11-29.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --silent --no-audit --no-fund --ignore-scripts oauth4webapi@3.8.8 openid-client@6.9.0 >/dev/null

cat >program.mjs <<'JAVASCRIPT'
import http from 'node:http'
import * as oauth from 'oauth4webapi'
import * as client from 'openid-client'

const CASES = {
  'with a challenge': [401, { 'www-authenticate': 'Basic realm="x"' }],
  'without one': [401, {}],
  'a 400': [400, {}],
}
let refusal
const server = http.createServer((request, response) => {
  const [status, headers] = refusal
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store', ...headers })
  response.end(JSON.stringify({ error: 'invalid_client' }))
})
await new Promise((listening) => server.listen(0, '127.0.0.1', listening))
const issuer = `http://127.0.0.1:${server.address().port}`
const as = { issuer, token_endpoint: `${issuer}/token` }

async function byOauth4webapi() {
  const me = { client_id: 'me' }
  const answer = await oauth.clientCredentialsGrantRequest(as, me, oauth.ClientSecretBasic('wrong'), {}, { [oauth.allowInsecureRequests]: true })
  return oauth.processClientCredentialsResponse(as, me, answer)
}

async function byOpenidClient() {
  const config = new client.Configuration(as, 'me', undefined, client.ClientSecretBasic('wrong'))
  client.allowInsecureRequests(config)
  return client.clientCredentialsGrant(config)
}

for (const [what, answer] of Object.entries(CASES)) {
  refusal = answer
  for (const [name, ask] of Object.entries({ 'oauth4webapi': byOauth4webapi, 'openid-client': byOpenidClient })) {
    const error = await ask().then(() => { throw new Error('no error') }, (error) => error)
    const body = error.error === undefined ? await error.response.json() : undefined
    console.log(`${name}, ${what}: ${error.constructor.name}, error ${error.error}${body ? `, the body says ${body.error}` : ''}`)
    const hidden = error.constructor.name === 'WWWAuthenticateChallengeError' && error.error === undefined && body?.error === 'invalid_client'
    if (hidden !== (what === 'with a challenge')) process.exitCode = 1
  }
}
server.close()
JAVASCRIPT
timeout 60 node program.mjs
