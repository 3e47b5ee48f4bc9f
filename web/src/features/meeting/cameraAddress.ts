/** What is wrong with a camera's address, as far as it can be told without asking the server. Pure. */
export type AddressFault = 'empty' | 'spaces' | 'scheme' | 'host'

export function faultOf(url: string): AddressFault | null {
  if (url === '') return 'empty'
  if (/\s/.test(url)) return 'spaces'
  if (!/^rtsps?:\/\//.test(url)) return 'scheme'
  return /^rtsps?:\/\/(?:[^/]*@)?(?:\[[^\]]+\]|[^/:@[\]]+)(?::\d+)?(?:[/?#]|$)/.test(url) ? null : 'host'
}
