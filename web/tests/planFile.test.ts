import { describe, expect, it } from 'vitest'
import { faultOf } from '@/features/meeting/cameraAddress'
import { JsonFault, lineOf, parseJson } from '@/features/command/jsonLines'
import { planDiff } from '@/features/command/planDiff'

const text = '{\n "title": "防汛",\n "steps": [\n  {"id": "a", "title": "一"},\n  {"id": "b",\n   "title": "two \\" {"}\n ]\n}'

describe('a plan file', () => {
  it('is found by the path of its fault: the line, or the nearest thing that is there', () => {
    expect([lineOf(text, 'title'), lineOf(text, 'steps.0.title'), lineOf(text, 'steps.1.title'), lineOf(text, 'steps.1.role'), lineOf(text, 'nothing')]).toEqual([2, 4, 6, 5, 1])
  })
  it('that is no JSON is told by its line', () => {
    for (const [broken, line] of [[text.replace('防汛",', '防汛"'), 2], [text.slice(0, -2), 7], ['{"a": tru}', 1]] as const) {
      let said: unknown
      try {
        parseJson(broken)
      } catch (cause) {
        said = cause
      }
      expect(said).toBeInstanceOf(JsonFault)
      expect((said as JsonFault).line).toBe(line)
    }
    expect(parseJson(text)).toEqual(JSON.parse(text))
  })
  it('differs part by part, and one more step at the beginning changes no other', () => {
    const before = { id: 'x', version: 1, title: '防汛', basis: ['甲'], steps: [{ id: 'a', title: '一' }, { id: 'b', title: '二' }] }
    const after = { ...before, version: 2, basis: ['甲', '乙'], steps: [{ id: 'z', title: '零' }, { id: 'a', title: '一' }] }
    expect(planDiff(before, after)).toEqual([
      { path: 'basis', before: '甲', after: '甲、乙' },
      { path: 'steps.z.id', before: null, after: 'z' }, { path: 'steps.z.title', before: null, after: '零' },
      { path: 'steps.b.id', before: 'b', after: null }, { path: 'steps.b.title', before: '二', after: null },
    ])
    expect(planDiff(before, { ...before, version: 9 })).toEqual([])
  })
})

describe('a camera’s address', () => {
  it('is told wrong before the server is asked', () => {
    const wrong = { '': 'empty', 'rtsp://a b': 'spaces', 'http://10.0.0.1/': 'scheme', 'rtsp://': 'host', 'rtsp://u:p@/x': 'host', 'rtsp://10.0.0.1/x': null, 'rtsps://u:p@cam.local:554/a?b=1': null }
    for (const [url, fault] of Object.entries(wrong)) expect(faultOf(url), url).toBe(fault)
  })
})
