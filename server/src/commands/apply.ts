/**
 * `holdfast apply -f org.yaml`: makes organisations, routes, domains, groups and people what the file says. Shows the plan
 * first; asks on a terminal unless --yes; --dry-run only shows. Exit code 2 and the path of every problem where the file is
 * not right. Format: docs/reference/apply.md.
 */
import { readFileSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { createInterface } from 'node:readline/promises'
import type { Command } from 'commander'
import { parseDocument } from 'yaml'
import { checkPasswordRules, createPasswords, oneTimePassword } from '../core/access/index.ts'
import type { Applied, ApplyDeps, Declaration, Problem } from '../core/directory/index.ts'
import { ApplyError, applyDeclaration, checkDeclaration } from '../core/directory/index.ts'
import { placeWaiting } from '../core/mailbox/index.ts'
import { fileWords } from '../platform/file-words.ts'
import type { GlobalOptions } from './command.ts'
import { addCommand, CommandError, exitCodes, show } from './command.ts'
import type { Context } from './context.ts'
import { withContext } from './context.ts'

interface ApplyOptions extends GlobalOptions {
  file: string
  yes?: boolean
  dryRun?: boolean
  prune?: boolean
}

const MOST_BYTES = 64 * 1024 * 1024

const problemsText = (problems: readonly Problem[]): string =>
  problems.map((problem) => `  ${problem.path}: ${problem.text}`).join('\n')

export function readDeclaration(file: string): Declaration {
  let text: string
  try {
    if (file !== '/dev/stdin' && statSync(file).size > MOST_BYTES) throw new Error('is larger than 64 MB')
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw new CommandError(`The declaration ${file} ${fileWords(error)}. Check -f.`, exitCodes.usage)
  }
  const document = parseDocument(text, { uniqueKeys: true, prettyErrors: true })
  const wrong = document.errors[0]
  if (wrong) throw new CommandError(`${file}: ${wrong.message}`, exitCodes.usage)
  let value: unknown
  try {
    value = document.toJS({ maxAliasCount: 1000 })
  } catch (error) {
    throw new CommandError(`${file}: ${error instanceof Error ? error.message : String(error)}`, exitCodes.usage)
  }
  const checked = checkDeclaration(value)
  if ('problems' in checked)
    throw new CommandError(
      `${file} is not right; nothing was changed:\n${problemsText(checked.problems)}`,
      exitCodes.usage,
    )
  return checked.declaration
}

const marks = { create: '+', change: '~', remove: '-', keep: '!', leave: ' ' } as const

export function planText(applied: Applied): string {
  const lines = applied.items
    .filter((item) => item.act !== 'leave')
    .map(
      (item) =>
        `${marks[item.act]} ${item.act} ${item.thing} ${item.name}${item.detail === '' ? '' : `: ${item.detail}`}`,
    )
  const left = applied.items.filter((item) => item.act === 'leave').length
  if (left > 0) lines.push(`  ${left} as they are`)
  return lines.join('\n')
}

function afterText(applied: Applied): string {
  const dns = applied.dns.map((record) => `${record.name} ${record.type} "${record.value}"`)
  const invitations = applied.invitations.map((each) => `${each.address}  ${each.password}`)
  return [
    ...(dns.length > 0 ? ['', 'Publish in DNS, so that what people send from here is trusted:', ...dns] : []),
    ...(invitations.length > 0
      ? ['', 'One-time passwords, shown only now; hand them over in person:', ...invitations]
      : []),
  ].join('\n')
}

async function confirmed(options: ApplyOptions): Promise<boolean> {
  if (options.yes === true || options.json === true || !process.stdin.isTTY || !process.stdout.isTTY) return true
  const line = createInterface({ input: process.stdin, output: process.stdout })
  try {
    return /^(y|yes)$/i.test((await line.question('Apply this? [y/N] ')).trim())
  } finally {
    line.close()
  }
}

function depsOf(context: Context, file: string): ApplyDeps {
  const passwords = createPasswords()
  const readNamed = (key: string, named: string): string => {
    const path = resolve(dirname(file), named)
    try {
      return readFileSync(path, 'utf8')
    } catch (error) {
      throw new CommandError(
        `${key}: ${path} ${fileWords(error)}. Its path counts from the folder of ${file}; nothing was changed.`,
        exitCodes.usage,
      )
    }
  }
  return {
    db: context.db,
    clock: context.clock,
    keys: () => context.keys(),
    actor: context.actor,
    checkPassword: checkPasswordRules,
    hashPassword: (password) => passwords.hash(password),
    verifyPassword: (verifier, password) => passwords.verify(verifier, password, ''),
    oneTimePassword,
    placeWaiting,
    secretOf: ({ password, passwordFile }) =>
      passwordFile === undefined ? (password ?? null) : readNamed('passwordFile', passwordFile).replace(/\r?\n$/, ''),
    readFile: readNamed,
  }
}

async function apply(context: Context, options: ApplyOptions, declaration: Declaration): Promise<void> {
  const deps = depsOf(context, options.file)
  const how = { dryRun: true, prune: options.prune === true }
  try {
    const plan = await applyDeclaration(deps, declaration, how)
    if (!options.json) show(options, null, planText(plan))
    if (options.dryRun === true || !plan.changed)
      return show(options, report(plan, false), options.dryRun === true ? 'Nothing was changed.' : 'Up to date.')
    if (!(await confirmed(options))) return show(options, report(plan, false), 'Nothing was changed.')
    const applied = await applyDeclaration(deps, declaration, { ...how, dryRun: false })
    show(options, report(applied, true), `Applied.${afterText(applied)}`)
  } catch (error) {
    if (error instanceof ApplyError)
      throw new CommandError(
        `${options.file} cannot be applied; nothing was changed:\n${problemsText(error.problems)}`,
        exitCodes.usage,
      )
    throw error
  }
}

const report = (applied: Applied, done: boolean) => ({
  applied: done,
  changed: applied.changed,
  items: applied.items.filter((item) => item.act !== 'leave'),
  left: applied.items.filter((item) => item.act === 'leave').length,
  dns: done ? applied.dns : [],
  invitations: done ? applied.invitations : [],
})

export function register(program: Command): void {
  addCommand(program, 'apply', 'make organisations, routes, domains and people what a file says')
    .requiredOption('-f, --file <file>', 'the declaration, YAML or JSON')
    .option('--yes', 'do not ask')
    .option('--dry-run', 'only show what would change')
    .option('--prune', 'remove what the file does not name (never somebody who is owed mail)')
    .action(async (options: ApplyOptions) => {
      const declaration = readDeclaration(options.file)
      await withContext(options, (context) => apply(context, options, declaration))
    })
}
