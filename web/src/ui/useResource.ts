import { onMounted, ref, shallowRef, type Ref, type ShallowRef } from 'vue'

export interface Resource<T> {
  data: ShallowRef<T | null>
  error: Ref<unknown>
  isLoading: Ref<boolean>
  reload: () => Promise<void>
}

/** Fetch at mount and on `reload`; a slower earlier answer never overwrites a later one. */
export function useResource<T>(fetcher: () => Promise<T>): Resource<T> {
  const data = shallowRef<T | null>(null)
  const error = ref<unknown>(null)
  const isLoading = ref(true)
  let turn = 0
  async function reload(): Promise<void> {
    const mine = ++turn
    isLoading.value = data.value === null
    try {
      const found = await fetcher()
      if (mine !== turn) return
      data.value = found
      error.value = null
    } catch (cause) {
      if (mine === turn) error.value = cause
    } finally {
      if (mine === turn) isLoading.value = false
    }
  }
  onMounted(reload)
  return { data, error, isLoading, reload }
}
