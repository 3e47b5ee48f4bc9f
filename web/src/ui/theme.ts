import { ref } from 'vue'

export type Theme = 'light' | 'dark'
const KEY = 'fengsui.theme'

export const theme = ref<Theme>(localStorage.getItem(KEY) === 'dark' ? 'dark' : 'light')

export function applyTheme(next: Theme = theme.value): void {
  theme.value = next
  localStorage.setItem(KEY, next)
  document.documentElement.dataset.theme = next
  // Element Plus reads its dark palette from this class.
  document.documentElement.classList.toggle('dark', next === 'dark')
}
