/** Keys for a scene: one handler on the document; silent while somebody types, in dialogs, menus, and with Ctrl, Alt, Meta. */
import { useEffect, useRef } from 'react'

export type KeyMap = Record<string, ((event: KeyboardEvent) => void) | undefined>

const typing = (target: EventTarget | null): boolean =>
  target instanceof Element &&
  target.closest('input:not([type=checkbox]), textarea, select, [contenteditable=true], [role=dialog], [role=menu]') !==
    null

export function useKeys(keys: KeyMap, on = true): void {
  const now = useRef(keys)
  useEffect(() => {
    now.current = keys
  })
  useEffect(() => {
    if (!on) return undefined
    const press = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return
      const act = now.current[event.key]
      if (!act) return
      event.preventDefault()
      act(event)
    }
    document.addEventListener('keydown', press)
    return () => document.removeEventListener('keydown', press)
  }, [on])
}
