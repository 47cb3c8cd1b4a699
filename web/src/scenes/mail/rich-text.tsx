/**
 * Simple formatting: bold, italic, list, quote. What is pasted is cleaned like foreign mail. The element owns its
 * content while it is there (React must not rewrite it under the cursor).
 */
import { ActionIcon } from '@mantine/core'
import { IconBlockquote, IconBold, IconItalic, IconList } from '@tabler/icons-react'
import { useEffect, useRef } from 'react'
import { useTranslation } from 'react-i18next'
import { cleanHtml } from '../../lib/html-mail.ts'

const escaped = (text: string) => text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;')
/** Plain text as HTML: a paragraph a line; lines that begin with > become one quotation. */
export const asHtml = (text: string): string =>
  text
    .split(/((?:^>.*(?:\n|$))+)/m)
    .map((piece) =>
      piece.startsWith('>')
        ? `<blockquote>${escaped(piece.replace(/^> ?/gm, '').trimEnd()).replace(/\n/g, '<br>')}</blockquote>`
        : escaped(piece).replace(/\n/g, '<br>'),
    )
    .join('')

const tools = [
  ['bold', 'bold', undefined, IconBold],
  ['italic', 'italic', undefined, IconItalic],
  ['list', 'insertUnorderedList', undefined, IconList],
  ['quote', 'formatBlock', 'blockquote', IconBlockquote],
] as const

export function RichText({
  html,
  fixed,
  change,
}: {
  html: string
  /** shown, not to be written in */
  fixed: boolean
  change: (html: string) => void
}) {
  const { t } = useTranslation()
  const field = useRef<HTMLDivElement>(null)
  useEffect(() => {
    if (field.current)
      field.current.innerHTML = cleanHtml(html, { pictures: false, cids: new Map(), styles: false }).html
    // Only the start: afterwards the field is the source.
  }, [])
  const tell = () => field.current && change(field.current.innerHTML)
  // execCommand is old, but every browser has it, and it keeps the browser's own undo.
  const run = (command: string, value?: string) => {
    field.current?.focus()
    document.execCommand(command, false, value) // eslint-disable-line @typescript-eslint/no-deprecated
    tell()
  }
  return (
    <>
      <div className="line" role="toolbar" aria-label={t('compose.format')}>
        {tools.map(([name, command, value, Icon]) => (
          <ActionIcon
            key={name}
            aria-label={t(`compose.${name}`)}
            disabled={fixed}
            onMouseDown={(event) => event.preventDefault()}
            onClick={() => run(command, value)}
          >
            <Icon size={20} />
          </ActionIcon>
        ))}
      </div>
      <div
        ref={field}
        className="compose-text"
        contentEditable={!fixed}
        aria-readonly={fixed}
        suppressContentEditableWarning
        role="textbox"
        aria-multiline="true"
        aria-label={t('compose.body')}
        dir="auto"
        onInput={tell}
        onPaste={(event) => {
          const pasted = event.clipboardData.getData('text/html')
          if (!pasted) return
          event.preventDefault()
          run('insertHTML', cleanHtml(pasted, { pictures: false, cids: new Map(), styles: false }).html)
        }}
      />
    </>
  )
}
