/** Mail that Holdfast writes itself: to whom it concerns, by our own queue, once. */
export { createOwnMail, derivedId, type OwnMail, type OwnMailDeps, type SendOwnMail } from './own-mail.ts'
