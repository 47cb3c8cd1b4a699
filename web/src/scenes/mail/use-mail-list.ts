/** The rows of a folder or of a search, page after page; a message shows once even when pages have shifted. */
import { keepPreviousData, useInfiniteQuery } from '@tanstack/react-query'
import { useMemo } from 'react'
import { listPage } from '../../data/jmap/mail.ts'
import type { ListOf } from '../../data/jmap/mail.ts'
import type { EmailRow } from '../../data/jmap/types.ts'

export function useMailList(of: ListOf) {
  const found = useInfiniteQuery({
    queryKey: ['mail', 'list', of],
    queryFn: ({ pageParam, signal }) => listPage(of, pageParam, signal),
    initialPageParam: 0,
    getNextPageParam: (last) =>
      last.rows.length && last.position + last.rows.length < last.total ? last.position + last.rows.length : undefined,
    ...(of.text ? { placeholderData: keepPreviousData } : {}),
  })
  const rows = useMemo(() => {
    const seen = new Map<string, EmailRow>()
    for (const page of found.data?.pages ?? []) for (const row of page.rows) seen.set(row.id, row)
    return [...seen.values()]
  }, [found.data])
  return { ...found, rows, total: found.data?.pages.at(-1)?.total ?? rows.length }
}
