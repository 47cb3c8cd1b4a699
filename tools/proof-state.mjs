/**
 * What a recorded proof is worth: it holds only if it passed, at its full size, and its files are the same since. Apart
 * from proof.mjs, so that a test can ask without running a proof.
 */

/** The sizes of a result that are below the full ones, as words; a size that is not told counts as nothing. */
export const belowFull = (sizes, full) =>
  Object.entries(full)
    .filter(([name, wanted]) => !(typeof sizes?.[name] === 'number' && sizes[name] >= wanted))
    .map(([name, wanted]) => `${name} ${sizes?.[name] ?? 'not told'} of ${wanted}`)

/** null: it holds. Else why not. */
export function whyNot(result, full, hash) {
  if (!result) return 'has never been run'
  if (result.passed !== true) return `failed (run at ${result.at})`
  const below = belowFull(result.sizes, full)
  if (below.length > 0) return `was run at a reduced size: ${below.join(', ')} (run at ${result.at})`
  if (result.hash !== hash) return `is stale (run at ${result.at}; its files changed since)`
  return null
}
