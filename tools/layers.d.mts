export const layers: Record<string, string[]>
export const guarded: { what: string[]; rooms: string[]; why: string }[]
