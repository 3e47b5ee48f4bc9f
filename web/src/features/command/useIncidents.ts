import { onScopeDispose, ref, shallowRef } from 'vue'
import { http } from '@/console/services'
import { useTopic } from '@/console/useTopic'
import { listIncidents, type IncidentSummary } from '@/protocol/api/incidents'
import { asWireError, type WireError } from '@/protocol/errors'
import { applyToList } from './board'

const POLL_EVERY_MS = 15_000

/**
 * The list of incidents: live for those who see the whole county. The list's topic names every incident, so
 * others are refused it and read theirs over REST every 15 s; each board is live for all who may see it.
 */
export function useIncidents() {
  const items = shallowRef<IncidentSummary[]>([])
  const error = ref<WireError | null>(null)
  const isLoading = ref(true)
  let timer: ReturnType<typeof setInterval> | undefined

  function show(found: IncidentSummary[]): void {
    items.value = found
    isLoading.value = false
    error.value = null
  }
  async function read(): Promise<void> {
    try {
      show((await listIncidents(http)).items)
    } catch (cause) {
      error.value = asWireError(cause)
    }
  }
  function poll(): void {
    void read()
    timer ??= setInterval(() => document.visibilityState === 'visible' && void read(), POLL_EVERY_MS)
  }
  useTopic<{ items: IncidentSummary[] }>('incidents', {
    onSnapshot: (snapshot) => show(snapshot.items),
    onChange: (change) => (items.value = applyToList(items.value, change)),
    onError: (cause) => (cause.code === 'not_allowed' ? poll() : (error.value = cause)),
  })
  onScopeDispose(() => clearInterval(timer))
  return { items, error, isLoading }
}
