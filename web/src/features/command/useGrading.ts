import { useI18n } from 'vue-i18n'
import type { Hazard } from '@/protocol/api/register'

type Grading = NonNullable<Hazard['grading']>
/** The sentences of command/grading.py: why a hazard source cannot be graded. */
const PROBLEMS: Record<string, string> = {
  'at least one substance': 'nothing', 'people cannot be fewer than none': 'people', 'an amount above 0 t': 'amount', 'no such class in table 2': 'class',
  'not in table 1: give its class (table 2)': 'unlisted', 'table 3 does not give its β: give its class': 'beta',
}

/** A grade by GB 18218 in the reader's language; the formulas are everybody's. */
export function useGrading() {
  const { t } = useI18n()

  function problem(sentence: string): string {
    const code = PROBLEMS[sentence]
    return code ? t(`hazard.ungraded.${code}`) : sentence
  }
  function lines({ arithmetic, r, alpha, exposed, grade }: Grading): string[] {
    const sum = arithmetic[0] ?? ''
    if (r === null || grade === null) return [sum, `S < 1 · ${t('hazard.notMajor')}`]
    return [sum, `S ≥ 1 · ${t('hazard.isMajor')}`, t('hazard.alpha', { n: exposed, alpha }), arithmetic[3] ?? '', t('hazard.byTable6', { grade: t(`hazard.grades.${grade}`) })]
  }
  return { problem, lines }
}
