/** The mark: a lifebuoy, drawn here so that it follows the tokens. */
export function Brand({ size = 28 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="7" fill="var(--accent)" />
      <circle cx="16" cy="16" r="9" fill="none" stroke="var(--on-accent)" strokeWidth="4" />
      <path d="M16 5v6M16 21v6M5 16h6M21 16h6" stroke="var(--accent)" strokeWidth="3" />
    </svg>
  )
}
