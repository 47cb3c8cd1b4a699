/**
 * The only way in and out of a network namespace (island.ts): sockets that are files, which no namespace parts. Runs inside.
 * Out: what arrives at an address there goes to the file of its number. In: the first line names a port of loopback there.
 *
 *   node island-gate.mjs FOLDER ADDRESS:PORT...
 */
import { connect, createServer } from 'node:net'

const [folder, ...doors] = process.argv.slice(2)

function join(one, other) {
  for (const socket of [one, other])
    socket.on('error', () => undefined).on('close', () => [one, other].forEach((both) => both.destroy()))
  one.pipe(other)
  other.pipe(one)
}

const listening = (server, ...where) => new Promise((resolve) => server.listen(...where, resolve))

await Promise.all([
  ...doors.map((door, i) => {
    const [host, port] = door.split(':')
    return listening(
      createServer((socket) => join(socket, connect(`${folder}/out-${i}`))),
      { host, port: Number(port) },
    )
  }),
  listening(
    createServer((socket) => {
      socket.on('error', () => undefined)
      socket.once('data', (first) => {
        const end = first.indexOf('\n')
        const there = connect(Number(first.subarray(0, end)), '127.0.0.1')
        there.write(first.subarray(end + 1))
        join(socket, there)
      })
    }),
    `${folder}/in`,
  ),
])
console.log('up')
