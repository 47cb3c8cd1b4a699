/**
 * What was deleted here in bulk is still brought home until the person says otherwise: the question, and the one button
 * that answers it. Doing nothing is an answer too: it stays owed.
 */
import { Button, Group } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { api } from '../data/api.ts'
import { standingQuery } from '../data/queries.ts'
import { errorText } from '../lib/sentence.ts'
import { toasts } from '../lib/undo.ts'
import { Notice } from './notice.tsx'

export function DeletedOwed() {
  const { t } = useTranslation()
  const client = useQueryClient()
  const waiting = useQuery(standingQuery).data?.deletedButOwed ?? 0
  const confirm = useMutation({
    // The number that was shown goes along: when more was deleted since, nothing is cancelled.
    mutationFn: (shown: number) =>
      api<{ cancelled: number; waiting: number }>('POST', '/me/deletions/confirm', { waiting: shown }),
    onSuccess: ({ cancelled }) => toasts.add(t('deletions.done', { count: cancelled }), { tone: 'good' }),
    onError: (error) => toasts.add(errorText(t, error), { tone: 'bad' }),
    onSettled: () => client.invalidateQueries({ queryKey: standingQuery.queryKey }),
  })
  if (waiting === 0) return null
  return (
    <Notice tone="warn">
      <Group gap="sm" justify="space-between">
        <span>{t('deletions.waiting', { count: waiting })}</span>
        <Button size="xs" variant="default" loading={confirm.isPending} onClick={() => confirm.mutate(waiting)}>
          {t('deletions.confirm', { count: waiting })}
        </Button>
      </Group>
    </Notice>
  )
}
