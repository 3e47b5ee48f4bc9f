/** Where in a JSON text each value begins, so that a fault named by its path can be found in the file. Pure. */
export class JsonFault extends Error {
  constructor(readonly line: number) {
    super(`line ${line}`)
  }
}

const lineAt = (text: string, offset: number): number => text.slice(0, offset).split('\n').length

/** The value of a JSON text. Throws JsonFault with the line where it stops being JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    throw new JsonFault(lineAt(text, scan(text).stoppedAt))
  }
}

/** The line (from 1) of the value at a dotted path, or of the nearest thing that holds it. */
export function lineOf(text: string, path: string): number {
  const { starts } = scan(text)
  const parts = path.split('.')
  for (let depth = parts.length; depth > 0; depth -= 1) {
    const at = starts.get(parts.slice(0, depth).join('.'))
    if (at !== undefined) return lineAt(text, at)
  }
  return 1
}

const TOKEN = /\s*(?:([{}[\]:,])|"(?:[^"\\\u0000-\u001f]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)/y

/** Walks the tokens as far as they make sense. */
function scan(text: string): { starts: Map<string, number>; stoppedAt: number } {
  const starts = new Map<string, number>()
  let at = 0
  const peek = (): { word: string; from: number; next: number } | null => {
    TOKEN.lastIndex = at
    const match = TOKEN.exec(text)
    return match ? { word: match[0].trim(), from: TOKEN.lastIndex - match[0].trimStart().length, next: TOKEN.lastIndex } : null
  }
  const take = (word?: string): string | null => {
    const token = peek()
    if (!token || (word !== undefined && token.word !== word)) return null
    at = token.next
    return token.word
  }
  const value = (path: string): boolean => {
    const token = peek()
    if (!token || '}]:,'.includes(token.word)) return false
    if (path) starts.set(path, token.from)
    at = token.next
    if (token.word === '{') return members(path, '}', (index) => key(index))
    return token.word === '[' ? members(path, ']', String) : true
  }
  const key = (_: number): string | null => {
    const word = take()
    if (word === null || !word.startsWith('"') || take(':') === null) return null
    return JSON.parse(word) as string
  }
  const members = (path: string, end: string, name: (index: number) => string | null): boolean => {
    if (take(end)) return true
    for (let index = 0; ; index += 1) {
      const part = name(index)
      if (part === null || !value(path ? `${path}.${part}` : part)) return false
      if (take(end)) return true
      if (take(',') === null) return false
    }
  }
  value('')
  return { starts, stoppedAt: at }
}
