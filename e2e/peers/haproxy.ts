/**
 * A real HAProxy in front of the MX listener: one door that speaks version 1 of the PROXY protocol to it, one that speaks
 * version 2, both with HAProxy's own SMTP check, in a folder of its own on loopback. It calls from `from`, an address that
 * only it has, so that the client's address and the proxy's are never the same.
 */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { findProgram } from './needs.ts'
import { freePorts, peerFolder, stopPid, waitForPort } from './processes.ts'

export interface Haproxy {
  /** ports of the doors that say send-proxy and send-proxy-v2 */
  v1: number
  v2: number
  /** what its checks found: door → word of HAProxy (L7OK is a good SMTP answer) and how many looks failed */
  checks(): Promise<Record<string, { status: string; failed: number }>>
  remove(): Promise<void>
}

const CHECK_MS = 200

const configOf = (folder: string, mxPort: number, from: string, doors: Record<string, number>): string => `
global
  stats socket ${folder}/admin.sock mode 600 level admin
defaults
  mode tcp
  timeout connect 5s
  timeout client 60s
  timeout server 60s
listen v1
  bind 127.0.0.1:${doors.v1}
  option smtpchk EHLO haproxy.test
  server mx 127.0.0.1:${mxPort} source ${from} send-proxy check inter ${CHECK_MS}ms
listen v2
  bind 127.0.0.1:${doors.v2}
  option smtpchk
  server mx 127.0.0.1:${mxPort} source ${from} send-proxy-v2 check inter ${CHECK_MS}ms
`

export async function startHaproxy(mxPort: number, from: string): Promise<Haproxy> {
  const folder = peerFolder('haproxy')
  const [v1, v2] = (await freePorts(2)) as [number, number]
  const file = join(folder, 'haproxy.cfg')
  writeFileSync(file, configOf(folder, mxPort, from, { v1, v2 }))
  const child: ChildProcess = spawn(findProgram('haproxy')!, ['-db', '-f', file], { stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  for (const stream of [child.stdout!, child.stderr!]) stream.on('data', (chunk: Buffer) => (said += chunk.toString()))
  try {
    await waitForPort(v1)
    await waitForPort(v2)
  } catch (error) {
    throw new Error(`HAProxy did not start: ${said}`, { cause: error })
  }

  const ask = (command: string): Promise<string> =>
    new Promise((resolve, reject) => {
      let text = ''
      const socket = connect(join(folder, 'admin.sock'))
      socket.on('data', (chunk) => (text += chunk.toString()))
      socket.on('error', reject)
      socket.on('end', () => resolve(text))
      socket.write(`${command}\n`)
    })

  return {
    v1,
    v2,
    async checks() {
      const [head = '', ...rows] = (await ask('show stat')).trim().split('\n')
      const names = head.replace(/^# /, '').split(',')
      const found: Record<string, { status: string; failed: number }> = {}
      for (const row of rows.map((line) => line.split(','))) {
        const value = (name: string): string => row[names.indexOf(name)] ?? ''
        if (value('svname') === 'mx')
          found[value('pxname')] = { status: value('check_status'), failed: Number(value('chkfail')) }
      }
      return found
    },
    async remove() {
      await stopPid(child.pid ?? null)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
