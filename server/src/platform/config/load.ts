/**
 * Reads the configuration: YAML file, then environment, then flags, each key over the one before. Everything is
 * validated at once; each error names the key's path, where the value came from, what is wrong and what to do. Unknown
 * keys in the file are errors (with the nearest known key); unknown HOLDFAST_ variables only warnings, because others
 * (Kubernetes' service links) set such names too.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseDocument } from 'yaml'
import type { z } from 'zod'
import type { Config } from './config.ts'
import { configSchema } from './config.ts'
import { notYet } from './not-yet.ts'
import type { Environment } from './environment.ts'
import { systemEnvironment } from './environment.ts'
import type { ConfigKey } from './shape.ts'
import { nearest } from '../nearest.ts'
import { schemaWords } from '../schema-words.ts'
import { configKeys } from './shape.ts'

export interface LoadOptions {
  /** --config */
  file?: string | undefined
  /** resolved data folder: its holdfast.yaml is read when no file is named */
  dataFolder?: string
  env?: Environment
  /** from flags, by path: { 'roles': ['mx'] } */
  flags?: Record<string, unknown>
}

export interface Loaded {
  config: Config
  /** the file that was read, if any */
  file: string | null
  warnings: string[]
}

type Tree = Record<string, unknown>

export class ConfigError extends Error {
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(`The configuration is not right:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`)
    this.name = 'ConfigError'
    this.problems = problems
  }
}

/** Names that are not keys: read elsewhere, or by tests. */
const NOT_KEYS = /^HOLDFAST_(DATA|CONFIG|TEST_.*)$/

const isTree = (value: unknown): value is Tree => typeof value === 'object' && value !== null && !Array.isArray(value)

function put(tree: Tree, path: readonly string[], value: unknown): void {
  let at = tree
  for (const name of path.slice(0, -1)) {
    const next = at[name]
    const inner: Tree = isTree(next) ? next : {}
    at[name] = inner
    at = inner
  }
  at[path.at(-1)!] = value
}

function readFile(file: string): Tree {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw new ConfigError([
      `${file} cannot be read (${(error as NodeJS.ErrnoException).code}). Check --config or HOLDFAST_CONFIG.`,
    ])
  }
  const document = parseDocument(text, { maxAliasCount: 20 } as object)
  if (document.errors.length > 0)
    throw new ConfigError(document.errors.map((error) => `${file}: ${error.message.split('\n')[0]}`))
  const value: unknown = document.toJS({ maxAliasCount: 20 })
  if (value === null || value === undefined) return {}
  if (!isTree(value)) throw new ConfigError([`${file} must hold keys and values, e.g. "hostname: mx.example.org".`])
  return value
}

/** A string from outside as the type of its key; what does not fit stays as it is and fails the validation. */
function typed(key: ConfigKey, text: string): unknown {
  if (key.type === 'list')
    return text
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== '')
      .map((part) => fieldsOf(key, part))
  if ((key.type === 'integer' || key.type === 'number') && /^-?\d+(\.\d+)?$/.test(text.trim())) return Number(text)
  if (key.type === 'boolean' && /^(true|false|on|off|yes|no|1|0)$/i.test(text.trim()))
    return /^(true|on|yes|1)$/i.test(text.trim())
  return text
}

/** One of a list of things with fields, which are divided by colons. */
function fieldsOf({ fields }: ConfigKey, text: string): unknown {
  const values = text.split(':')
  if (fields.length === 0 || values.length !== fields.length) return text
  return Object.fromEntries(fields.map((field, i) => [field, values[i]]))
}

function applyEnvironment(
  tree: Tree,
  env: Environment,
  keys: readonly ConfigKey[],
  sources: Map<string, string>,
): string[] {
  const warnings: string[] = []
  const byName = new Map(keys.map((key) => [key.env, key]))
  if (env['DATABASE_URL']) {
    put(tree, ['database', 'url'], env['DATABASE_URL'])
    sources.set('database.url', 'DATABASE_URL')
  }
  for (const [name, text] of Object.entries(env)) {
    if (!name.startsWith('HOLDFAST_') || NOT_KEYS.test(name) || text === undefined) continue
    const key = byName.get(name)
    const later = key ? null : notYet(name.slice('HOLDFAST_'.length).split('_'))
    if (later !== null) {
      warnings.push(`${name} is ${later}`)
      continue
    }
    if (!key) {
      const near = nearest(name, [...byName.keys()])
      warnings.push(`${name} is set but is not a key of the configuration${near ? `; did you mean ${near}?` : ''}`)
      continue
    }
    put(tree, key.path, typed(key, text))
    sources.set(key.path.join('.'), name)
  }
  return warnings
}

function explain(
  issue: z.core.$ZodIssue,
  keys: readonly ConfigKey[],
  sources: ReadonlyMap<string, string>,
  file: string | null,
): string[] {
  const path = issue.path.map(String).join('.')
  if (issue.code === 'unrecognized_keys') {
    const siblings = [
      ...new Set(
        keys
          .filter((key) => key.path.slice(0, issue.path.length).join('.') === path)
          .map((key) => key.path[issue.path.length]!),
      ),
    ]
    return issue.keys.map((name) => {
      const full = path === '' ? name : `${path}.${name}`
      const later = notYet(full.split('.'))
      if (later !== null) return `${full}: ${later}`
      const near = nearest(name, siblings)
      return `${full}: there is no such key. ${near ? `Did you mean ${path === '' ? near : `${path}.${near}`}?` : `Known here: ${siblings.join(', ')}.`}`
    })
  }
  const known = keys.find((key) => key.path.join('.') === path)
  const from = sources.get(path) ?? (file ? `in ${file}` : 'by a flag')
  return [
    `${path || '(the whole)'}: ${schemaWords(issue)} (${sources.has(path) ? `set by ${from}` : from}).${known ? ` ${known.text}` : ''}`,
  ]
}

export function loadConfig(options: LoadOptions = {}): Loaded {
  const env = options.env ?? systemEnvironment()
  const keys = configKeys()
  const inFolder = options.dataFolder ? join(options.dataFolder, 'holdfast.yaml') : null
  const file = options.file ?? env['HOLDFAST_CONFIG'] ?? (inFolder && existsSync(inFolder) ? inFolder : null)
  const tree = file ? readFile(file) : {}
  const sources = new Map<string, string>()
  const warnings = applyEnvironment(tree, env, keys, sources)
  for (const [path, value] of Object.entries(options.flags ?? {}))
    if (value !== undefined) {
      put(tree, path.split('.'), value)
      sources.set(path, 'a flag')
    }
  const result = configSchema.safeParse(tree)
  if (!result.success)
    throw new ConfigError(result.error.issues.flatMap((issue) => explain(issue, keys, sources, file)))
  if (result.data.tls.certFile !== '' && result.data.tls.keyFile === '')
    throw new ConfigError([
      'tls.keyFile: missing, though tls.certFile is set. Name the private key of the certificate.',
    ])
  return { config: result.data, file, warnings }
}
