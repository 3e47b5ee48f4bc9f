import { describe, expect, it } from 'vitest'
import { kindsFor } from '@/features/command/kinds'

const KINDS = [
  { code: '92Z05', name: '危险化学品事故', category: '事故灾难', keywords: ['泄漏', '氯气'] },
  { code: '11G01', name: '境内森林火灾', category: '自然灾害', keywords: ['山火'] },
  { code: '11A01', name: '洪水', category: '自然灾害', keywords: ['决堤'] },
]
const found = (sought: string): string[] => kindsFor(KINDS, sought).map((kind) => kind.code)

describe('finding a kind of incident by what the caller says', () => {
  it('knows the name, the category and the words of the trade', () => {
    expect(found('森林')).toEqual(['11G01'])
    expect(found('自然灾害')).toEqual(['11G01', '11A01'])
    expect(found('泄漏')).toEqual(['92Z05'])
    expect(found('山火')).toEqual(['11G01'])
  })

  it('takes a whole phrase', () => {
    expect(found('氯气泄漏')).toEqual(['92Z05'])
    expect(found('事故灾难 泄漏')).toEqual(['92Z05'])
  })

  it('shows all for nothing, none for nonsense', () => {
    expect(found(' ')).toHaveLength(3)
    expect(found('外星人')).toEqual([])
  })
})
