// Introspects tokens over TLS as the guide has it: one request a line of standard input, as test_tls_clients.py has it.
import { createRequire } from 'node:module'
import { resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'

const { tls } = await import(pathToFileURL(resolve('tls.mjs')).href)
const require = createRequire(resolve('tls.mjs'))
const grpc = require('@grpc/grpc-js')
const protoLoader = require('@grpc/proto-loader')
const includeDirs = ['proto', 'third_party/googleapis', 'third_party/protovalidate']
const definition = protoLoader.loadSync('auth/v1/token_service.proto', { keepCase: true, includeDirs })
const { TokenService } = grpc.loadPackageDefinition(definition).auth.v1

// Kept for as long as the files have the same names.
const clients = new Map()
function introspect({ target, authority, certificate, key, token }) {
  const name = [target, authority, certificate, key].join()
  if (!clients.has(name)) clients.set(name, new TokenService(target, tls(authority, certificate, key)))
  return new Promise((done) => {
    clients.get(name).IntrospectToken({ token }, { deadline: Date.now() + 10_000 }, (error, answer) => {
      done(error ? { error: grpc.status[error.code], message: error.details } : { active: answer.active })
    })
  })
}

for await (const line of createInterface({ input: process.stdin })) console.log(JSON.stringify(await introspect(JSON.parse(line))))
process.exit(0)
