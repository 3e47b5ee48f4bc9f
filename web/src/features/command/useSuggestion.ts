import { onScopeDispose, shallowRef, watch, type Ref } from 'vue'
import { http } from '@/console/services'
import { suggestLevel, type Figures, type Suggestion } from '@/protocol/api/incidents'

/** The level the figures suggest while they are being typed in; asked for when typing pauses. */
export function useSuggestion(kindCode: Ref<string>, figures: Ref<Figures>) {
  const suggestion = shallowRef<Suggestion | null>(null)
  let timer: ReturnType<typeof setTimeout> | undefined
  let turn = 0
  async function ask(): Promise<void> {
    const mine = ++turn
    // A hint only: recording must not wait for it, nor fail with it.
    const found = await suggestLevel(http, kindCode.value, figures.value).catch(() => null)
    if (mine === turn) suggestion.value = found
  }
  watch([kindCode, figures], () => {
    clearTimeout(timer)
    if (!kindCode.value) return
    timer = setTimeout(() => void ask(), 300)
  }, { deep: true })
  onScopeDispose(() => clearTimeout(timer))
  return suggestion
}
