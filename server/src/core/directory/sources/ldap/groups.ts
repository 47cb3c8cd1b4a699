/** Who belongs to a group, also by groups within it; groups may contain each other in a circle. */
import { sameDn } from './dn.ts'

export interface GroupEntry {
  dn: string
  members: readonly string[]
}

/** The group here of each member by DN (sameDn): of the first of `wanted` that they belong to. */
export function groupsByMember(
  all: readonly GroupEntry[],
  wanted: readonly { dn: string; group: string }[],
): Map<string, string> {
  const membersOf = new Map(all.map(({ dn, members }) => [sameDn(dn), members.map(sameDn)]))
  const found = new Map<string, string>()
  for (const { dn, group } of wanted) {
    const seen = new Set([sameDn(dn)])
    // A set grows while it is walked: each group is opened once, however deep and in whatever circle.
    for (const one of seen) for (const member of membersOf.get(one) ?? []) seen.add(member)
    for (const one of seen) if (!membersOf.has(one) && !found.has(one)) found.set(one, group)
  }
  return found
}
