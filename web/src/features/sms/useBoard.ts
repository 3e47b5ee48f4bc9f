import { onScopeDispose, ref, shallowRef, watch, type Ref, type ShallowRef } from 'vue'
import { http } from '@/console/services'
import { useTopic } from '@/console/useTopic'
import { getMessage, listRecipients, type Message, type MessageRecipient } from '@/protocol/api/sms'
import { countsAfter, withChange } from './boardRows'
import type { BoardFilter } from './delivery'

const PAGE = 100
const FRESHEN_MS = 3000

export interface Board {
  message: ShallowRef<Message | null>
  rows: ShallowRef<readonly MessageRecipient[]>
  filter: Ref<BoardFilter>
  hasMore: Ref<boolean>
  error: ShallowRef<unknown>
  isLoading: Ref<boolean>
  reload: () => Promise<void>
  more: () => Promise<void>
}

/**
 * One message's board. Counts come with each change; of the rows only those shown are read, 100 at a time, and
 * changes are applied to them. While only the first page is shown it is read again now and then, so that who
 * comes into a filter appears.
 */
export function useBoard(id: string): Board {
  const message = shallowRef<Message | null>(null)
  const rows = shallowRef<readonly MessageRecipient[]>([])
  const filter = ref<BoardFilter>('all')
  const hasMore = ref(false)
  const error = shallowRef<unknown>(null)
  const isLoading = ref(true)
  let turn = 0
  let timer: ReturnType<typeof setTimeout> | undefined

  const page = async (after: number): Promise<MessageRecipient[]> =>
    (await listRecipients(http, id, { ...(filter.value === 'all' ? {} : { state: filter.value }), after, limit: PAGE })).items
  async function attempt(work: (mine: number) => Promise<void>): Promise<void> {
    const mine = ++turn
    try {
      await work(mine)
      if (mine === turn) error.value = null
    } catch (cause) {
      if (mine === turn) error.value = cause
    } finally {
      if (mine === turn) isLoading.value = false
    }
  }
  const firstPage = (): Promise<void> => attempt(async (mine) => {
    const items = await page(-1)
    if (mine !== turn) return
    rows.value = items
    hasMore.value = items.length === PAGE
  })
  const reload = (): Promise<void> => attempt(async (mine) => {
    const [found, items] = await Promise.all([getMessage(http, id), page(-1)])
    if (mine !== turn) return
    message.value = found
    rows.value = items
    hasMore.value = items.length === PAGE
  })
  const more = (): Promise<void> => attempt(async (mine) => {
    const items = await page(rows.value.at(-1)?.position ?? -1)
    if (mine !== turn) return
    rows.value = [...rows.value, ...items]
    hasMore.value = items.length === PAGE
  })
  function freshenSoon(): void {
    if (rows.value.length > PAGE) return
    timer ??= setTimeout(() => {
      timer = undefined
      void firstPage()
    }, FRESHEN_MS)
  }
  useTopic(`message:${id}`, {
    onSnapshot: () => void reload(), // the first one too: what came since `reload` below has read is in no change
    onChange: (change) => {
      rows.value = withChange(rows.value, change)
      if (message.value) message.value = { ...message.value, counts: countsAfter(message.value.counts, change) }
      freshenSoon()
    },
    onError: () => undefined,
  })
  onScopeDispose(() => clearTimeout(timer))
  watch(filter, firstPage)
  void reload()
  return { message, rows, filter, hasMore, error, isLoading, reload, more }
}
