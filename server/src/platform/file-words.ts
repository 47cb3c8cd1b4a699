/** Why a file or folder could not be used, in words instead of the system's ENOENT. */
const WORDS: Record<string, string> = {
  ENOENT: 'does not exist',
  EACCES: 'may not be read by this account',
  EPERM: 'may not be used by this account',
  EISDIR: 'is a folder, not a file',
  ENOTDIR: 'lies below something that is not a folder',
  ELOOP: 'is a link that leads in a circle',
  EROFS: 'lies on a file system that is read-only',
  ENOSPC: 'lies on a disk that is full',
}

export function fileWords(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  return (code === undefined ? undefined : WORDS[code]) ?? message
}
