/** For commands about signing in: the sign-in chain without a server, and where people reach the pages. */
import { createAccess, type Access } from '../core/access/index.ts'
import type { Context } from './context.ts'

export async function withAccess<T>(context: Context, work: (access: Access) => Promise<T>): Promise<T> {
  const access = createAccess({ db: context.db, clock: context.clock, log: context.log })
  try {
    return await work(access)
  } finally {
    await access.stop()
  }
}

/** Without a slash at its end. */
export function pagesUrl({ config, running }: Context): string {
  if (config.publicUrl !== '') return config.publicUrl.replace(/\/+$/, '')
  const { host, port } = config.listen.http
  return `http://${host.includes(':') ? `[${host}]` : host}:${running?.ports['http'] ?? port}`
}
