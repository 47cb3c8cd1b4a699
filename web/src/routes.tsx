/**
 * Addresses and their scenes. The session stands above them all: without one, the sign-in scene shows in place and the
 * address stays, so that after signing in the person is where they wanted to be. The control panel and the design page
 * are chunks of their own.
 */
import { createRootRoute, createRoute, createRouter, lazyRouteComponent, redirect } from '@tanstack/react-router'
import { Home } from './scenes/home.tsx'
import { MailScene } from './scenes/mail/mail-scene.tsx'
import { LinkScene } from './scenes/sign-in/link-scene.tsx'
import { PasswordScene } from './scenes/sign-in/password-scene.tsx'
import { ProviderScene } from './scenes/sign-in/provider-scene.tsx'
import { SetupScene } from './scenes/sign-in/setup-scene.tsx'
import { Signed } from './scenes/sign-in/signed.tsx'
import { Crash } from './ui/crash.tsx'
import { LoadingState, NotFoundState } from './ui/states.tsx'
import { composeKinds, type ComposeKind, type MailSearch } from './lib/mail-search.ts'

const text = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value : typeof value === 'number' ? String(value) : undefined
const some = <T extends object>(values: T) =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>
  }

const root = createRootRoute({ notFoundComponent: NotFoundState, errorComponent: Crash })
const setup = createRoute({ getParentRoute: () => root, path: '/setup', component: SetupScene })
const link = createRoute({ getParentRoute: () => root, path: '/link', component: () => <LinkScene /> })
const provider = createRoute({
  getParentRoute: () => root,
  path: '/sign-in/provider',
  component: () => <ProviderScene />,
})
const design = createRoute({
  getParentRoute: () => root,
  path: '/design',
  component: lazyRouteComponent(() => import('./scenes/design/design-scene.tsx'), 'DesignScene'),
})
const signed = createRoute({ getParentRoute: () => root, id: 'signed', component: Signed })
const home = createRoute({ getParentRoute: () => signed, path: '/', component: Home })
const signIn = createRoute({ getParentRoute: () => signed, path: '/sign-in', component: Home })
const password = createRoute({ getParentRoute: () => signed, path: '/password', component: PasswordScene })

const appPasswords = createRoute({
  getParentRoute: () => signed,
  path: '/app-passwords',
  component: lazyRouteComponent(() => import('./scenes/account/app-passwords.tsx'), 'AppPasswordsScene'),
})

const twoStep = createRoute({
  getParentRoute: () => signed,
  path: '/two-step',
  component: lazyRouteComponent(() => import('./scenes/account/two-step.tsx'), 'TwoStepScene'),
})

const privateContact = createRoute({
  getParentRoute: () => signed,
  path: '/ways-back',
  component: lazyRouteComponent(() => import('./scenes/account/private-contact.tsx'), 'PrivateContactScene'),
})

const sessions = createRoute({
  getParentRoute: () => signed,
  path: '/sessions',
  component: lazyRouteComponent(() => import('./scenes/account/sessions.tsx'), 'SessionsScene'),
})

const addressBook = createRoute({
  getParentRoute: () => signed,
  path: '/address-book',
  validateSearch: (search: Record<string, unknown>): { q?: string; id?: string } =>
    some({ q: text(search['q']), id: text(search['id']) }),
  component: lazyRouteComponent(() => import('./scenes/book/book-scene.tsx'), 'BookScene'),
})

const mailIndex = createRoute({ getParentRoute: () => signed, path: '/mail', component: Home })
const mail = createRoute({
  getParentRoute: () => signed,
  path: '/mail/$folder',
  validateSearch: (search: Record<string, unknown>): MailSearch =>
    some({
      q: text(search['q']),
      all: search['all'] === true ? true : undefined,
      id: text(search['id']),
      to: search['compose'] === 'new' ? text(search['to']) : undefined,
      later: search['later'] === true ? true : undefined,
      compose: composeKinds.includes(search['compose']) ? (search['compose'] as ComposeKind) : undefined,
    }),
  component: MailScene,
})

