/** The door of the organisations' own systems where nobody has declared any. */
import { createOutbound, type Outbound } from '../src/core/intake/index.ts'

export const notListed: Outbound = createOutbound({ sources: { of: () => [] } } as unknown as Parameters<
  typeof createOutbound
>[0])
