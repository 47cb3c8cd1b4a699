/** What the page can say about a new password before the server does (which has the last word). */
export const passwordLeast = 10
export function passwordFault(next: string, again: string): 'short' | 'differ' | null {
  if (Array.from(next).length < passwordLeast) return 'short'
  return next === again ? null : 'differ'
}