const adminScenes = () => import('./scenes/admin/admin-scenes.tsx')
const admin = createRoute({
  getParentRoute: () => signed,
  path: '/admin',
  component: lazyRouteComponent(adminScenes, 'AdminHome'),
})
const org = createRoute({
  getParentRoute: () => signed,
  path: '/admin/$org',
  component: lazyRouteComponent(adminScenes, 'AdminFrame'),
})
const orgIndex = createRoute({
  getParentRoute: () => org,
  path: '/',
  beforeLoad: ({ params }) => {
    throw redirect({ to: '/admin/$org/board', params: { org: params.org } })
  },
})
const board = createRoute({
  getParentRoute: () => org,
  path: '/board',
  component: lazyRouteComponent(adminScenes, 'BoardScene'),
})
const queue = createRoute({
  getParentRoute: () => org,
  path: '/queue',
  validateSearch: (search: Record<string, unknown>): { state?: string; route?: string; q?: string } =>
    some({ state: text(search['state']), route: text(search['route']), q: text(search['q']) }),
  component: lazyRouteComponent(adminScenes, 'QueueScene'),
})
const alarms = createRoute({
  getParentRoute: () => org,
  path: '/alarms',
  component: lazyRouteComponent(adminScenes, 'AlarmsScene'),
})
const parking = createRoute({
  getParentRoute: () => org,
  path: '/parking',
  component: lazyRouteComponent(adminScenes, 'ParkingScene'),
})
const quiet = createRoute({
  getParentRoute: () => org,
  path: '/quiet',
  component: lazyRouteComponent(adminScenes, 'QuietScene'),
})
const returns = createRoute({
  getParentRoute: () => org,
  path: '/returns',
  component: lazyRouteComponent(adminScenes, 'ReturnsScene'),
})
const ledger = createRoute({
  getParentRoute: () => org,
  path: '/returns/$event',
  component: lazyRouteComponent(adminScenes, 'LedgerScene'),
})
const traceSearch = createRoute({
  getParentRoute: () => org,
  path: '/trace',
  validateSearch: (search: Record<string, unknown>): { q?: string } => some({ q: text(search['q']) }),
  component: lazyRouteComponent(adminScenes, 'TraceSearchScene'),
})
const trace = createRoute({
  getParentRoute: () => org,
  path: '/trace/$message',
  component: lazyRouteComponent(adminScenes, 'TraceScene'),
})
const people = createRoute({
  getParentRoute: () => org,
  path: '/people',
  component: lazyRouteComponent(adminScenes, 'PeopleScene'),
})
const directory = createRoute({
  getParentRoute: () => org,
  path: '/directory',
  component: lazyRouteComponent(adminScenes, 'DirectoryScene'),
})
const learned = createRoute({
  getParentRoute: () => org,
  path: '/learned',
  component: lazyRouteComponent(adminScenes, 'LearnedScene'),
})
const access = createRoute({
  getParentRoute: () => org,
  path: '/access',
  component: lazyRouteComponent(adminScenes, 'AccessScene'),
})
const audit = createRoute({
  getParentRoute: () => org,
  path: '/audit',
  component: lazyRouteComponent(adminScenes, 'AuditScene'),
})

export const router = createRouter({
  routeTree: root.addChildren([
    setup,
    link,
    provider,
    design,
    signed.addChildren([
      home,
      signIn,
      password,
      appPasswords,
      twoStep,
      privateContact,
      sessions,
      addressBook,
      mailIndex,
      mail,
      admin,
      org.addChildren([
        orgIndex,
        board,
        alarms,
        queue,
        parking,
        quiet,
        returns,
        ledger,
        traceSearch,
        trace,
        people,
        directory,
        learned,
        access,
        audit,
      ]),
    ]),
  ]),
  defaultPendingComponent: LoadingState,
  defaultErrorComponent: Crash,
  scrollRestoration: false,
})

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router
  }
}
