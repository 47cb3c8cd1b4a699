/** Whom a person may write as, by their own addresses and those that were delegated to them. */
import { DelegationKind } from '../../platform/codes.ts'
import type { OwnAddress } from '../../store/submissions.ts'
import type { MayWrite } from './outgoing.ts'

export function mayWriteAs(addresses: readonly OwnAddress[]): MayWrite {
  const of = (kind: number | null): string[] =>
    addresses.filter(({ delegated }) => delegated === kind).map(({ address }) => address)
  return { own: of(null), sendAs: of(DelegationKind.sendAs), onBehalf: of(DelegationKind.onBehalf) }
}
