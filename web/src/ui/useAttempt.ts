import { ref, type Ref } from 'vue'
import { useError } from './useError'

export interface Attempt {
  failure: Ref<string>
  isBusy: Ref<boolean>
  attempt: (work: () => Promise<unknown>) => Promise<void>
}

/** One piece of work at a time on a page: busy while it lasts, its failure in plain words. A dialog that saves: `useSaving`. */
export function useAttempt(): Attempt {
  const explain = useError()
  const failure = ref('')
  const isBusy = ref(false)
  async function attempt(work: () => Promise<unknown>): Promise<void> {
    isBusy.value = true
    failure.value = ''
    try {
      await work()
    } catch (cause) {
      failure.value = explain(cause)
    } finally {
      isBusy.value = false
    }
  }
  return { failure, isBusy, attempt }
}
