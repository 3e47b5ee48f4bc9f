import { describe, expect, it } from 'vitest'
import { bars, countsOf, filtered } from '@/features/sms/delivery'
import { sharedVariables, withoutDoubles } from '@/features/sms/listed'
import { cost } from '@/features/sms/segments'
import type { MessageRecipient } from '@/protocol/api/sms'
import type { Listed } from '@/protocol/api/smsDraft'

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

describe('lists of recipients', () => {
  const one = (number: string, name = '', values: Record<string, string> = {}): Listed => ({ number, name, values })
  it('keeps each number once, with what any line said about it', () => {
    expect(withoutDoubles([one('1', '', { a: 'x' }), one('2'), one('1', '张三', { a: 'y', b: 'z' })])).toEqual([one('1', '张三', { a: 'x', b: 'z' }), one('2')])
  })
  it('asks a value for all only where neither directory nor list has it', () => {
    expect(sharedVariables(['姓名', 'unit', '座位', '时间'], [one('1', '', { 座位: 'a' }), one('2', '', { 座位: 'b' })])).toEqual(['时间'])
    expect(sharedVariables(['座位'], [one('1', '', { 座位: 'a' }), one('2')])).toEqual(['座位'])
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
