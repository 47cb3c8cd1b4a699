/**
 * Appending to and verifying the audit chain (promise 12: no act of an admin or the engine can be changed unseen). One
 * chain per organisation, NIL_ID for the installation's own. A failed append throws, and the caller's transaction with
 * it: an act that cannot be recorded is not done.
 */
import { createHash } from 'node:crypto'
import type { Sql } from '../../platform/db/database.ts'
import type { Id } from '../../platform/ids.ts'
import { auditAfter, auditHead, insertAudit } from '../../store/audit.ts'
import type { AuditRow } from '../../store/audit.ts'
import type { AuditAction } from './actions.ts'
import { canonicalContent, canonicalJson, storableText } from './canonical.ts'

export interface AuditEntry {
  /** NIL_ID: the installation's own chain */
  organisationId: Id
  /** 'engine', 'cli:<account>', 'person:<id>', 'operator:<name>', 'system:<user name>' */
  actor: string
  action: AuditAction
  /** what it was done to, e.g. 'route:<id>', 'delivery:<id>' */
  subject: string
  detail?: Record<string, unknown>
}

/** Appends one row; in a transaction it becomes visible, and the chain free again, with the transaction's end. */
export async function appendAudit(sql: Sql, entry: AuditEntry): Promise<{ seq: number }> {
  const detail = entry.detail ?? {}
  const actor = storableText(entry.actor)
  const subject = storableText(entry.subject)
  const canonical = canonicalContent({
    organisationId: entry.organisationId,
    actor,
    action: entry.action,
    subject,
    detail,
  })
  const seq = await insertAudit(sql, {
    organisationId: entry.organisationId,
    actor,
    action: entry.action,
    subject,
    detailJson: canonicalJson(detail),
    canonical: Buffer.from(canonical, 'utf8'),
  })
  return { seq }
}

export type ChainProblem = 'missing-row' | 'changed-row' | 'head-missing' | 'head-differs' | 'rows-behind-head'
export type ChainVerdict = { ok: true; rows: number } | { ok: false; seq: number; problem: ChainProblem }

const PAGE = 1000
const ZEROS = Buffer.alloc(32)

/** The hash a row must have, given the one before it. */
export function chainHash(previous: Buffer, organisationId: Id, row: Omit<AuditRow, 'hash'>): Buffer {
  const numbers = Buffer.alloc(16)
  numbers.writeBigInt64BE(BigInt(row.seq), 0)
  numbers.writeBigInt64BE(BigInt(row.at.getTime()), 8)
  const content = canonicalContent({
    organisationId,
    actor: row.actor,
    action: row.action,
    subject: row.subject,
    detail: row.detail,
  })
  return createHash('sha256').update(previous).update(numbers).update(content, 'utf8').digest()
}

/** Walks a chain from its first row, a page at a time, and names the first row that is not what was written. */
export async function verifyAuditChain(sql: Sql, organisationId: Id): Promise<ChainVerdict> {
  // The head first: rows appended while we walk are beyond it and are left alone.
  const head = await auditHead(sql, organisationId)
  let previous: Buffer = ZEROS
  let seq = 0
  for (;;) {
    const page = await auditAfter(sql, organisationId, seq, PAGE)
    for (const row of page) {
      if (head && row.seq > head.seq) {
        const now = await auditHead(sql, organisationId)
        if (!now || now.seq < row.seq) return { ok: false, seq: row.seq, problem: 'rows-behind-head' }
        return endOf(head, seq, previous)
      }
      if (row.seq !== seq + 1) return { ok: false, seq: seq + 1, problem: 'missing-row' }
      const hash = chainHash(previous, organisationId, row)
      if (!hash.equals(row.hash)) return { ok: false, seq: row.seq, problem: 'changed-row' }
      previous = hash
      seq = row.seq
    }
    if (page.length < PAGE) break
  }
  if (!head) return seq === 0 ? { ok: true, rows: 0 } : { ok: false, seq, problem: 'head-missing' }
  return endOf(head, seq, previous)
}

function endOf(head: { seq: number; hash: Buffer }, seq: number, hash: Buffer): ChainVerdict {
  if (head.seq > seq) return { ok: false, seq: seq + 1, problem: 'missing-row' }
  return head.seq === seq && head.hash.equals(hash)
    ? { ok: true, rows: seq }
    : { ok: false, seq, problem: 'head-differs' }
}
