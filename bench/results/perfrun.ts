import { execFile } from 'node:child_process'
import { relayOnce } from '../scenes/relay.ts'
import { sizes } from '../sizes.ts'
import { startHoldfast } from '../subjects/holdfast.ts'
import { createSink } from '../subjects/sink.ts'
const scene = sizes.ordinary.relay.find((s) => s.name === process.argv[2])!
const sink = await createSink()
const subject = await startHoldfast({ up: sink.port, down: sink.port }, { nodeArgs: ['--perf-basic-prof'] })
try {
  await relayOnce(subject, sink, scene)
  const p = execFile('perf', [
    'record',
    '-a',
    '-F',
    '999',
    '-e',
    'cpu-clock',
    '-o',
    '/tmp/perf.data',
    '--',
    'sleep',
    '3',
  ])
  const f = [await relayOnce(subject, sink, { ...scene, messages: scene.messages * 2 })]
  console.log(JSON.stringify(f))
  await new Promise((r) => (p.exitCode !== null ? r(0) : p.once('exit', r)))
} finally {
  await subject.stop()
  await sink.off()
}
process.exit(0)
