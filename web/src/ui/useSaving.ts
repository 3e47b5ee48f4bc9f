import { reactive, ref, shallowRef, type Ref, type ShallowRef } from 'vue'
import { asWireError } from '@/protocol/errors'
import { useError } from './useError'

/** One field in which what somebody else saved meanwhile and what stands in the form differ. */
export interface Difference {
  label: string
  theirs: string
  mine: string
}

/** How a dialog looks at what somebody else saved. `adopt`: the next save goes over exactly this version. */
export interface Rival<T> {
  fetch: () => Promise<T>
  adopt: (theirs: T) => void
  /** Label, what they have, what the form has. */
  fields: (theirs: T) => [string, unknown, unknown][]
}

export interface Saving {
  failure: string
  wrongField: string
  isBusy: boolean
  stale: { by: string | null; at: string | null } | null
  differences: Difference[] | null
  attempt: (work: () => Promise<unknown>) => Promise<boolean>
  look: () => Promise<void>
}

const words = (value: unknown): string => (value === null || value === undefined || value === '' ? '—' : String(value))

/** Saving from a dialog: busy, the failure in plain words and its field; and nothing typed is lost when somebody was first. */
export function useSaving<T>(rival?: Rival<T>): Saving {
  const explain = useError()
  const failure = ref('')
  const wrongField = ref('')
  const isBusy = ref(false)
  const stale: ShallowRef<Saving['stale']> = shallowRef(null)
  const differences: Ref<Difference[] | null> = ref(null)

  async function attempt(work: () => Promise<unknown>): Promise<boolean> {
    isBusy.value = true
    failure.value = wrongField.value = ''
    stale.value = differences.value = null
    try {
      await work()
      return true
    } catch (cause) {
      const error = asWireError(cause)
      wrongField.value = error.field ?? ''
      if (error.code === 'stale' && rival) stale.value = { by: error.changedBy, at: error.changedAt }
      else failure.value = explain(cause)
      return false
    } finally {
      isBusy.value = false
    }
  }
  async function look(): Promise<void> {
    if (!rival) return
    try {
      const theirs = await rival.fetch()
      differences.value = rival.fields(theirs).map(([label, they, mine]) => ({ label, theirs: words(they), mine: words(mine) })).filter((one) => one.theirs !== one.mine)
      rival.adopt(theirs)
    } catch (cause) {
      stale.value = null
      failure.value = explain(cause)
    }
  }
  return reactive({ failure, wrongField, isBusy, stale, differences, attempt, look })
}
