import { disableAutoUnmount, enableAutoUnmount } from '@vue/test-utils'
import { afterEach, beforeEach, vi } from 'vitest'

// Test files share their modules and their page (vite.config.ts): each test leaves both as it found them.
disableAutoUnmount()
enableAutoUnmount(afterEach)

function clean(): void {
  vi.useRealTimers()
  vi.restoreAllMocks()
  vi.unstubAllGlobals()
  localStorage.clear()
  sessionStorage.clear()
  document.body.replaceChildren()
}

beforeEach(clean)
afterEach(clean)
