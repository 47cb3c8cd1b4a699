/**
 * Characters that turn the direction of text around (Unicode's UAX 9, with the marks U+061C, U+200E, U+200F). In a line
 * of a stranger's they show another name, or another ending of a file, than is there: a program is shown as a PDF. Texts
 * of bodies keep them: there they are for reading, and nothing is decided by them.
 */
const TURNING = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g

export const withoutTurns = (text: string): string => text.replace(TURNING, '')

/** Where an address is in it: without them it would be somebody else's. */
export const withTurnsSeen = (text: string): string => text.replace(TURNING, '\ufffd')

/** A name that every file system takes; the server says `attachment`, so that nothing opens in our origin. */
export const safeFileName = (name: string): string =>
  withoutTurns(name)
    .replace(/[\\/:*?"<>|\p{Cc}]+/gu, '_')
    .replace(/^\.+/, '_')
    .slice(0, 120) || 'file'
