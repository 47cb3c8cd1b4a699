/** /api/v1: every operation of the contract, mounted; and the contract itself as OpenAPI. */
import type { FastifyPluginAsync } from 'fastify'
import type { OperationId } from './contract/index.ts'
import { contract } from './contract/index.ts'
import { openApi } from './contract/openapi.ts'
import type { AdminDeps, Handlers } from './handler.ts'
import { mount } from './handler.ts'
import { addBookPhotos, addressBookHandlers } from './routes/address-book.ts'
import { alarmHandlers } from './routes/alarms.ts'
import { accountHandlers } from './routes/account.ts'
import { appPasswordHandlers } from './routes/app-passwords.ts'
import { boardHandlers } from './routes/board.ts'
import { directoryHandlers } from './routes/directory.ts'
import { diskHandlers } from './routes/disk.ts'
import { knownHandlers } from './routes/known.ts'
import { mailHandlers } from './routes/mail.ts'
import { mailboxAccessHandlers } from './routes/mailbox-access.ts'
import { noticeHandlers } from './routes/notices.ts'
import { ownSessionHandlers } from './routes/own-sessions.ts'
import { providerSignInHandlers } from './routes/provider-sign-in.ts'
import { passkeyHandlers } from './routes/passkeys.ts'
import { privateContactHandlers } from './routes/private-contact.ts'
import { quietHandlers } from './routes/quiet.ts'
import { secondFactorHandlers } from './routes/second-factor.ts'
import { signInHelpHandlers } from './routes/sign-in-help.ts'
import { waysBackHandlers } from './routes/ways-back.ts'

export type { AdminDeps } from './handler.ts'

const handlers: Handlers<OperationId> = {
  ...accountHandlers,
  ...appPasswordHandlers,
  ...boardHandlers,
  ...mailHandlers,
  ...knownHandlers,
  ...diskHandlers,
  ...noticeHandlers,
  ...mailboxAccessHandlers,
  ...quietHandlers,
  ...alarmHandlers,
  ...signInHelpHandlers,
  ...waysBackHandlers,
  ...secondFactorHandlers,
  ...passkeyHandlers,
  ...ownSessionHandlers,
  ...privateContactHandlers,
  ...directoryHandlers,
  ...addressBookHandlers,
  ...providerSignInHandlers,
}

export function adminRoutes(deps: AdminDeps): FastifyPluginAsync {
  return async (root) => {
    await root.register(
      async (app) => {
        for (const id of Object.keys(contract) as OperationId[]) mount(app, contract[id], deps, handlers[id])
        addBookPhotos(app, deps)
        const document = openApi(deps.version)
        app.get('/openapi.json', { config: { ability: 'public' } }, async (_request, reply) =>
          reply.header('cache-control', 'no-cache').send(document),
        )
      },
      { prefix: '/api/v1' },
    )
  }
}
