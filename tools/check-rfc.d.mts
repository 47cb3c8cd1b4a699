export type Problem = [line: number, text: string]
export function checkText(text: string, known: Map<string, string>): Problem[]
export function readIndex(text: string): { rows: Map<string, string>; problems: Problem[] }
