/** A bar with its number in words beside it; the words are what a reader who listens gets. */
export function ProgressBar({ value, of, label }: { value: number; of: number; label: string }) {
  const percent = of > 0 ? Math.min(100, (value / of) * 100) : 0
  return (
    <div
      className="bar"
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={of}
      aria-valuenow={value}
      aria-valuetext={label}
    >
      <span style={{ width: `${percent}%` }} />
    </div>
  )
}
