import { useI18n } from 'vue-i18n'
import type { LogEntry } from '@/protocol/api/incidents'
import { useCause } from '@/ui/useCause'
import { useFigureNames } from './useFigureNames'

type Data = Record<string, unknown>
const text = (value: unknown): string => (value === null || value === undefined ? '' : String(value))

/** A line of the log in the reader's language by its code; a person's words, and lines of old, as they were written. */
export function useLogWords() {
  const { t, te } = useI18n()
  const causeOf = useCause()
  const { sayAll } = useFigureNames()
  const known = (key: string, otherwise: string): string => (te(key) ? t(key) : otherwise)
  const figuresOf = (data: Data): string => sayAll((data.figures ?? {}) as Record<string, number>)

  function words(data: Data): Record<string, string> {
    return {
      ...Object.fromEntries(Object.entries(data).map(([name, value]) => [name, text(value)])),
      level: known(`responseLevel.${text(data.level)}`, ''),
      link: known(`logLink.${text(data.link)}`, text(data.link)),
      why: known(`logWhy.${text(data.why)}`, text(data.why)),
      result: known(`logRing.${text(data.result) || 'none'}`, data.code === 'rung' ? t('logRing.none') : text(data.result)),
      cause: causeOf(text(data.cause)) || t('logWhy.unknown'),
    }
  }
  function reported(data: Data): string {
    const figures = figuresOf(data)
    const line = figures ? t('logLine.reported_figures', { what: text(data.what), figures }) : t('logLine.reported', { what: text(data.what) })
    return line + (data.reporter ? t('logLine.reporter', { name: text(data.reporter) }) : '')
  }
  function changed(data: Data): string {
    const fields = Object.entries((data.fields ?? {}) as Record<string, [unknown, unknown]>)
    const said = fields.map(([key, [before, after]]) => t('logLine.changed_field', { field: known(`logField.${key}`, key), before: text(before) || t('logLine.nothing'), after: text(after) }))
    if (figuresOf(data)) said.push(t('logLine.changed_figures', { figures: figuresOf(data) }))
    if (data.level) said.push(t('logLine.changed_level', { level: t(`eventLevel.${text(data.level)}`) }))
    return said.join(t('logLine.joint'))
  }
  /** What a village sent: `figure` its kind, `value` in metres or millimetres, `note` its own words. */
  function village(data: Data, otherwise: string): string {
    if (!te(`villageSaid.${text(data.figure)}`)) return otherwise
    const unit = { water_level: 'stage', rainfall: 'rain' }[text(data.figure)] ?? 'plain'
    const figure = data.value === null || data.value === undefined ? '' : t(`figureAmount.${unit}`, { n: text(data.value) })
    const what = t(`villageSaid.${text(data.figure)}`, { value: [figure, text(data.note)].filter(Boolean).join(t('app.comma')) })
    return t('logLine.village', { who: text(data.who) || t('villageSaid.unknown'), what })
  }
  function line(entry: LogEntry): string {
    const { data } = entry
    const code = text(data.code)
    if (code === 'reported') return reported(data)
    if (code === 'changed') return changed(data)
    if (code === 'village') return village(data, entry.text)
    if (!code || !te(`logLine.${code}`)) return entry.text
    const said = t(`logLine.${code}`, words(data))
    return code.startsWith('task_') && data.result ? said + t('logLine.task_result', { result: text(data.result) }) : said
  }
  return { line, village }
}
