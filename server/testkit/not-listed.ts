/** Doors of intake where nobody has declared anything: the organisations' own systems, and addresses that stand for others. */
import { createOutbound, type Outbound } from '../src/core/intake/index.ts'
import type { ListBounces } from '../src/core/lists/index.ts'
import type { ReturnPaths } from '../src/core/routing/index.ts'

export const notListed: Outbound = createOutbound({
  sources: { of: () => [], has: () => false },
} as unknown as Parameters<typeof createOutbound>[0])

/** Nothing is redirected, and no address is one that notices come back to. */
export const noReturnPaths: ReturnPaths = {
  onward: () => Promise.resolve(null),
  returned: () => Promise.resolve(null),
  forMember: () => '',
}

export const noListBounces: ListBounces = { note: () => Promise.resolve() }
