import { describe, expect, it } from 'vitest'
import { FeedPosition, type Change } from '@/protocol/feed'

const change = (seq: number, epoch = 'e1'): Change => ({ topic: 't', epoch, seq, kind: 'k', data: seq, at: '2026-01-01T00:00:00Z' })

describe('position in a topic', () => {
  it('applies consecutive changes after a snapshot, once each', () => {
    const position = new FeedPosition()
    position.beginSubscribe()
    position.started({ topic: 't', epoch: 'e1', seq: 4, snapshot: {} })
    expect(position.judge(change(4))).toBe('duplicate')
    expect(position.judge(change(5))).toBe('apply')
    expect(position.judge(change(5))).toBe('duplicate')
    expect(position.judge(change(6))).toBe('apply')
  })

  it('sees a gap in the numbers and another epoch', () => {
    const position = new FeedPosition()
    position.started({ topic: 't', epoch: 'e1', seq: 4, snapshot: {} })
    expect(position.judge(change(6))).toBe('gap')
    expect(position.judge(change(5, 'e2'))).toBe('gap')
  })

  it('holds changes that overtake the answer and applies them after it', () => {
    const position = new FeedPosition()
    position.beginSubscribe()
    expect(position.judge(change(5))).toBe('duplicate')
    expect(position.judge(change(6))).toBe('duplicate')
    const due = position.started({ topic: 't', epoch: 'e1', seq: 5, snapshot: {} })
    expect(due.map((one) => one.seq)).toEqual([6])
  })

  it('resumes with where it stopped and takes the missed changes', () => {
    const position = new FeedPosition()
    position.started({ topic: 't', epoch: 'e1', seq: 4, snapshot: {} })
    position.judge(change(5))
    expect(position.resumeFrom()).toEqual({ epoch: 'e1', seq: 5 })
    position.beginSubscribe()
    const due = position.started({ topic: 't', epoch: 'e1', seq: 7, changes: [change(6), change(7)] })
    expect(due.map((one) => one.seq)).toEqual([6, 7])
    expect(position.seq).toBe(7)
  })

  it('adopts the epoch of the first change of an untouched topic', () => {
    const position = new FeedPosition()
    position.started({ topic: 't', epoch: '', seq: 0, snapshot: {} })
    expect(position.judge(change(1, 'new'))).toBe('apply')
    expect(position.judge(change(2, 'new'))).toBe('apply')
  })

  it('asks for a snapshot after a reset', () => {
    const position = new FeedPosition()
    position.started({ topic: 't', epoch: 'e1', seq: 4, snapshot: {} })
    position.reset()
    expect(position.resumeFrom()).toEqual({})
  })
})
