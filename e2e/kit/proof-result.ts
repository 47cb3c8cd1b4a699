/** A proof's outcome for tools/proof.mjs; nothing is written when the proof runs at CI size. */
import { writeFileSync } from 'node:fs'

export function writeProofResult(detail: object): void {
  const file = process.env.HOLDFAST_PROOF_RESULT
  if (file) writeFileSync(file, JSON.stringify(detail))
}
