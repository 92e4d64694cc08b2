// Google's grpc-web: node grpc_web.mjs URL FORMAT. Its generator is a program that npm has not, so what it would write stands here:
// paths, and how messages are written and read.
import { create, fromBinary, fromJson, toBinary, toJson } from '@bufbuild/protobuf'
import grpcWeb from 'grpc-web'
import { AccountService } from './gen/auth/v1/account_service_pb.js'
import { AuthService } from './gen/auth/v1/auth_service_pb.js'
import { TokenService } from './gen/auth/v1/token_service_pb.js'
import { ErrorInfoSchema, StatusSchema } from './gen/error_details_pb.js'
import { talk } from './talk.mjs'
import { XMLHttpRequest } from './xhr.mjs'

globalThis.XMLHttpRequest = XMLHttpRequest
const [baseUrl, format] = process.argv.slice(2)
const client = new grpcWeb.GrpcWebClientBase({ format })
const services = { AccountService, AuthService, TokenService }

function described(rpc) {
  const [service, name] = rpc.split('.')
  const { input, output, methodKind } = services[service].methods.find((method) => method.name === name)
  const type = methodKind === 'unary' ? grpcWeb.MethodType.UNARY : grpcWeb.MethodType.SERVER_STREAMING
  const path = `/auth.v1.${service}/${name}`
  const [write, read] = [(message) => toBinary(input, message), (bytes) => fromBinary(output, bytes)]
  return { path: baseUrl + path, input, output, descriptor: new grpcWeb.MethodDescriptor(path, type, Object, Object, write, read) }
}

const codes = Object.entries(grpcWeb.StatusCode)

await talk({
  async call(rpc, request, token) {
    const { path, input, output, descriptor } = described(rpc)
    const metadata = { deadline: String(Date.now() + 10_000), ...(token && { authorization: `Bearer ${token}` }) }
    return toJson(output, await client.unaryCall(path, fromJson(input, request), metadata, descriptor))
  },
  async *watch(timeoutMs, signal) {
    const { path, input, output, descriptor } = described('TokenService.WatchRevocations')
    const metadata = timeoutMs ? { deadline: String(Date.now() + timeoutMs) } : {}
    const stream = client.serverStreaming(path, create(input), metadata, descriptor)
    yield* new ReadableStream({
      start(messages) {
        // After an error it says the end, too.
        let isOpen = true
        const last = (say) => (news) => {
          if (isOpen) say(news)
          isOpen = false
        }
        stream.on('data', (message) => messages.enqueue(toJson(output, message)))
        stream.on('error', last((error) => messages.error(error)))
        stream.on('end', last(() => messages.close()))
        signal.addEventListener('abort', () => stream.cancel())
        signal.addEventListener('abort', last(() => messages.error({ code: grpcWeb.StatusCode.CANCELLED })))
      },
    })
  },
  errorOf({ code, metadata }) {
    const packed = metadata?.['grpc-status-details-bin']
    const details = packed ? fromBinary(StatusSchema, Buffer.from(packed, 'base64')).details : []
    const info = details.find(({ typeUrl }) => typeUrl.endsWith('/google.rpc.ErrorInfo'))
    return { code: codes.find(([, number]) => number === code)?.[0], reason: info && fromBinary(ErrorInfoSchema, info.value).reason }
  },
})
