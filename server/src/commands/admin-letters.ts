/**
 * `holdfast admin letters`: printed one-time codes for everybody of an organisation, or for some, as a PDF for the printer. The file
 * is for its owner alone (0600) and is on the disk before the codes are good. Without --out: who has a letter.
 */
import { closeSync, createWriteStream, fsyncSync, openSync, rmSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { codeStanding, issueLetters } from '../core/letters/index.ts'
import { fileWords } from '../platform/file-words.ts'
import type { Id } from '../platform/ids.ts'
import { chooseOrganisation, withOrganisation, type OrganisationOption } from './choose.ts'
import { addCommand, CommandError, exitCodes, show, type GlobalOptions } from './command.ts'
import { withContext, type Context } from './context.ts'
import { pagesUrl, withAccess } from './with-access.ts'

interface LettersOptions extends GlobalOptions, OrganisationOption {
  out?: string
  person?: string[]
  without?: boolean
}

async function personIds(context: Context, organisationId: Id, names: readonly string[]): Promise<Id[]> {
  return withAccess(context, async (access) => {
    const found: Id[] = []
    for (const name of names) {
      const one = await access.find(name)
      if (one?.organisationId !== organisationId)
        throw new CommandError(`Nobody of this organisation signs in as "${name}".`, exitCodes.usage)
      found.push(one.subjectId)
    }
    return found
  })
}

function newFile(path: string): number {
  try {
    return openSync(path, 'wx', 0o600)
  } catch (error) {
    if ((error as { code?: string }).code === 'EEXIST')
      throw new CommandError(`${path} exists already. Choose another name with --out.`, exitCodes.usage)
    throw new CommandError(`${path} ${fileWords(error)}. Check --out.`, exitCodes.usage)
  }
}

async function letters(options: LettersOptions): Promise<void> {
  await withContext(options, async (context) => {
    const { db, clock, actor } = context
    const { id: organisationId, name } = await chooseOrganisation(db, options)
    if (options.out === undefined) {
      const standing = await codeStanding(db, organisationId)
      const text = `${name}: ${standing.withCodes} of ${standing.people} people have a letter with unused codes; ${standing.used} codes were used.\nMake letters: holdfast admin letters --out letters.pdf (--without: only for those who have none)`
      return show(options, standing, text)
    }
    const ids = options.person ? await personIds(context, organisationId, options.person) : null
    const path = resolve(options.out)
    const file = newFile(path)
    try {
      const wish = { organisationId, personIds: ids, without: options.without === true, actor, url: pagesUrl(context) }
      const made = await issueLetters({ db, clock }, wish, () =>
        createWriteStream(path, { fd: file, autoClose: false }).on('finish', () => fsyncSync(file)),
      )
      if (made === 0)
        throw new CommandError('Nobody gets a letter: all have one, or may not sign in.', exitCodes.failed)
      show(
        options,
        { letters: made, file: path },
        `${made} letters are in ${path}. Earlier letters of these people are no longer good.\nPrint it, put each page into an envelope, and delete the file.`,
      )
    } catch (error) {
      rmSync(path, { force: true })
      throw error
    } finally {
      closeSync(file)
    }
  })
}

export function addLettersCommand(admin: Command): void {
  withOrganisation(addCommand(admin, 'letters', 'letters with one-time codes for the worst day, to be printed'))
    .option('--out <file>', 'where the PDF goes; left out, how many people have a letter')
    .option('--person <name...>', 'only for these, by any sign-in name')
    .option('--without', 'only for people who have no unused code')
    .action((_options: LettersOptions, command: Command) => letters(command.optsWithGlobals()))
}
