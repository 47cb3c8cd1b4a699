/** Attachments and what came inside the text: links to blobs, pictures by their cid (RFC 2392). */
import { IconFile, IconFileText, IconFileZip, IconMail, IconPhoto } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { reach } from '../../data/api.ts'
import { jmap } from '../../data/jmap/client.ts'
import type { Email } from '../../data/jmap/types.ts'
import { safeFileName } from '../../lib/direction.ts'
import { fileSize } from '../../lib/format.ts'

export const FileIcon = ({ type }: { type: string }) => {
  const Icon = type.startsWith('image/')
    ? IconPhoto
    : type.startsWith('text/') || type === 'application/pdf'
      ? IconFileText
      : /zip|compressed|tar/.test(type)
        ? IconFileZip
        : type === 'message/rfc822'
          ? IconMail
          : IconFile
  return <Icon size={18} aria-hidden="true" style={{ flex: 'none' }} />
}

export function BlobLink({
  blobId,
  type,
  name,
  label,
  className,
  children,
}: {
  blobId: string
  type: string
  name: string
  label: string
  className: string
  children?: React.ReactNode
}) {
  const { data: url } = useQuery({
    queryKey: ['blob-url', blobId, name],
    queryFn: () => jmap.downloadUrl(blobId, type, safeFileName(name)),
    staleTime: Infinity,
  })
  return (
    <a className={className} href={url} download={safeFileName(name)} aria-label={children ? label : undefined}>
      {children ?? label}
    </a>
  )
}

export function Files({ mail }: { mail: Email }) {
  const { t, i18n } = useTranslation()
  const files = mail.attachments.filter(
    ({ blobId, cid, disposition, type }) =>
      blobId && !(cid && disposition !== 'attachment' && type.startsWith('image/') && usesCid(mail, cid)),
  )
  if (files.length === 0) return null
  return (
    <section aria-label={t('read.attachments', { count: files.length })}>
      <ul className="files">
        {files.map(({ blobId, type, name, size }) => {
          const shown = name ?? t('read.unnamed')
          return (
            <li key={blobId} style={{ minWidth: 0, maxWidth: '100%' }}>
              <BlobLink
                blobId={blobId!}
                type={type}
                name={name ?? 'file'}
                className="file"
                label={t('read.download', { name: shown })}
              >
                <FileIcon type={type} />
                <span className="file-name">{shown}</span>
                <span className="muted small num">{fileSize(size, i18n.language)}</span>
              </BlobLink>
            </li>
          )
        })}
      </ul>
    </section>
  )
}

const usesCid = (mail: Email, cid: string) =>
  Object.values(mail.bodyValues).some(({ value }) => value.includes(`cid:${cid}`))
const most = 20_000_000

/** Pictures that came with the message, as blob addresses that live as long as the message is shown. */
export function useInlinePictures(mail: Email): ReadonlyMap<string, string> {
  const [found, setFound] = useState<ReadonlyMap<string, string>>(new Map())
  useEffect(() => {
    const stop = new AbortController()
    const made: string[] = []
    // Not SVG: as a picture it is harmless, but nothing is gained by taking the chance.
    const wanted = mail.attachments.filter(
      ({ cid, blobId, type, size }) =>
        cid && blobId && /^image\/(?!svg)/.test(type) && size < most && usesCid(mail, cid),
    )
    if (wanted.length === 0) return undefined
    void Promise.all(
      wanted.map(async ({ cid, blobId, type, name }) => {
        const answer = await reach(await jmap.downloadUrl(blobId!, type, safeFileName(name ?? 'picture')), {
          signal: stop.signal,
        })
        if (!answer.ok) return []
        const url = URL.createObjectURL(new Blob([await answer.arrayBuffer()], { type }))
        made.push(url)
        return [[cid!, url] as const]
      }),
    )
      .then((pairs) => setFound(new Map(pairs.flat())))
      .catch(() => undefined)
    return () => {
      stop.abort()
      for (const url of made) URL.revokeObjectURL(url)
    }
  }, [mail])
  return found
}
