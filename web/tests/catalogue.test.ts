import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { catalogue as en } from '@/i18n/en'
import { catalogue as zh } from '@/i18n/zh-CN'

type Tree = { [key: string]: string | Tree }

function flat(tree: Tree, prefix = ''): Map<string, string> {
  const found = new Map<string, string>()
  for (const [key, value] of Object.entries(tree)) {
    if (typeof value === 'string') found.set(prefix + key, value)
    else flat(value, `${prefix}${key}.`).forEach((text, name) => found.set(name, text))
  }
  return found
}
const chinese = flat(zh)
const english = flat(en)
const root = join(__dirname, '..', 'src')
const sources = (readdirSync(root, { recursive: true }) as string[])
  .filter((name) => /\.(vue|ts|css)$/.test(name))
  .map((name) => ({ name, text: readFileSync(join(root, name), 'utf8') }))

describe('catalogues', () => {
  it('have the same keys', () => {
    expect([...english.keys()].sort()).toEqual([...chinese.keys()].sort())
  })

  it('have the same placeholders in each text', () => {
    const places = (text: string): string[] => (text.match(/\{\w+\}/g) ?? []).sort()
    const unequal = [...chinese].filter(([key, text]) => (english.get(key) ?? '').split(' | ').some((form) => places(text).join() !== places(form).join()))
    expect(unequal.map(([key]) => key)).toEqual([])
  })

  it('leave no text empty and no English text in Chinese characters', () => {
    expect([...chinese, ...english].filter(([, text]) => !text.trim())).toEqual([])
    expect([...english].filter(([, text]) => /[\u4e00-\u9fff]/.test(text))).toEqual([])
  })

  it('say one of a thing in the singular', () => {
    const counted = [...english].filter(([, text]) => /(?<!At (?:least|most) |the |to )\{n\} (?:people|[a-z]+s)\b/.test(text) && !text.includes(' | '))
    expect(counted).toEqual([])
  })

  it('hold every key that the source names', () => {
    const named = sources.flatMap(({ name, text }) => [...text.matchAll(/\bte?\(\s*'([\w.-]+)'/g)].map((match) => ({ name, key: match[1]! })))
    expect(named.filter(({ key }) => !chinese.has(key))).toEqual([])
  })

  it('are the only place of Chinese words in the pages', () => {
    const allowed = /i18n|HandsetCard/ // the quick answer 收到 is data, not a label
    const stray = sources
      .filter(({ name }) => !allowed.test(name))
      .flatMap(({ name, text }) => text.split('\n').filter((line) => /[\u4e00-\u9fff]/.test(line) && !/^\s*(\/\*|\*|\/\/|<!--)|\/\*.*\*\/|\/\*\*|\/\/ /.test(line)).map((line) => `${name}: ${line.trim()}`))
    expect(stray.filter((line) => !/'中文'/.test(line))).toEqual([])
  })
})

describe('house rules', () => {
  it('keep files at 250 lines', () => {
    const long = sources.filter(({ name, text }) => !name.startsWith('i18n') && name !== 'protocol/openapi.d.ts' && text.split('\n').length > 251)
    expect(long.map(({ name }) => name)).toEqual([])
  })

  it('keep the protocol free of the document', () => {
    const touching = sources.filter(({ name, text }) => name.startsWith('protocol') && /\b(document|window|localStorage)\b\./.test(text))
    expect(touching.map(({ name }) => name)).toEqual([])
  })

  it('keep the meeting entry free of the component library and of the console', () => {
    const seen = new Set<string>()
    const follow = (path: string): void => {
      const source = sources.find(({ name }) => name === path || name === `${path}.ts` || name === `${path}/index.ts`)
      if (!source || seen.has(source.name)) return
      seen.add(source.name)
      for (const match of source.text.matchAll(/(?:from|import) '([^']+)'/g)) {
        const target = match[1]!
        if (target.startsWith('@/')) follow(target.slice(2))
        else if (target.startsWith('.')) follow(join(source.name, '..', target))
        else expect(`${source.name} imports ${target}`).not.toMatch(/element-plus|pinia|leaflet|vue-router/)
      }
    }
    follow('room/main.ts')
    expect(seen.size).toBeGreaterThan(20)
    expect([...seen].filter((name) => name.startsWith('console'))).toEqual([])
  })

  it('use no style attribute and no inline HTML: the content security policy forbids them', () => {
    const inline = sources.filter(({ name, text }) => name.endsWith('.vue') && /\sstyle="|v-html|\sonclick=/.test(text))
    expect(inline.map(({ name }) => name)).toEqual([])
  })
})
