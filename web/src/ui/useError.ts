import { useI18n } from 'vue-i18n'
import { asWireError } from '@/protocol/errors'

/** Plain words with the next step for an error: the catalogue's if it knows the code, else the server's sentence. */
export function useError() {
  const { t, te } = useI18n()
  return (error: unknown): string => {
    const wire = asWireError(error)
    const key = `errors.${wire.code}`
    if (!te(key)) return wire.message || t('errors.internal')
    // Generic codes say too little alone; the server's sentence names the matter.
    const isGeneric = wire.code === 'invalid_input' || wire.code === 'conflict'
    return isGeneric && wire.message ? `${t(key)} (${wire.message})` : t(key)
  }
}
