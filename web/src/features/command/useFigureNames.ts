import { useI18n } from 'vue-i18n'
import { FLAGS } from './figures'

/** The unit of each figure in both languages; those not named count people. */
const UNIT: Record<string, string> = {
  direct_loss: 'money', potential_loss: 'money', burned_forest_area: 'area', open_fire_hours: 'hours', magnitude_populated_area: 'magnitude',
  rain_12h_mm: 'rain', rain_6h_mm: 'rain', rain_3h_mm: 'rain', stage_above_warning_m: 'stage', stage_above_guarantee_m: 'stage', stage_above_record_m: 'stage',
}

/** Figures of an incident (command/figures.py) in the reader's language, by their keys. */
export function useFigureNames() {
  const { t, te } = useI18n()
  const nameOf = (metric: string, otherwise = metric): string => (te(`figureName.${metric}`) ? t(`figureName.${metric}`) : otherwise)
  const amountOf = (metric: string, n: number): string => t(`figureAmount.${UNIT[metric] ?? (FLAGS.has(metric) ? 'plain' : 'people')}`, { n })
  function say(metric: string, value: number): string {
    if (FLAGS.has(metric)) return value ? nameOf(metric) : t(`figureDenied.${metric}`)
    return t('figureSaid', { name: nameOf(metric), amount: amountOf(metric, value) })
  }
  const sayAll = (figures: Record<string, number>): string => Object.entries(figures).map(([metric, value]) => say(metric, value)).join(t('app.comma'))
  return { nameOf, amountOf, say, sayAll }
}
