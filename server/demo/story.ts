/** The texts of the demo: the organisation's file, the numbers behind `quick`, and what is printed. */
import { sensitivities } from '../src/core/continuity/sensitivity.ts'
import { defaultFolder } from './folder.ts'
import { administrator, demoDomain, people } from './people.ts'

export interface DemoPorts {
  mx: number
  http: number
  primary: number
  sink: number
  page: number
}

/** Waits and paces that let a whole outage fit into two minutes; everything else is as anywhere. */
const quickRoute = { sensitivity: 'quick', unsureWait: 5, retryFirst: 2, retryMax: 5 } as const

/** The file for `holdfast apply`. */
export function organisationFile(ports: { primary: number; sink: number }): object {
  return {
    organisations: [
      {
        slug: 'harbour',
        name: 'Harbour Office',
        routes: [
          {
            name: 'primary',
            kind: 'primary',
            settings: { hosts: [{ host: '127.0.0.1', port: ports.primary }], tls: 'none', ...quickRoute },
          },
          {
            name: 'outside',
            kind: 'smarthost',
            settings: { hosts: [{ host: '127.0.0.1', port: ports.sink }], tls: 'none', ...quickRoute },
          },
        ],
        outboundRoute: 'outside',
        domains: [{ name: demoDomain, route: 'primary', recipientsComplete: true, dkim: { selector: 'demo' } }],
        people: people.map(({ name, address, password }) => ({ name, addresses: [address], password })),
      },
    ],
  }
}

export function quickNumbers(): string[] {
  const quick = sensitivities.quick
  return [
    `The primary is probed every ${quick.probeEvery} s, every ${quick.probeFaster} s when in doubt, every ${quick.probeEmergency} s in an emergency.`,
    `Suspect after ${quick.suspectFailures} failures over ${quick.suspectAfter} s; emergency after ${quick.emergencyFailures} failures over ${quick.emergencyAfter} s.`,
    `Recovering after ${quick.recoverSuccesses} good answers over ${quick.recoverAfter} s; then what is owed goes home, oldest first.`,
    `A deferred message is tried again after ${quickRoute.retryFirst} to ${quickRoute.retryMax} s; one whose answer was lost after ${quickRoute.unsureWait} s.`,
  ]
}

export interface Shown {
  folder: string
  ports: DemoPorts
  replaced: { what: string; wished: number; got: number }[]
  fresh: boolean
}

export function shownJson({ folder, ports }: Shown): object {
  return {
    ready: true,
    dataFolder: folder,
    ports,
    page: `http://127.0.0.1:${ports.page}/`,
    holdfast: `http://127.0.0.1:${ports.http}/`,
    logins: [
      ...people.map(({ address, password }) => ({ name: address, password })),
      { name: administrator.name, password: administrator.password },
    ],
  }
}

/** What empties this folder, and no other. */
export const freshCommand = (folder: string): string =>
  `npm run demo -- --fresh${folder === defaultFolder() ? '' : ` --data ${folder}`}`

export function shownText(shown: Shown): string {
  const { folder, ports, replaced } = shown
  const width = Math.max(...people.map(({ address }) => address.length))
  return [
    '',
    'The demo is running. Nothing in it leaves this machine.',
    '',
    `  Stand-in primary   http://127.0.0.1:${ports.page}/    switch it off and on here`,
    `  Holdfast           http://127.0.0.1:${ports.http}/    sign in here`,
    '',
    ...people.map(({ address, password }) => `    ${address.padEnd(width)}   ${password}`),
    `    ${administrator.name.padEnd(width)}   ${administrator.password}   (administrator)`,
    '',
    `  Mail for ${demoDomain} is taken on port ${ports.mx} (SMTP), for example:`,
    // whole as it stands: no file to write first, line ends as SMTP wants them, and a refusal is shown
    `    printf 'From: you@outside.test\\r\\nSubject: Hello\\r\\n\\r\\nAnybody there?\\r\\n' | curl -sS smtp://127.0.0.1:${ports.mx} --mail-from you@outside.test --mail-rcpt ${people[0]!.address} -T -`,
    `  Add a person or another domain with the same command as anywhere:`,
    `    npx holdfast apply -f your-file.yaml --data ${folder}    (${folder}/demo.yaml shows the form)`,
    ...replaced.map(({ what, wished, got }) => `  Port ${wished} was taken; ${what} is on ${got}.`),
    '',
    `  Data: ${folder} (kept; "${freshCommand(folder)}" starts anew). Ctrl-C ends the demo.`,
    '',
  ].join('\n')
}
