import { describe, expect, it } from 'vitest'
import { bars, countsOf, filtered } from '@/features/sms/delivery'
import { cost } from '@/features/sms/segments'
import type { MessageRecipient } from '@/protocol/api/sms'

describe('what a text costs', () => {
  it.each([
    ['', 0, false], ['a'.repeat(160), 1, false], ['a'.repeat(161), 2, false], ['€'.repeat(80), 1, false], ['€'.repeat(81), 2, false],
    ['汉'.repeat(70), 1, true], ['汉'.repeat(71), 2, true], ['汉'.repeat(132), 2, true], ['汉'.repeat(133), 3, true],
  ])('counts %#', (text, segments, isUnicode) => {
    expect(cost(text)).toMatchObject({ segments, isUnicode })
  })
  it('never cuts a surrogate pair: it moves whole into the next segment', () => {
    expect(cost('汉'.repeat(65) + '😀'.repeat(3))).toMatchObject({ segments: 2, units: 71 })
    expect(cost('汉'.repeat(65) + '😀' + '汉'.repeat(65))).toMatchObject({ units: 132, segments: 3 })
  })
  it('names the characters that force UCS-2', () => {
    expect(cost('ab汉cd字汉').forcedBy).toEqual(['汉', '字'])
  })
})

describe('delivery board', () => {
  const row = (id: string, state: MessageRecipient['state'], answered: string | null = null): MessageRecipient =>
    ({ id, state, answered_at: answered }) as MessageRecipient
  const rows = [row('a', 'delivered', 'x'), row('b', 'unknown'), row('c', 'failed')]
  it('never counts unknown as delivered', () => {
    expect(countsOf(rows)).toMatchObject({ all: 3, delivered: 1, unknown: 1, failed: 1, answered: 1, silent: 2 })
  })
  it('filters by state and by silence', () => {
    expect(filtered(rows, 'silent').map((one) => one.id)).toEqual(['b', 'c'])
    expect(filtered(rows, 'unknown').map((one) => one.id)).toEqual(['b'])
  })
  it('shows bars for a signal', () => {
    expect([null, -113, -100, -90, -80, -60].map(bars)).toEqual([0, 0, 1, 2, 3, 4])
  })
})
