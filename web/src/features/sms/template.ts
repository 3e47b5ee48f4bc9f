/** Variables of a text, each once, in order: `{姓名}`. Pure. */
export function variablesOf(text: string): string[] {
  return [...new Set([...text.matchAll(/\{([^{}\s]{1,20})\}/g)].map((match) => match[1]!))]
}

/** The text with what is filled in; a variable left empty stays visible. Pure. */
export function filledIn(text: string, values: Readonly<Record<string, string>>): string {
  return text.replace(/\{([^{}\s]{1,20})\}/g, (whole, name: string) => values[name]?.trim() || whole)
}

/** Words for a duration in seconds: parts that matter, no more than two. Pure. */
export function spanParts(seconds: number): { hours: number; minutes: number; seconds: number } {
  const whole = Math.max(0, Math.round(seconds))
  return { hours: Math.floor(whole / 3600), minutes: Math.floor((whole % 3600) / 60), seconds: whole % 60 }
}
