/** Files on their way to the server, with progress, and those that have arrived. */
import { ActionIcon } from '@mantine/core'
import { IconX } from '@tabler/icons-react'
import { useEffect, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { DraftFile } from '../../actions/draft.ts'
import { core, jmap, upload } from '../../data/jmap/client.ts'
import { fileSize } from '../../lib/format.ts'
import { errorText } from '../../lib/sentence.ts'
import { toasts } from '../../lib/undo.ts'
import { ProgressBar } from '../../ui/progress-bar.tsx'
import { FileIcon } from './files.tsx'

interface Running {
  key: number
  name: string
  share: number
  stop: AbortController
}
export interface Uploads {
  running: Running[]
  busy: boolean
  add: (files: File[]) => void
}

export function useUploads(arrived: (file: DraftFile) => void): Uploads {
  const { t, i18n } = useTranslation()
  const [running, setRunning] = useState<Running[]>([])
  const last = useRef(0)
  const all = useRef(new Set<AbortController>())
  useEffect(() => {
    const started = all.current
    return () => {
      for (const stop of started) stop.abort()
    }
  }, [])

  async function one(file: File) {
    const limit = Number((await jmap.session()).capabilities[core]?.['maxSizeUpload'] ?? Infinity)
    if (file.size > limit)
      return void toasts.add(t('compose.tooBig', { name: file.name, limit: fileSize(limit, i18n.language) }), {
        tone: 'bad',
      })
    const key = ++last.current
    const stop = new AbortController()
    all.current.add(stop)
    setRunning((before) => [...before, { key, name: file.name, share: 0, stop }])
    try {
      const { blobId, type, size } = await upload(
        file,
        (share) => setRunning((before) => before.map((each) => (each.key === key ? { ...each, share } : each))),
        stop.signal,
      )
      arrived({ blobId, type, size, name: file.name })
    } catch (thrown) {
      if (!stop.signal.aborted)
        toasts.add(`${t('compose.uploadFailed', { name: file.name })} ${errorText(t, thrown)}`, { tone: 'bad' })
    } finally {
      all.current.delete(stop)
      setRunning((before) => before.filter((each) => each.key !== key))
    }
  }
  return {
    running,
    busy: running.length > 0,
    add: (files) =>
      files.forEach(
        (file) => void one(file).catch((thrown: unknown) => toasts.add(errorText(t, thrown), { tone: 'bad' })),
      ),
  }
}

export function UploadList({
  uploads,
  files,
  remove,
}: {
  uploads: Uploads
  files: DraftFile[]
  remove: (blobId: string) => void
}) {
  const { t, i18n } = useTranslation()
  if (files.length + uploads.running.length === 0) return null
  return (
    <ul className="files">
      {files.map(({ blobId, name, type, size }) => (
        <li key={blobId} className="file">
          <FileIcon type={type} />
          <span className="file-name">{name || t('read.unnamed')}</span>
          <span className="muted small num">{fileSize(size, i18n.language)}</span>
          <ActionIcon aria-label={t('compose.removeAttachment', { name })} onClick={() => remove(blobId)}>
            <IconX size={18} />
          </ActionIcon>
        </li>
      ))}
      {uploads.running.map(({ key, name, share, stop }) => (
        <li key={key} className="file" style={{ minWidth: 220 }}>
          <div className="grow">
            <div className="small file-name">{t('compose.uploading', { name, percent: Math.round(share * 100) })}</div>
            <ProgressBar
              value={Math.round(share * 100)}
              of={100}
              label={t('compose.uploading', { name, percent: Math.round(share * 100) })}
            />
          </div>
          <ActionIcon aria-label={t('compose.removeAttachment', { name })} onClick={() => stop.abort()}>
            <IconX size={18} />
          </ActionIcon>
        </li>
      ))}
    </ul>
  )
}
