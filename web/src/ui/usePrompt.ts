import { ElMessageBox } from 'element-plus'
import { useI18n } from 'vue-i18n'

/** Ask for a short text; null when the person thinks better of it. */
export function usePrompt() {
  const { t } = useI18n()
  return async (title: string, label: string, shortest = 0): Promise<string | null> => {
    try {
      const { value } = await ElMessageBox.prompt(label, title, {
        inputType: 'textarea',
        confirmButtonText: t('action.confirm'),
        cancelButtonText: t('action.cancel'),
        inputValidator: (text: string | null) => ((text ?? '').trim().length >= shortest ? true : t('prompt.short', { n: shortest })),
      })
      return (value ?? '').trim()
    } catch {
      return null
    }
  }
}
