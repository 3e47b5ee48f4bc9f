import { describe, expect, it } from 'vitest'
import { homeOf, visibleNavigation } from '@/console/navigation'
import { treeOf } from '@/features/directory/tree'
import type { Unit } from '@/protocol/api/directory'
import { absolute, countdown, fullTime, relative, weekdayOf } from '@/ui/time'

describe('navigation', () => {
  it('shows what the permissions open, and the phones only in the demo', () => {
    const seen = (permissions: string[], isDemo: boolean): string[] =>
      visibleNavigation(new Set(permissions), isDemo).flatMap((group) => group.items.map((item) => item.key))
    expect(seen([], false)).toEqual(['home'])
    expect(seen(['incident.read', 'demo'], false)).toEqual(['home', 'incidents'])
    expect(seen(['incident.read', 'demo'], true)).toEqual(['home', 'incidents', 'phones'])
    expect(seen(['audit.read'], false)).toEqual(['home', 'audit'])
  })
  it('opens the home of the most urgent duty', () => {
    expect(homeOf(new Set(['admin', 'duty_officer']))).toBe('duty')
    expect(homeOf(new Set(['meeting_staff']))).toBe('meetings')
    expect(homeOf(new Set(['admin']))).toBe('operator')
    expect(homeOf(new Set(['township_official']))).toBe('official')
  })
})

describe('times', () => {
  const noon = Date.parse('2026-07-01T04:00:00Z') // 12:00 in Shanghai
  it('writes the day only when it is another', () => {
    expect(absolute(noon, noon)).toBe('12:00')
    expect(absolute(noon, noon + 86_400_000)).toBe('07-01 12:00')
    expect(absolute(noon, noon + 400 * 86_400_000)).toBe('2026-07-01 12:00')
    expect(fullTime(noon)).toBe('2026-07-01 12:00:00')
    expect([weekdayOf(noon, 'zh-CN'), weekdayOf(noon, 'en')]).toEqual(['周三', 'Wed'])
  })
  it('counts down, and up past the deadline', () => {
    expect(countdown(noon + 299_000, noon)).toBe('4:59')
    expect(countdown(noon - 80_000, noon)).toBe('+1:20')
    expect(countdown(noon + 3_661_000, noon)).toBe('1:01:01')
  })
  it('says how long ago', () => {
    expect(relative(noon - 3000, noon).unit).toBe('now')
    expect(relative(noon - 180_000, noon)).toEqual({ unit: 'minutes', n: 3, isFuture: false })
    expect(relative(noon + 7_200_000, noon)).toEqual({ unit: 'hours', n: 2, isFuture: true })
    expect(relative(noon + 4 * 3_600_000 - 5000, noon)).toEqual({ unit: 'hours', n: 4, isFuture: true })
    expect(relative(noon - 4 * 3_600_000 + 5000, noon)).toEqual({ unit: 'hours', n: 3, isFuture: false })
    expect(relative(noon + 1_795_000, noon)).toEqual({ unit: 'minutes', n: 30, isFuture: true })
  })
})

describe('unit tree', () => {
  const unit = (id: string, parent: string | null, kind: Unit['kind']): Unit => ({ id, parent_id: parent, kind, name: id, path: '', code: '', longitude: null, latitude: null, note: '', position: 0, version: 1 })
  it('hangs children below parents; a unit whose parent is out of reach is a root', () => {
    const tree = treeOf([unit('v1', 't1', 'village'), unit('t1', 'county', 'township'), unit('dep', 'county', 'department'), unit('county', null, 'county')])
    expect(tree).toHaveLength(1)
    expect(tree[0]?.children.map((node) => node.id)).toEqual(['dep', 't1'])
    expect(treeOf([unit('v1', 't9', 'village')])[0]?.id).toBe('v1')
  })
})
