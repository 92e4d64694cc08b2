// How a Node service verifies a Countersign access token: npm install jose
//
// Reads a token from standard input and prints its claims: node verify.mjs < token
import { readFileSync } from 'node:fs'
import { createRemoteJWKSet, errors, jwtVerify } from 'jose'

const issuer = process.env.ISSUER ?? 'http://localhost:8080'
const audience = process.env.AUDIENCE ?? 'countersign'
const jwksUrl = process.env.JWKS_URL ?? `${issuer}/.well-known/jwks.json`
// What the server signs with. It is for the verifier to say; a token that could choose would choose "none".
const algorithm = process.env.ALGORITHM ?? 'ES256'

// One for the whole process: it keeps the key set, and fetches it again for a key it has not seen. Only HS256 has no
// published key: there the server's own secret verifies, and whoever holds that can sign as well.
const keys =
  algorithm === 'HS256'
    ? Buffer.from(process.env.JWT_SECRET, 'base64')
    : createRemoteJWKSet(new URL(jwksUrl))

/**
 * Returns the claims of a user's token that is good here and now, or, with `scope`, also of a service's that has that
 * scope, for itself (it has no `sid`) or for a user (`act`); throws otherwise.
 */
export async function verify(token, scope) {
  const { payload } = await jwtVerify(token, keys, {
    algorithms: [algorithm],
    issuer,
    audience,
    // An access token and nothing else that the same key may sign one day (RFC 9068, section 4).
    typ: 'at+jwt',
    requiredClaims: ['sub', 'exp', 'iat', 'jti'],
    // In seconds: clocks are never quite the same.
    clockTolerance: 5,
  })
  // A user's own token has a session and nobody who acts. All others allow what their scope names, and nothing else.
  const limited = 'act' in payload || !('sid' in payload)
  if (limited && !(scope && (payload.scope ?? '').split(' ').includes(scope))) {
    throw new errors.JWTClaimValidationFailed("not a user's own token, and without the scope", payload, 'scope')
  }
  return payload
}

if (import.meta.filename === process.argv[1]) {
  try {
    console.log(JSON.stringify(await verify(readFileSync(0, 'utf8').trim())))
  } catch (error) {
    if (!(error instanceof errors.JOSEError)) throw error
    console.error(`refused: ${error.message}`)
    process.exitCode = 1
  }
}
