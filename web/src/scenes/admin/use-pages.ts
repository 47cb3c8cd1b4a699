/** A list that comes in pages, as one list. */
import { useInfiniteQuery } from '@tanstack/react-query'
import type { QueryKey } from '@tanstack/react-query'
import type { Page } from '../../data/contract.ts'

export interface Paged<T> {
  queryKey: QueryKey
  queryFn: (context: { signal: AbortSignal; pageParam: string | null }) => Promise<Page<T>>
  initialPageParam: string | null
  getNextPageParam: (last: Page<unknown>) => string | null
  refetchInterval?: number
  enabled?: boolean
}

export function usePages<T>({ refetchInterval, ...query }: Paged<T>) {
  const asked = useInfiniteQuery({
    ...query,
    // Many open pages are renewed when looked at again, not every few seconds.
    refetchInterval: ({ state }) => ((state.data?.pages.length ?? 0) > 2 ? false : (refetchInterval ?? false)),
  })
  return { asked, rows: asked.data?.pages.flatMap(({ items }) => items) ?? [] }
}
