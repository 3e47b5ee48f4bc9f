import { describe, expect, it } from 'vitest'
import { holdingsOf, HAZARD_KINDS } from '@/features/command/kinds'
import { changedPosts, movedUp, type PostRow } from '@/features/directory/appointments'
import { catalogue as zh } from '@/i18n/zh-CN'

const row = (post: string, ...ids: string[]): PostRow => ({ post, name: post, holders: ids.map((id) => ({ id, name: id, about: '' })) })

describe('who holds a post', () => {
  it('is saved only where holders or their order changed', () => {
    const before = [row('head', 'a', 'b'), row('duty', 'c'), row('reporter')]
    expect(changedPosts(before, before)).toEqual([])
    const now = [row('head', 'b', 'a'), row('duty', 'c'), row('reporter', 'd')]
    expect(changedPosts(before, now).map((one) => one.post)).toEqual(['head', 'reporter'])
  })
  it('is called one place earlier, and the first stays first', () => {
    const holders = row('head', 'a', 'b', 'c').holders
    expect(movedUp(holders, 2).map((one) => one.id)).toEqual(['a', 'c', 'b'])
    expect(movedUp(holders, 0).map((one) => one.id)).toEqual(['a', 'b', 'c'])
    expect(holders.map((one) => one.id)).toEqual(['a', 'b', 'c'])
  })
})

describe('a hazard source', () => {
  it('sends the substances that were named; an empty row is none', () => {
    const rows = [{ substance: '氯', amount: 6, symbol: '' }, { substance: '', amount: '' as const, symbol: '' }]
    expect(holdingsOf(rows)).toEqual([{ substance: '氯', amount_t: 6, symbol: '' }])
  })
  it('has a name for every kind', () => {
    expect(HAZARD_KINDS.filter((kind) => !(kind in (zh as { hazard: { kinds: object } }).hazard.kinds))).toEqual([])
  })
})
