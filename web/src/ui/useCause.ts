import { useI18n } from 'vue-i18n'

const OURS: Record<string, string> = {
  'not sent in time': 'late', refused: 'refused', expired: 'expired', 'begun anew through another SIM': 'anew',
  'not begun': 'not_begun', 'the server stopped while it was sent': 'stopped', 'not a phone number': 'no_number', 'the text is empty': 'empty', '5 to 120 seconds': 'ring_time',
}

/** Why a text did not arrive, in the reader's language; what no catalogue knows is said as the server sent it. */
export function useCause() {
  const { t, te, getLocaleMessage } = useI18n()
  const chinese = (getLocaleMessage('zh-CN') as { smsCause?: Record<string, string> }).smsCause ?? {}
  return (cause: string): string => {
    const code = codeOf(cause, chinese)
    return code && te(`smsCause.${code}`) ? t(`smsCause.${code}`) : cause
  }
}

/** The catalogue's code of a stored cause: `+CMS ERROR: 38`, a delivery report in words, or a sentence of ours. */
export function codeOf(cause: string, chinese: Record<string, string>): string {
  const refusal = /^\+(CMS|CME) ERROR: ?(\d+)$/.exec(cause)
  if (refusal) return `${refusal[1]!.toLowerCase()}_${refusal[2]}`
  if (cause.startsWith('blocked:')) return 'blocked'
  if (/^the text needs \d+ segments/.test(cause)) return 'too_long'
  if (cause.startsWith('half a surrogate pair')) return 'broken_text'
  if (cause.startsWith('the carrier refused')) return 'carrier_refused'
  return OURS[cause] ?? Object.keys(chinese).find((code) => code.startsWith('report_') && chinese[code] === cause) ?? ''
}
