// How a Node service registers a user: npm install @grpc/grpc-js @grpc/proto-loader
//
// Reads a password from standard input and prints the user: node register.mjs alice alice@example.com --two-factor < password
import { readFileSync } from 'node:fs'
import { fileURLToPath, pathToFileURL } from 'node:url'
import grpc from '@grpc/grpc-js'
import protoLoader from '@grpc/proto-loader'

const address = process.env.ADDRESS ?? 'localhost:50051'
// The contract, and what it imports.
const includeDirs = ['../../proto', '../../third_party/googleapis', '../../third_party/protovalidate'].map((folder) => fileURLToPath(new URL(folder, import.meta.url)))

// keepCase: fields are called as in the .proto files. Without it they are in camel case, and a request's field that is spelled in
// any other way is dropped without an error.
const definition = protoLoader.loadSync('auth/v1/auth_service.proto', {
  keepCase: true,
  includeDirs,
  longs: String,
  enums: String,
  defaults: true,
  oneofs: true,
})
const { AuthService } = grpc.loadPackageDefinition(definition).auth.v1

/** A client for the whole process: it keeps its connection. Credentials are those of your mesh or proxy. */
export function connect() {
  return new AuthService(address, grpc.credentials.createInsecure())
}

/** Registers a user and returns it; throws if it is not what was asked for, too. */
export async function register(client, request) {
  const user = await new Promise((resolve, reject) => {
    const deadline = Date.now() + 10_000
    client.Register(request, { deadline }, (error, answer) => (error ? reject(error) : resolve(answer.user)))
  })
  // A second factor that was asked for and is not there is a hole that nobody would notice.
  if (user.two_factor_enabled !== Boolean(request.two_factor)) {
    throw new Error(`asked for two_factor ${Boolean(request.two_factor)}, got ${user.two_factor_enabled}`)
  }
  return user
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [username, email, flag] = process.argv.slice(2)
  const client = connect()
  try {
    const password = readFileSync(0, 'utf8').trimEnd()
    const user = await register(client, { username, email, password, two_factor: flag === '--two-factor' })
    console.log(JSON.stringify(user))
  } catch (error) {
    console.error(`refused: ${error.message}`)
    process.exitCode = 1
  } finally {
    client.close()
  }
}
