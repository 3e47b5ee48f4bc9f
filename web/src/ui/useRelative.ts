import { useI18n } from 'vue-i18n'
import { relative } from './time'

/** "3 minutes ago" in the chosen language. */
export function useRelative() {
  const { t } = useI18n()
  return (at: number, now: number): string => {
    const { unit, n, isFuture } = relative(at, now)
    if (unit === 'now') return t('time.now')
    const name = unit.charAt(0).toUpperCase() + unit.slice(1)
    return isFuture ? t(`time.in${name}`, { n }) : t(`time.${unit}Ago`, { n })
  }
}
