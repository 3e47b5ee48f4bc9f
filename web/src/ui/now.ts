import { onScopeDispose, ref, type Ref } from 'vue'
import type { ServerClock } from '@/protocol/clock'

let shared: Ref<number> | null = null
let users = 0
let timer: ReturnType<typeof setInterval> | undefined
let clock: ServerClock | null = null

export function useClock(source: ServerClock): void {
  clock = source
}

export const serverNow = (): number => clock?.now() ?? Date.now()

/** The server's time, ticking once a second; one timer for the whole page. */
export function useNow(): Ref<number> {
  shared ??= ref(serverNow())
  shared.value = serverNow()
  if (users++ === 0) timer = setInterval(() => (shared!.value = serverNow()), 1000)
  onScopeDispose(() => {
    if (--users === 0) clearInterval(timer)
  })
  return shared
}
