import { onScopeDispose, ref, shallowRef, watch, type Ref, type ShallowRef } from 'vue'
import { http } from '@/console/services'
import { showDraft, type Draft, type DraftView } from '@/protocol/api/smsDraft'

const PAUSE_MS = 400

/** The server's view of a draft, asked for when writing pauses; the last question wins. */
export function useDraft(draft: () => Draft, at: Ref<number>): { view: ShallowRef<DraftView | null>; failure: ShallowRef<unknown>; isAsking: Ref<boolean> } {
  const view = shallowRef<DraftView | null>(null)
  const failure = shallowRef<unknown>(null)
  const isAsking = ref(false)
  let timer: ReturnType<typeof setTimeout> | undefined
  let turn = 0

  async function ask(mine: number): Promise<void> {
    try {
      const found = await showDraft(http, { ...draft(), at: at.value })
      if (mine !== turn) return
      view.value = found
      failure.value = null
    } catch (cause) {
      if (mine === turn) failure.value = cause
    } finally {
      if (mine === turn) isAsking.value = false
    }
  }
  watch([draft, at], () => {
    clearTimeout(timer)
    const mine = ++turn
    const now = draft()
    if (!now.text && now.person_ids.length + now.group_ids.length + now.listed.length === 0) {
      view.value = null
      failure.value = null
      return
    }
    isAsking.value = true
    timer = setTimeout(() => void ask(mine), PAUSE_MS)
  }, { deep: true })
  onScopeDispose(() => clearTimeout(timer))
  return { view, failure, isAsking }
}
