/**
 * Notices to people: in an outage a mail to the private address of each protected person, one when it has lasted, one when
 * it is over. When: rules.ts; seen by watch.ts; sent by walk.ts in pages, each as mail.ts makes it, in the words of
 * words.ts; what admins do: acts.ts. docs/decisions/0022.
 */
export { createSignInLinks, type SignInLinks, type SignInLinksDeps } from './sign-in-link.ts'
export {
  createPrivateContacts,
  type ContactPlace,
  type ContactStanding,
  type ContactWord,
  type PrivateContacts,
} from './private-contact.ts'
export { createAccountTeller, type AccountTeller } from './account-walk.ts'
export { createPeopleNotices, type PeopleNotices } from './notices.ts'
export { MOST_OWN_TEXT, routeNotices, suppressNotices, tellPeople, type RouteNotices } from './acts.ts'
export { localeOf, type NoticeLocale } from './words.ts'
