import { onMounted, ref, shallowRef, type Ref, type ShallowRef } from 'vue'

export interface Pages<T> {
  items: ShallowRef<T[]>
  error: Ref<unknown>
  isLoading: Ref<boolean>
  hasMore: Ref<boolean>
  reload: () => Promise<void>
  more: () => Promise<void>
}

/**
 * A list read a page at a time, newest first. `fetchPage` gets the last item shown. A reload reads as many again
 * as are shown (at most `most`), so that what somebody scrolled to does not vanish.
 */
export function usePages<T>(fetchPage: (after: T | undefined, limit: number) => Promise<{ items: T[] }>, size = 50, most = 200): Pages<T> {
  const items = shallowRef<T[]>([])
  const error = ref<unknown>(null)
  const isLoading = ref(true)
  const hasMore = ref(false)
  let turn = 0
  async function load(after: T | undefined, limit: number): Promise<void> {
    const mine = ++turn
    try {
      const found = (await fetchPage(after, limit)).items
      if (mine !== turn) return
      items.value = after === undefined ? found : [...items.value, ...found]
      hasMore.value = found.length === limit
      error.value = null
    } catch (cause) {
      if (mine === turn) error.value = cause
    } finally {
      if (mine === turn) isLoading.value = false
    }
  }
  const reload = (): Promise<void> => load(undefined, Math.min(most, Math.max(size, Math.ceil(items.value.length / size) * size)))
  const more = (): Promise<void> => load(items.value.at(-1), size)
  onMounted(reload)
  return { items, error, isLoading, hasMore, reload, more }
}
