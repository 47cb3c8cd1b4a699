/** A door in front of another server: passes everything, or cuts each connection after so many octets of answers. */
import { connect, createServer, type AddressInfo } from 'node:net'

export interface CuttingDoor {
  port: number
  cutAfter(octets: number): void
  close(): void
}

/** It listens where the other server is. */
export async function openDoor({ host = '127.0.0.1', port }: { host?: string; port: number }): Promise<CuttingDoor> {
  let most = Infinity
  const door = createServer((client) => {
    const there = connect(port, host)
    let passed = 0
    const end = (): void => {
      client.destroy()
      there.destroy()
    }
    for (const socket of [client, there]) socket.on('error', end).on('close', end)
    client.pipe(there)
    there.on('data', (chunk: Buffer) => {
      const part = chunk.subarray(0, Math.max(0, most - passed))
      passed += chunk.length
      client.write(part, () => {
        if (passed > most) end()
      })
    })
  })
  await new Promise<void>((resolve) => door.listen(0, host, resolve))
  return {
    port: (door.address() as AddressInfo).port,
    cutAfter(octets) {
      most = octets
    },
    close: () => void door.close(),
  }
}
