import { ref, watch, type Ref } from 'vue'
import { useI18n } from 'vue-i18n'
import { useError } from '@/ui/useError'
import type { LinkState } from '@/protocol/live'

export type FloorAction = 'request' | 'withdraw' | 'release'

/**
 * Raising the hand, lowering it, giving the floor back; `problem`: in plain words, why that has not happened.
 *
 * Without a line to the server nothing is sent: it would come later, when it may no longer be meant. `stands`: my hand
 * and my floor as the server has them; when they change, or the line comes back, what was said of them is over.
 */
export function useFloor(link: Ref<LinkState>, stands: Ref<unknown>, send: (action: FloorAction) => Promise<unknown>) {
  const { t } = useI18n()
  const explain = useError()
  const problem = ref('')
  async function ask(action: FloorAction): Promise<void> {
    problem.value = ''
    if (link.value !== 'online') {
      problem.value = t('bar.notSent')
      return
    }
    await send(action).catch((error: unknown) => {
      problem.value = explain(error)
    })
  }
  watch([stands, () => link.value === 'online'], () => {
    problem.value = ''
  })
  return { problem, ask }
}
