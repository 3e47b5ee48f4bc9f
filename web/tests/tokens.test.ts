import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

type Palette = Map<string, string>

const css = readFileSync(join(__dirname, '..', 'src', 'ui', 'tokens.css'), 'utf8')
const paletteOf = (theme: string): Palette =>
  new Map([...(new RegExp(`data-theme='${theme}'\\] \\{([^}]*)`).exec(css)?.[1] ?? '').matchAll(/--([\w-]+): (#[0-9a-f]{3,6});/g)].map((one) => [one[1]!, one[2]!]))

/** WCAG 2.2 relative luminance. */
function luminance(hex: string): number {
  const full = hex.length === 4 ? [...hex.slice(1)].map((digit) => digit + digit).join('') : hex.slice(1)
  const [r = 0, g = 0, b = 0] = [0, 2, 4].map((at) => {
    const share = parseInt(full.slice(at, at + 2), 16) / 255
    return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * r + 0.7152 * g + 0.0722 * b
}
function contrast(one: string, other: string): number {
  const [dark = 0, bright = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b)
  return (bright + 0.05) / (dark + 0.05)
}

const GROUNDS = ['page', 'surface', 'surface-2', 'surface-3', 'brand-soft']
const PAIRS = [
  ...['ink', 'ink-2', 'ink-3'].flatMap((ink) => [...GROUNDS, 'ok-soft', 'warn-soft', 'bad-soft', 'info-soft'].map((ground) => [ink, ground])),
  ...['ok', 'warn', 'bad', 'info'].flatMap((tone) => [[tone, `${tone}-soft`], [tone, 'surface']]),
  ['brand-ink', 'brand'], ['brand-ink', 'brand-hover'], ['brand-text', 'surface'], ['brand-text', 'page'],
]

describe('colours', () => {
  it.each(['light', 'dark'])('can be read in the %s theme (WCAG AA, 4.5 : 1)', (theme) => {
    const palette = paletteOf(theme)
    expect(palette.size).toBeGreaterThan(20)
    const weak = PAIRS.map(([ink, ground]) => ({ ink, ground, ratio: contrast(palette.get(ink!)!, palette.get(ground!)!) })).filter(({ ratio }) => ratio < 4.5)
    expect(weak).toEqual([])
  })
})
