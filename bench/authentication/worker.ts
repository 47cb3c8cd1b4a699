/** The worker thread of door.ts: one verification after another, in the order of the messages. */
import { parentPort, workerData } from 'node:worker_threads'
import { createVerifier, type DnsMap, type Question } from './verify.ts'

const verify = createVerifier(workerData as DnsMap, false)

parentPort!.on('message', ({ id, question }: { id: number; question: Question }) => {
  const bytes = Buffer.from(question.bytes)
  verify({ ...question, bytes }).then(
    (valid) => parentPort!.postMessage({ id, valid }),
    () => parentPort!.postMessage({ id, valid: false }),
  )
})
