/**
 * The border table: which room may import which. It lives once, here; eslint.config.mjs makes lint zones of it and a
 * test holds ARCHITECTURE.md against it. A room not listed for another may not be imported by it.
 */
export const layers = {
  platform: [],
  protocols: ['platform'],
  clients: ['platform', 'protocols'],
  store: ['platform'],
  core: ['platform', 'protocols', 'clients', 'store'],
  servers: ['platform', 'protocols', 'core'],
  roles: ['platform', 'protocols', 'clients', 'store', 'core', 'servers'],
  commands: ['platform', 'protocols', 'clients', 'store', 'core', 'servers', 'roles'],
}

/** Things of Node and npm that only some rooms may touch. */
export const guarded = [
  {
    what: ['node:net', 'node:tls'],
    rooms: ['clients', 'servers', 'platform/net'],
    why: 'sockets live in clients, servers and platform/net',
  },
  { what: ['pg', 'pg-copy-streams'], rooms: ['store', 'platform/db'], why: 'SQL lives in store' },
]
