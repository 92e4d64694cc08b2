// The same as client.py, with grpc-js.
'use strict'
const fs = require('fs')
const grpc = require('@grpc/grpc-js')

const job = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'))
const calls = job.calls.map(({ method, message }) => ({ method, message: Buffer.from(message, 'base64') }))
const options = {
  ...job.options,
  ...(job.service_config && { 'grpc.service_config': JSON.stringify(job.service_config) }),
  ...(job.authority && { 'grpc.default_authority': job.authority }),
}
const target = job.addresses.length === 1 ? job.addresses[0] : `ipv4:${job.addresses.join(',')}`
const client = new grpc.Client(target, grpc.credentials.createInsecure(), options)
const asIs = (bytes) => bytes

let [done, slowest, stopped] = [0, 0, false]
const failed = {}
process.on('SIGTERM', () => { stopped = true })

function call() {
  return new Promise((resolve) => {
    const { method, message } = calls[done % calls.length]
    done += 1
    const begun = Date.now()
    const ended = (failure) => {
      slowest = Math.max(slowest, Date.now() - begun)
      if (failure) failed[failure] = (failed[failure] ?? 0) + 1
      resolve()
    }
    client.makeUnaryRequest(method, asIs, asIs, message, { deadline: begun + job.deadline * 1000 }, (error, answer) => {
      if (error) ended(`${grpc.status[error.code]}: ${error.details}`)
      else ended(answer.length === 0 ? 'an empty answer' : null)
    })
  })
}

async function work(number) {
  const pause = (1000 * job.workers) / job.rate
  let due = Date.now() + (pause * number) / job.workers
  while (!(stopped && done >= job.at_least)) {
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, due - Date.now())))
    due = Math.max(due + pause, Date.now())
    await call()
  }
}

client.waitForReady(Date.now() + 30000, async (error) => {
  if (error) throw error
  console.log('ready')
  await Promise.all(Array.from({ length: job.workers }, (_, number) => work(number)))
  console.log(JSON.stringify({ calls: done, failed, slowest_ms: slowest }))
  client.close()
})
