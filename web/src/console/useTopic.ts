import { onScopeDispose } from 'vue'
import type { TopicHandler } from '@/protocol/live'
import { live } from './services'

/** Watch a topic for as long as the calling component lives. */
export function useTopic<S>(topic: string, handler: TopicHandler<S>): void {
  onScopeDispose(live.watch(topic, handler))
}

/**
 * For lists: any change of `topic` asks for a reload, at most one every 400 ms. So does a snapshot, the first one too:
 * what came between the list's own reading and the watching would stay unseen until the next change.
 */
export function useReloadOn(topic: string, reload: () => unknown): void {
  let timer: ReturnType<typeof setTimeout> | undefined
  const soon = (): void => {
    timer ??= setTimeout(() => {
      timer = undefined
      void reload()
    }, 400)
  }
  useTopic(topic, { onSnapshot: soon, onChange: soon, onError: () => undefined })
  onScopeDispose(() => clearTimeout(timer))
}
