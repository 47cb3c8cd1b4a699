/** Every invariant of a data folder by name: what it means, and what to do when it does not hold. */
import type { SqlInvariant } from '../../store/check.ts'
import { SWEPT_BY_MS, UNLINKED_MS } from '../../store/sweep.ts'

export interface Meaning {
  means: string
  remedy: string
}

const REPORT =
  'This is a fault of Holdfast or a change by hand: keep the data folder as it is, make an export, and report it.'
const BACKUP =
  'Bytes were lost below Holdfast (disk, file system, restore). Restore the message from a backup; look at the disk.'

const hours = (ms: number): number => ms / 3_600_000
const SWEPT = `The sweeper removes them in its hourly round, ${hours(UNLINKED_MS)} hours after they began, while Holdfast runs with the role work; if they stay, report it.`

export type InvariantName =
  | SqlInvariant
  | 'pack-blob'
  | 'blob-file'
  | 'blob-size'
  | 'blob-owner'
  | 'digest-big'
  | 'original-mended'
  | 'audit-chain'
  | 'partitions'

export const invariants: Record<InvariantName, Meaning> = {
  'body-row': { means: 'every message kept as a row has its bytes', remedy: BACKUP },
  'body-once': { means: "no message's bytes are there twice", remedy: REPORT },
  'body-size': { means: 'the bytes of a row have the size that was accepted', remedy: BACKUP },
  'chunks-whole': {
    means: 'chunks are numbered without a gap and add up to the size that was accepted',
    remedy: BACKUP,
  },
  'body-owner': {
    means: `no bytes older than ${hours(SWEPT_BY_MS)} hours lie around without a message or an upload`,
    remedy: SWEPT,
  },
  'blob-key': {
    means:
      'a message says where its bytes are, has a blob key exactly when they are in the blob store, and a place in it exactly when they are in a pack',
    remedy: REPORT,
  },
  'blob-reserved': {
    means: 'a reservation ends with the commit that links its blob, or after an hour',
    remedy:
      'The sweeper removes them in its hourly round, while Holdfast runs with the role work; if they stay, report it.',
  },
  'packed-place': { means: 'a message in a pack lies within a pack of its organisation', remedy: REPORT },
  'packed-apart': { means: 'no two messages share bytes of a pack', remedy: REPORT },
  'packed-once': { means: 'the bytes of a message in a pack are nowhere else', remedy: REPORT },
  'pack-dead': { means: "a pack's bytes are those of its messages and the dead ones it counts", remedy: REPORT },
  'pack-blob': { means: 'the blob of every pack is there, with all its bytes', remedy: BACKUP },
  'upload-bytes': {
    means: 'every upload has its bytes',
    remedy: 'The person uploads the file again; uploads live a day.',
  },
  'copy-bytes': { means: 'bytes are let go only when nobody has a copy', remedy: BACKUP },
  'delivery-message': { means: 'every delivery has its message', remedy: BACKUP },
  'delivery-route': {
    means: 'open mail has a route to go',
    remedy: 'Declare the route again (holdfast apply), or cancel the deliveries (holdfast queue).',
  },
  'delivery-person': { means: 'the person a delivery is for exists', remedy: REPORT },
  'delivery-visible': {
    means: 'whatever waits for a person with an emergency mailbox is visible there',
    remedy:
      'Applying a file that gives an emergency mailbox makes visible what waits. What was being accepted in that moment is missed, and delivered like all mail; anything else: report it.',
  },
  'delivery-state': { means: 'a delivery is in one of the known states', remedy: REPORT },
  'delivery-finished': { means: 'a delivery has an end time exactly when it has ended', remedy: REPORT },
  'delivery-lease': { means: 'a leased delivery has a holder, a finished one has none', remedy: REPORT },
  'quiet-hold': {
    means: 'of mail that a quiet time holds it is known which one, and until when',
    remedy: 'Let it go by hand (holdfast quiet release), and report it.',
  },
  'delivery-parked': { means: 'parked mail is on the list an admin looks at', remedy: REPORT },
  'parking-delivery': { means: 'the list of parked mail names deliveries that exist', remedy: REPORT },
  'delivery-proof': { means: 'what is delivered has an attempt that says so', remedy: REPORT },
  'delivery-attempts': { means: 'a delivery counts its attempts', remedy: REPORT },
  'delivery-reason': { means: 'the reason of a state is one of the closed list', remedy: REPORT },
  'delivery-sender': {
    means:
      'only what an address of ours stands for is sent with a sender of its own, and a notice (null sender) never is',
    remedy: REPORT,
  },
  'attempt-delivery': { means: 'every attempt belongs to a delivery', remedy: REPORT },
  'attempt-words': { means: 'outcome and reason of an attempt are of the closed lists', remedy: REPORT },
  'delivered-once': { means: 'nothing is delivered twice unless an unsure attempt came before', remedy: REPORT },
  'copy-message': { means: 'every copy has its message', remedy: BACKUP },
  'copy-person': { means: 'every copy belongs to a person', remedy: REPORT },
  'copy-delivery': { means: 'a copy and its delivery are of the same message and person', remedy: REPORT },
  'copy-placed': {
    means: 'a copy that was put into a mailbox lies there, or left a tombstone',
    remedy: REPORT,
  },
  'placement-copy': {
    means: 'what is visible in a mailbox is a copy of that person, message and thread',
    remedy: REPORT,
  },
  'placement-once': { means: 'a message is in one folder of a mailbox', remedy: REPORT },
  'placement-folder': { means: 'mail lies in folders that exist', remedy: REPORT },
  'folder-counters': { means: "a folder's counters (total, unseen, bytes) are those of its contents", remedy: REPORT },
  'own-content': { means: 'what a person added is counted in bytes, by the day its copies end', remedy: REPORT },
  'folder-uidnext': { means: "a folder's next UID is above every UID given", remedy: REPORT },
  'folder-modseq': { means: "a folder's change number is not below any change in it", remedy: REPORT },
  'placement-modseq': { means: 'nothing was changed before it was made', remedy: REPORT },
  'folder-inbox': {
    means: 'every person with an emergency mailbox has an Inbox',
    remedy: 'Apply the organisation again: standard folders are made then.',
  },
  'mode-route': { means: 'modes are of routes that exist', remedy: REPORT },
  'mode-words': { means: 'mode and pin are of the closed lists; a pin has a reason and an author', remedy: REPORT },
  'mode-event': { means: 'a route names the return that is under way, not a finished or foreign one', remedy: REPORT },
  'pin-target': { means: 'a pin is of the organisation, or of a domain, group or person of it', remedy: REPORT },
  'pin-words': { means: 'a pin is of the closed list and has a reason and an author', remedy: REPORT },
  'mailbox-person': { means: 'a mailbox that fails is of a person and a route that exist', remedy: REPORT },
  'alarm-once': { means: 'a cause of an alarm stands once', remedy: REPORT },
  'alarm-words': {
    means: 'an alarm is of the closed list and about something; who has acknowledged it is known',
    remedy: REPORT,
  },
  'alarm-times': { means: 'no alarm was acknowledged or over before it began', remedy: REPORT },
  'alarm-told': { means: 'an alarm that was told by mail says when last, and no other does', remedy: REPORT },
  'alarm-letter': { means: 'every letter about an alarm is of one that was told', remedy: REPORT },
  'person-source': {
    means: 'a person who came from a directory source is known to one',
    remedy: 'Nobody would ever take them away: name them in a declaration (holdfast apply), and report it.',
  },
  'address-source': {
    means: 'an address that a directory source brought is one that a source of its person speaks of',
    remedy: 'Nobody would ever take it away: name it in a declaration (holdfast apply), and report it.',
  },
  'shared-member': {
    means: 'who reads a shared mailbox is there, and what they read is one',
    remedy: 'Apply a declaration that names the mailbox and its members (holdfast apply), and report it.',
  },
  'shared-sign-in': {
    means: 'nobody can sign in to a shared mailbox by itself',
    remedy: 'Apply a declaration that names the mailbox (holdfast apply): it takes them away. And report it.',
  },
  'mailbox-access-people': {
    means: 'who asked for a mailbox, and whose it is, are two, and it is known what for',
    remedy: REPORT,
  },
  'mailbox-access-second': {
    means: 'no mailbox was opened without a second person, who is neither who asked nor whose mailbox it is',
    remedy: `Tell the person whose mailbox it is. ${REPORT}`,
  },
  'mailbox-access-state': {
    means: 'a request for a mailbox has the times that belong to its state, and is open for a week at most',
    remedy: REPORT,
  },
  'mailbox-access-told': {
    means: 'whoever was let into somebody’s mailbox, the person is told, or was',
    remedy: `Tell the person whose mailbox it is. ${REPORT}`,
  },
  'shared-hand-over': {
    means: 'a shared mailbox that was somebody’s own, with mail in it, became one with the approval of a second person',
    remedy: `Tell the person whose mailbox it was. ${REPORT}`,
  },
  'account-notice': { means: 'what people are told about their accounts is of a known kind', remedy: REPORT },
  'book-shown': {
    means: 'the address book shows who is there, by the name they have, and nobody who is hidden',
    remedy: 'Apply a declaration that names them, or run their directory source again; and report it.',
  },
  'book-whole': {
    means: 'the address book has everybody with an address who is not hidden',
    remedy: 'Apply a declaration that names them, or run their directory source again; and report it.',
  },
  'run-list': { means: 'a directory run has its list while it waits for an answer, and no longer', remedy: REPORT },
  'run-once': { means: 'of a directory source one run waits for an answer', remedy: REPORT },
  'scim-source': { means: 'what a SCIM client changed is compiled into a list, or will be', remedy: REPORT },
  'scim-counts': { means: 'a SCIM source has as many users, groups and members as it says', remedy: REPORT },
  'scim-resource': {
    means: 'what a SCIM client wrote is of a source and has its words, until it is deleted',
    remedy: REPORT,
  },
  'scim-member': {
    means: 'a member that a SCIM client named is one of a group',
    remedy: 'Let the client write its groups again (Entra ID: restart provisioning), and report it.',
  },
  'ledger-event': { means: 'ledger rows belong to a return of their route', remedy: REPORT },
  'ledger-delivery': { means: 'ledger rows name a delivery of their message', remedy: REPORT },
  'ledger-state': { means: 'what the ledger says is home is delivered', remedy: REPORT },
  'ledger-attempt': { means: 'a ledger row and its attempt tell the same outcome', remedy: REPORT },
  'return-proof': { means: 'everything a return brought home has its proof in the ledger', remedy: REPORT },
  'return-once': { means: 'nothing is brought home twice unless an unsure attempt came before', remedy: REPORT },
  'submission-waiting': {
    means: 'what waits to be sent later has its time, its recipients and its message',
    remedy: 'The author cancels it on the page of scheduled mail and sends it anew; if there are several, report it.',
  },
  'submission-once': { means: 'a message leaves once to the same people', remedy: REPORT },
  'submission-early': { means: 'nothing leaves before its time', remedy: REPORT },
  'owed-copy': { means: 'what is owed still exists', remedy: REPORT },
  'owed-finished': { means: 'what is owed has no end time, and everything else has one', remedy: REPORT },
  'credential-subject': { means: 'credentials belong to somebody', remedy: REPORT },
  'provider-tie': { means: 'ties to accounts elsewhere are to the identity provider that is declared', remedy: REPORT },
  'second-factor-subject': { means: 'second factors belong to somebody', remedy: REPORT },
  'half-sign-in-subject': { means: 'what is half signed in belongs to somebody', remedy: REPORT },
  'passkey-subject': { means: 'passkeys belong to somebody', remedy: REPORT },
  'passkey-whole': { means: 'passkeys have a key, a name of the pages and a counter', remedy: REPORT },
  'passkey-challenge-purpose': { means: 'what a passkey is to sign has a purpose and an end', remedy: REPORT },
  'app-password-person': { means: 'app passwords belong to somebody', remedy: REPORT },
  'private-contact-person': { means: 'private addresses belong to somebody', remedy: REPORT },
  'private-contact-verified': {
    means: 'a private address is in use exactly when it was verified, and a code belongs to one that waits',
    remedy: 'Remove it on the page People (Help); the person gives it again.',
  },
  'contact-ask-campaign': { means: 'whoever was asked for a private address was so by a campaign', remedy: REPORT },
  'session-subject': { means: 'sessions belong to somebody', remedy: REPORT },
  'installation-row': {
    means: 'the database knows which installation it is',
    remedy: 'Start Holdfast once: the row is made. If there were several, report it.',
  },
  'generation-row': { means: "the directory's generation is there exactly once", remedy: REPORT },
  'index-valid': { means: 'every index is whole', remedy: 'REINDEX it, and look at the disk.' },
  'digest-row': { means: 'the bytes of rows are those that were accepted (SHA-256)', remedy: BACKUP },
  'blob-file': { means: 'every blob a message refers to is there', remedy: BACKUP },
  'blob-size': { means: 'a blob has the size that was accepted', remedy: BACKUP },
  'blob-owner': {
    means: `no blob older than ${hours(SWEPT_BY_MS)} hours lies around without a message or a pack`,
    remedy: SWEPT,
  },
  'digest-big': {
    means: 'the bytes of chunks, blobs and packs are those that were accepted (SHA-256)',
    remedy: BACKUP,
  },
  'original-mended': {
    means: 'of a message whose line ends were mended, the original can be had back (SHA-256)',
    remedy: REPORT,
  },
  'audit-chain': {
    means: 'no row of the audit chain was changed or removed',
    remedy: 'Somebody changed the database by hand. Keep it, and compare with a backup.',
  },
  'partitions': {
    means: 'the body tables have partitions for yesterday to tomorrow',
    remedy: 'Start Holdfast: they are made hourly. If they stay missing, look at its log.',
  },
}
