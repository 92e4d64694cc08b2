// Connect's clients: node connect.mjs URL LIBRARY PROTOCOL FORMAT; without a library, by the transport of the guide's file.
import { fromJson, toJson } from '@bufbuild/protobuf'
import * as node from '@connectrpc/connect-node'
import * as web from '@connectrpc/connect-web'
import * as guide from './client.mjs'
import { AccountService } from './gen/auth/v1/account_service_pb.js'
import { AuthService } from './gen/auth/v1/auth_service_pb.js'
import { TokenService, WatchRevocationsResponseSchema } from './gen/auth/v1/token_service_pb.js'
import { talk } from './talk.mjs'

const [baseUrl, library, protocol, format] = process.argv.slice(2)
const options = { baseUrl, useBinaryFormat: format === 'binary', useHttpGet: true, defaultTimeoutMs: 10_000, httpVersion: '1.1' }
const factory = { connect: 'createConnectTransport', 'grpc-web': 'createGrpcWebTransport' }[protocol]
const { account, auth, token } = library ? guide.clients({ web, node }[library][factory](options)) : guide
const clients = { AccountService: [account, AccountService], AuthService: [auth, AuthService], TokenService: [token, TokenService] }

await talk({
  async call(rpc, request, accessToken) {
    const [service, method] = rpc.split('.')
    const [client, { methods }] = clients[service]
    const { localName, input, output } = methods.find(({ name }) => name === method)
    return toJson(output, await client[localName](fromJson(input, request), accessToken ? guide.asUser(accessToken) : {}))
  },
  async *watch(timeoutMs, signal) {
    // Without a timeout of its own the default one would end it.
    const messages = token.watchRevocations({}, { timeoutMs: timeoutMs ?? 0, signal })
    for await (const message of messages) yield toJson(WatchRevocationsResponseSchema, message)
  },
  errorOf: (error) => ({ code: guide.codeOf(error), reason: guide.reasonOf(error) }),
})
