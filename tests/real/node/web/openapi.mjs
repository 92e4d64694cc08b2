// What openapi-ts has made, by its own names: node openapi.mjs URL
import * as sdk from './generated/index.js'
import { talk } from './talk.mjs'

const [baseUrl] = process.argv.slice(2)

/** AuthService.Verify2FA is authServiceVerify2Fa. */
const named = (rpc) => Object.entries(sdk).find(([name]) => name.toLowerCase() === rpc.replace('.', '').toLowerCase())[1]

await talk({
  async call(rpc, request, token) {
    const isRead = /\.(Get|List)/.test(rpc)
    const { data, error } = await named(rpc)({ baseUrl, auth: token, ...(isRead ? { query: request } : { body: request }) })
    if (error) throw error
    return data
  },
  errorOf: ({ code, details }) => ({
    code,
    reason: details?.find((detail) => detail['@type'] === 'type.googleapis.com/google.rpc.ErrorInfo')?.reason,
  }),
})
