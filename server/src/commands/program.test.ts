/**
 * Every command and subcommand, called wrongly or where nothing is: one error, in words on standard error, or with --json
 * one line on standard output; never a mixture.
 */
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import { afterAll, expect, test } from 'vitest'
import { call } from '../../testkit/call.ts'
import { temporaryFolder } from '../../testkit/test-server.ts'
import { exitCodes } from './command.ts'
import { makeProgram } from './program.ts'

const folder = temporaryFolder('hf-calls-')
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const program = makeProgram(true)
const below = (command: Command, path: string[]): [string[], Command][] =>
  command.commands.flatMap((child) => {
    const at = [...path, child.name()]
    return [[at, child] as [string[], Command], ...below(child, at)]
  })
const all = below(program, [])
const named = all.map(([path, command]) => [path.join(' '), path, command] as const)

async function expectError(args: string[], code: number, text: RegExp | string): Promise<void> {
  const said =
    typeof text === 'string' ? (expect.stringContaining(text) as string) : (expect.stringMatching(text) as string)
  const plain = await call(...args)
  expect({ args, ...plain }).toMatchObject({ code, out: '', err: said })
  const asked = await call(...args, '--json')
  expect({ args, ...asked }).toMatchObject({ code, err: '' })
  expect(asked.out).toMatch(/^\{.*\}\n$/)
  expect(JSON.parse(asked.out)).toEqual({ error: { code, text: said } })
}

test('the commands are all there', () => {
  expect(named.map(([name]) => name)).toEqual(
    expect.arrayContaining([
      'serve',
      'demo',
      'migrate',
      'apply',
      'export',
      'import',
      'check',
      'doctor',
      'admin',
      'admin setup-link',
      'admin password',
      'admin app-passwords',
      'admin recovery-sheet',
      'mode',
      'mode pin',
      'mode unpin',
      'queue',
      'queue parked',
      'queue retry',
      'queue cancel',
      'queue seen',
      'queue release',
      'queue drop',
      'trace',
    ]),
  )
})

test.each(named)('%s: has the flags every command has', (_, __, command) => {
  expect(command.options.map((option) => option.long)).toEqual(expect.arrayContaining(['--json', '--data', '--config']))
})

/** A whole call but for what is to go wrong. */
const wordsOf = (command: Command): string[] => command.registeredArguments.map(() => 'word')
const neededBy = (command: Command): string[] =>
  command.options
    .filter((option) => option.mandatory)
    .flatMap(({ long, required }) => (required ? [long!, 'x'] : [long!]))

test.each(named)('%s: an option that is not there', (_, path, command) =>
  expectError([...path, ...neededBy(command), '--no-such-thing'], exitCodes.usage, "unknown option '--no-such-thing'"),
)

test.each(named)('%s: too many words, or too few', async (_, path, command) => {
  const [words, needed] = [wordsOf(command), neededBy(command)]
  await expectError(
    [...path, ...words, 'and-one-more', ...needed],
    exitCodes.usage,
    command.commands.length > 0 ? /too many arguments|unknown command/ : 'too many arguments',
  )
  if (command.registeredArguments.some(({ required }) => required))
    await expectError([...path, ...needed], exitCodes.usage, 'missing required argument')
  if (needed.length > 0) await expectError([...path, ...words], exitCodes.usage, /required option '.*/)
})

test('no command, no such command, no subcommand', async () => {
  await expectError(['no-such-command'], exitCodes.usage, "unknown command 'no-such-command'")
  await expectError(['admin', 'no-such-thing'], exitCodes.usage, "unknown command 'no-such-thing'")
  for (const path of [[], ['admin']]) {
    const plain = await call(...path)
    expect(plain).toMatchObject({
      code: exitCodes.usage,
      out: '',
      err: expect.stringContaining('Usage: holdfast') as string,
    })
  }
  const asked = await call('admin', '--json')
  expect(asked).toMatchObject({ code: exitCodes.usage, err: '' })
  expect(JSON.parse(asked.out)).toEqual({
    error: { code: exitCodes.usage, text: 'A command is missing here. --help shows which there are.' },
  })
})

test('--help and --version are answers, not errors; what comes after -- is a word', async () => {
  expect(await call('mode', 'pin', '--help')).toMatchObject({ code: 0, err: '' })
  expect(await call('--version')).toMatchObject({ code: 0, out: expect.stringMatching(/^\d+\.\d+\.\d+/) as string })
  const plain = await call('queue', 'cancel', '--', '--json')
  expect(plain).toMatchObject({
    code: exitCodes.usage,
    out: '',
    err: expect.stringContaining('"--json" is not an id') as string,
  })
})

const id = '0192f000-0000-7000-8000-000000000000'
test.each([
  ['check'],
  ['check', '--self-test'],
  ['doctor'],
  ['doctor', '--recovery-sheet'],
  ['admin', 'setup-link'],
  ['admin', 'password', 'alice'],
  ['admin', 'app-passwords', 'alice'],
  ['admin', 'recovery-sheet'],
  ['mode'],
  ['mode', 'pin', 'primary', 'emergency', '--reason', 'drill'],
  ['mode', 'unpin', 'primary'],
  ['queue'],
  ['queue', 'parked'],
  ...['retry', 'cancel', 'seen', 'release', 'drop'].map((act) => ['queue', act, id]),
  ['trace', 'alice'],
  ['export', join(folder, 'out'), '--all'],
])('%s %s: where there is no Holdfast', async (...args) => {
  const data = join(folder, 'nothing')
  mkdirSync(data, { recursive: true })
  await expectError([...args.filter(Boolean), '--data', data], exitCodes.usage, 'There is no Holdfast in')
})

test.each([
  ['apply', ['apply', '-f', '/nowhere/org.yaml'], '/nowhere/org.yaml'],
  ['mode pin', ['mode', 'pin', 'primary', 'sideways', '--reason', 'x'], '"sideways" is no mode'],
  ['mode pin', ['mode', 'pin', 'primary', 'hold', '--reason', 'x', '--until', 'soon'], '"soon" is no time'],
  ['queue', ['queue', '--state', 'lost'], '--state: one of'],
  ['queue', ['queue', '--limit', 'many'], '--limit: a number'],
  ['queue drop', ['queue', 'drop', '12'], '"12" is not an id'],
  ['admin app-passwords', ['admin', 'app-passwords', 'alice', '--revoke', '12'], '"12" is not an id'],
  ['trace', ['trace', 'x', '--limit', '0'], '--limit: a number'],
  ['serve', ['serve', '--roles', 'baker'], '"baker" is not a role'],
  ['doctor', ['doctor', '--config', '/nowhere.yaml'], '/nowhere.yaml cannot be read'],
])('%s: a wrong value is named', (_, args, text) => expectError(args, exitCodes.usage, text))

test('a file that is not there is named in words', async () => {
  const gone = join(folder, 'gone.yaml')
  await expectError(['apply', '-f', gone], exitCodes.usage, `The declaration ${gone} does not exist. Check -f.`)
  await expectError(['apply', '-f', folder], exitCodes.usage, `${folder} is a folder, not a file.`)
  const empty = join(folder, 'for-a-key')
  await expectError(
    ['doctor', '--data', empty, '--restore-master-key', gone],
    exitCodes.usage,
    `recovery sheet, ${gone}, does not exist.`,
  )
})
