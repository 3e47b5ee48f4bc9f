import { ref } from 'vue'

/**
 * Old pages after an upgrade: a lazy part that is gone is fetched anew by reloading, once.
 *
 * A reload throws typed text away, so it waits until a navigation asks for the missing part.
 */
const KEY = 'fengsui.reloaded_at'
const AT_MOST_EVERY_MS = 60_000

export const hasNewVersion = ref(false)

/** True when the page may reload now; a second failure within a minute is a real fault. */
export function mayReload(now: number, last: string | null): boolean {
  return last === null || now - Number(last) > AT_MOST_EVERY_MS
}

export function reloadForMissingPart(): boolean {
  if (!mayReload(Date.now(), sessionStorage.getItem(KEY))) return false
  sessionStorage.setItem(KEY, String(Date.now()))
  location.reload()
  return true
}

/** Compare with the version this page was loaded under; asked for again after each reconnect. */
export function versionWatcher(read: () => Promise<string>): () => Promise<void> {
  let loaded: string | null = null
  return async () => {
    const version = await read().catch(() => null)
    if (version === null) return
    loaded ??= version
    hasNewVersion.value = version !== loaded
  }
}
