// The verdicts of @simplewebauthn/server on the lines that tests/real/passkeys/cases.py prints.
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'

// What the working folder has installed.
const require = createRequire(`${process.cwd()}/`)
const { verifyAuthenticationResponse, verifyRegistrationResponse } = require('@simplewebauthn/server')

async function judge({ ceremony, rp_id, origin, challenge, user_verification, response, stored }) {
  const expected = {
    response: JSON.parse(response),
    expectedChallenge: challenge,
    expectedOrigin: origin,
    expectedRPID: rp_id,
    requireUserVerification: user_verification === 'required',
  }
  if (ceremony === 'registration') return (await verifyRegistrationResponse(expected)).verified
  // Its caller finds the credential by that id.
  if (expected.response.id !== stored.id) throw new Error('unknown credential')
  const credential = { id: stored.id, publicKey: Uint8Array.from(Buffer.from(stored.public_key, 'base64url')), counter: stored.sign_count }
  return (await verifyAuthenticationResponse({ ...expected, credential })).verified
}

for await (const line of createInterface({ input: process.stdin })) {
  // Whatever it throws is its way to refuse.
  const verdict = await judge(JSON.parse(line)).then((verified) => (verified ? 'accepted' : 'not verified'), (error) => `${error}`)
  console.log(verdict.replaceAll('\n', ' '))
}
