/** Wiring of what concerns people: how they are told, asked and let back in, who may look over their shoulder, and their lists. */
import { createAlarmTeller, type AlarmTeller } from '../core/alarms/index.ts'
import { createDirectorySchedule, type DirectorySchedule } from '../core/directory-schedule/index.ts'
import { createScimRunner, type ScimRunner } from '../core/directory/index.ts'
import { createAccessWatch, createFourEyes, type FourEyes } from '../core/four-eyes/index.ts'
import { placeWaiting } from '../core/mailbox/index.ts'
import {
  createPeopleNotices,
  createAccountTeller,
  createPrivateContacts,
  createSignInLinks,
  type PrivateContacts,
  type PeopleNotices,
  type AccountTeller,
  type SignInLinks,
  type SignInLinksDeps,
} from '../core/notices/index.ts'
import { createAsking, type Asking } from '../core/ways-back/index.ts'
import { smsGatewayOf } from './sms-gateway.ts'
import { createSignDkim, type SignDkim } from '../core/submission/index.ts'
import type { Accept } from '../core/queue/index.ts'
import type { Judge } from '../core/continuity/index.ts'
import type { LiveDirectory, RouteBook } from '../core/directory/index.ts'
import type { OwnId, Routing } from '../core/routing/index.ts'
import type { QuietBook } from '../core/quiet/index.ts'
import type { Foundation } from './core.ts'

export interface People {
  peopleNotices: PeopleNotices
  accountTeller: AccountTeller
  alarms: AlarmTeller
  fourEyes: FourEyes
  accessWatch: ReturnType<typeof createAccessWatch>
  asking: Asking
  privateContacts: PrivateContacts
  /** for who does not know their password; `find`: whom a name means */
  signInLinks: (find: SignInLinksDeps['find']) => SignInLinks
  /** lists of people: fetched by the clock, and written by SCIM clients */
  lists: DirectorySchedule
  scimRunner: ScimRunner
}

interface Rooms {
  directory: LiveDirectory
  routing: Routing
  ownId: OwnId
  accept: Accept
  routes: RouteBook
  quiet: QuietBook
  judge: Judge
}

export function buildPeople(base: Foundation, { routing, ownId, accept, ...rooms }: Rooms): People {
  const { config, db, clock, log, metrics, keys } = base
  const sign: SignDkim = createSignDkim({ sql: db, keys, clock })
  /** what mails that we write ourselves need */
  const ownMail = { db, clock, log, config, routing, ownId, accept, sign }
  const privateMail = {
    ...ownMail,
    directory: rooms.directory,
    keys,
    sms: smsGatewayOf(config.sms),
    smsLimits: config.sms,
  }
  const { judge, routes, quiet } = rooms
  const fourEyes = createFourEyes({ db, clock })
  return {
    peopleNotices: createPeopleNotices({ ...privateMail, metrics, judge, routes, quiet }),
    accountTeller: createAccountTeller(privateMail),
    alarms: createAlarmTeller(ownMail),
    fourEyes,
    accessWatch: createAccessWatch({ fourEyes, clock, log }),
    asking: createAsking({ ...ownMail, publicUrl: config.publicUrl }),
    privateContacts: createPrivateContacts(privateMail),
    signInLinks: (find) => createSignInLinks({ ...privateMail, publicUrl: config.publicUrl, find }),
    lists: createDirectorySchedule({ db, clock, log, keys, placeWaiting }),
    scimRunner: createScimRunner({ db, clock, log, placeWaiting }),
  }
}
