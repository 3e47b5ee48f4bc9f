import { ref, shallowRef } from 'vue'
import { useTopic } from '@/console/useTopic'
import type { IncidentSummary } from '@/protocol/api/incidents'
import type { WireError } from '@/protocol/errors'
import { applyToList } from './board'

/** The live list of incidents. */
export function useIncidents() {
  const items = shallowRef<IncidentSummary[]>([])
  const error = ref<WireError | null>(null)
  const isLoading = ref(true)
  useTopic<{ items: IncidentSummary[] }>('incidents', {
    onSnapshot: (snapshot) => {
      items.value = snapshot.items
      isLoading.value = false
      error.value = null
    },
    onChange: (change) => (items.value = applyToList(items.value, change)),
    onError: (cause) => (error.value = cause),
  })
  return { items, error, isLoading }
}
