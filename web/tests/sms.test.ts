import { describe, expect, it } from 'vitest'
import { beside, countsAfter, funnel, withChange } from '@/features/sms/boardRows'
import { bars } from '@/features/sms/delivery'
import { sharedVariables, withoutDoubles } from '@/features/sms/listed'
import { codeOfReason } from '@/features/sms/modemReason'
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
  const row = (id: string, state: MessageRecipient['state']): MessageRecipient => ({ id, state, answered_at: null }) as MessageRecipient
  const counts = { queued: 10, sent: 20, delivered: 60, unknown: 4, failed: 3, expired: 2, cancelled: 1, answered: 40 }
  it('is a funnel with the drop-off before each step; unknown is never delivered', () => {
    expect(funnel(counts, 100, true)).toEqual([
      { filter: 'all', n: 100, dropped: 0 }, { filter: 'went_out', n: 80, dropped: 20 }, { filter: 'delivered', n: 60, dropped: 20 }, { filter: 'answered', n: 40, dropped: 20 },
    ])
    expect(funnel({}, 5, false).map((step) => step.n)).toEqual([5, 0, 0])
    expect(beside(counts, 100, true)).toEqual([{ filter: 'waiting', n: 10 }, { filter: 'unknown', n: 4 }, { filter: 'lost', n: 5 }, { filter: 'cancelled', n: 1 }, { filter: 'silent', n: 59 }])
    expect(beside({ delivered: 3 }, 3, false)).toEqual([])
  })
  it('takes counts and rows from a change, and leaves the other rows as they are', () => {
    const rows = [row('a', 'queued'), row('b', 'queued')]
    const item = { recipient_id: 'a', state: 'delivered', cause: null, modem: 'm1', sent_at: 's', reported_at: 'r' }
    const change = { kind: 'recipients.changed', at: 'x', data: { count: 1, counts: { delivered: 1 }, items: [item] } }
    const after = withChange(rows, change)
    expect(after[0]).toMatchObject({ state: 'delivered', modem: 'm1', reported_at: 'r' })
    expect(after[1]).toBe(rows[1])
    expect(countsAfter({ queued: 2 }, change)).toEqual({ delivered: 1 })
    expect(withChange(rows, { ...change, data: { count: 900, counts: {}, items: [] } })).toBe(rows)
    expect(withChange(rows, { kind: 'recipient.answered', at: 'x', data: { recipient_id: 'b', choice: '1', text: '1' } })[1]).toMatchObject({ choice: '1', answered_at: 'x' })
  })
  it('shows bars for a signal', () => {
    expect([null, -113, -100, -90, -80, -60].map(bars)).toEqual([0, 0, 1, 2, 3, 4])
  })
})

describe('why a modem does not work', () => {
  it.each([
    ['/dev/ttyUSB0 is missing', 'gone'], ['/dev/ttyUSB0: No such device: is the modem plugged in?', 'gone'], ['no permission on /dev/ttyUSB0: add the user to the group dialout', 'denied'],
    ['/dev/ttyUSB0 is in use by another process', 'busy'], ['/dev/ttyUSB0: no answer to AT', 'silent'], ['does not answer, or its port is gone', 'gone'], ['no SIM in the modem', 'no_sim'],
    ['the SIM wants a PIN: set it for this modem', 'pin'], ['this PIN was refused: correct it, then restart', 'pin_wrong'], ['SIM failure: +CME ERROR: 13', 'sim'],
    ['the carrier refused to bind (status 0xe)', 'line'], ['driven by node-2', 'elsewhere'], ['something new', ''],
  ])('is told by %s', (sentence, code) => expect(codeOfReason(sentence)).toBe(code))
})
