// What scripts/check-generators asks in Node: that @grpc/proto-loader and protoc-gen-es give each field the name that JSON has for
// it, and that a request which they made says what was put into it.
//
//   node names.mjs ROOT ES    the folder of this repository, and that of what protoc-gen-es has made
import assert from 'node:assert/strict'
import { pathToFileURL } from 'node:url'
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import grpc from '@grpc/grpc-js'
import protoLoader from '@grpc/proto-loader'

const [root, es] = process.argv.slice(2)
const includeDirs = ['proto', 'third_party/googleapis', 'third_party/protovalidate'].map((folder) => `${root}/${folder}`)
const files = ['account_service', 'auth_service', 'token_service', 'tokens', 'user'].map((name) => `auth/v1/${name}`)
// From before the names had a rule: protobuf.js calls them is_2faEnabled.
const odd = new Set(['auth.v1.RegisterRequest.is_2fa_enabled', 'auth.v1.User.is_2fa_enabled'])

const load = (options) =>
  protoLoader.loadSync(files.map((file) => `${file}.proto`), { includeDirs, ...options })
const [camel, kept] = [load({}), load({ keepCase: true })]
const generated = await Promise.all(files.map((file) => import(pathToFileURL(`${es}/${file}_pb.js`).href)))

let compared = 0
for (const exports of generated) {
  for (const message of Object.values(exports).filter((value) => value.kind === 'message')) {
    const names = (definition) => definition[message.typeName].type.field.map((field) => field.name)
    const [inCamelCase, asWritten] = [names(camel), names(kept)]
    message.fields.forEach((field, at) => {
      const path = `${message.typeName}.${field.name}`
      assert.equal(asWritten[at], field.name, path)
      assert.equal(inCamelCase[at] === field.jsonName, !odd.has(path), `${path}: ${inCamelCase[at]}`)
      assert.equal(field.localName, field.jsonName, path)
      compared += 1
    })
  }
}

// One RPC is enough: all are made in the same way. Every spelling reaches the same bytes.
const auth = generated[1]
const wanted = { username: 'alice', twoFactor: true }
const bytes = Buffer.from(toBinary(auth.RegisterRequestSchema, create(auth.RegisterRequestSchema, wanted)))
for (const [definition, request] of [[camel, wanted], [kept, { username: 'alice', two_factor: true }]]) {
  const { Register } = definition['auth.v1.AuthService']
  assert.deepEqual(Register.requestSerialize(request), bytes)
  assert.equal(fromBinary(auth.RegisterRequestSchema, Register.requestSerialize(request)).twoFactor, true)
  const { AuthService } = grpc.loadPackageDefinition(definition).auth.v1
  assert.equal(typeof AuthService.prototype.Verify2FA, 'function')
}
assert.equal(typeof auth.AuthService.method.verify2FA, 'object')
console.log(`ok: proto-loader and protoc-gen-es agree on the names of ${compared} fields`)
