import { describe, expect, it } from 'vitest'
import { acknowledged, mattersOf, muted, MUTE_MS, pending, QUIET, rings } from '@/console/alarm'
import { mayReload, versionWatcher, hasNewVersion } from '@/console/version'
import { patchOf } from '@/features/command/correction'
import { gapsOf } from '@/features/command/roster'
import { filledIn, spanParts, variablesOf } from '@/features/sms/template'
import type { Incident } from '@/protocol/api/incidents'

describe('the alarm of the desk', () => {
  const reported = [{ id: '1', state: 'reported', unreached: 0 }]
  it('rings for a report until somebody has seen it, and not again for the same', () => {
    const matters = mattersOf(reported)
    expect(rings(matters, QUIET, 0)).toBe(true)
    expect(rings(matters, acknowledged(matters, QUIET), 0)).toBe(false)
  })
  it('is muted for a minute at most', () => {
    const state = muted(QUIET, 1000)
    expect(rings(mattersOf(reported), state, 1000 + MUTE_MS - 1)).toBe(false)
    expect(rings(mattersOf(reported), state, 1000 + MUTE_MS)).toBe(true)
    expect(MUTE_MS).toBeLessThanOrEqual(60_000)
  })
  it('rings anew when one more role stays without an answer, and never for what is closed', () => {
    const one = mattersOf([{ id: '1', state: 'responding', unreached: 1 }])
    const two = mattersOf([{ id: '1', state: 'responding', unreached: 2 }])
    expect(pending(two, acknowledged(one, QUIET))).toHaveLength(1)
    expect(mattersOf([{ id: '1', state: 'closed', unreached: 2 }])).toEqual([])
  })
})

describe('an upgraded server', () => {
  it('lets a page with a missing part reload once, not in a circle', () => {
    expect(mayReload(100_000, null)).toBe(true)
    expect(mayReload(100_000, '90000')).toBe(false)
    expect(mayReload(200_000, '90000')).toBe(true)
  })
  it('is noticed by its version, and a silent server is no upgrade', async () => {
    const answers = ['1', null, '1', '2']
    const look = versionWatcher(async () => {
      const next = answers.shift()
      if (!next) throw new Error('down')
      return next
    })
    for (const expected of [false, false, false, true]) {
      await look()
      expect(hasNewVersion.value).toBe(expected)
    }
  })
})

describe('corrections', () => {
  const incident = { version: 3, title: '泄漏', place: '水厂', description: '', hazard: null, event_level: null, figures: { deaths: 0 } } as unknown as Incident
  const form = { title: '泄漏', place: '水厂', description: '', hazard_id: '', event_level: null }
  it('send only what differs', () => {
    expect(patchOf(incident, form, { deaths: 0 })).toEqual({ version: 3 })
    expect(patchOf(incident, { ...form, place: '加氯间', event_level: 2 }, { deaths: 1, missing: 2 })).toEqual({ version: 3, place: '加氯间', event_level: 2, figures: { deaths: 1, missing: 2 } })
  })
})

describe('the roster', () => {
  const shift = (from: number, to: number) => ({ starts_at: new Date(from).toISOString(), ends_at: new Date(to).toISOString() })
  it.each([
    [[], [[0, 100]]], [[[0, 100]], []], [[[0, 40], [40, 100]], []], [[[0, 40], [60, 100]], [[40, 60]]], [[[-50, 30], [20, 50]], [[50, 100]]], [[[120, 150]], [[0, 100]]],
  ] as [number[][], number[][]][])('finds the hours nobody has: %#', (shifts, gaps) => {
    expect(gapsOf(shifts.map(([from, to]) => shift(from! * 1000, to! * 1000)), 0, 100_000)).toEqual(gaps.map(([from, to]) => ({ from: from! * 1000, to: to! * 1000 })))
  })
})

describe('templates', () => {
  it('name each variable once, and leave what is not filled in to be seen', () => {
    expect(variablesOf('请{姓名}于{时间}到，{姓名}')).toEqual(['姓名', '时间'])
    expect(filledIn('请{姓名}于{时间}到', { 姓名: '李' })).toBe('请李于{时间}到')
  })
  it('tell a duration in hours, minutes, seconds', () => {
    expect(spanParts(3725)).toEqual({ hours: 1, minutes: 2, seconds: 5 })
    expect(spanParts(-1)).toEqual({ hours: 0, minutes: 0, seconds: 0 })
  })
})
