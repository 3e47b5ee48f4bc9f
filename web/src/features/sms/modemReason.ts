/** Why a modem does not work: the catalogue's code of the server's sentence (sms/at, sms/smpp, sms/modem.py). Pure. */
const SAID: [RegExp, string][] = [
  [/driven by/, 'elsewhere'],
  [/no permission/, 'denied'],
  [/in use/, 'busy'],
  [/PUK/, 'puk'],
  [/PIN was refused|refused the PIN/, 'pin_wrong'],
  [/wants a PIN/, 'pin'],
  [/no SIM/, 'no_sim'],
  [/\bSIM\b/, 'sim'],
  [/PDU mode/, 'model'],
  [/carrier|no connection|the line/, 'line'],
  [/is missing|plugged in|did not come back|no serial device|port lost|port is gone/, 'gone'],
  [/not answer|no answer/, 'silent'],
]

export const codeOfReason = (sentence: string): string => SAID.find(([pattern]) => pattern.test(sentence))?.[1] ?? ''
