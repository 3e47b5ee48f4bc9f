import { describe, expect, it } from 'vitest'
import { rateWords } from '@/features/meeting/media/lineCheck'
import { networkOf } from '@/features/sms/carrier'

describe('figures in words', () => {
  it('names the network of a modem that answers with figures', () => {
    expect(['46000', '46001', '46011', '46015'].map(networkOf)).toEqual(['mobile', 'unicom', 'telecom', 'broadnet'])
    expect([networkOf('CHINA MOBILE'), networkOf('')]).toEqual([null, null])
  })
  it('says a rate with its unit, and boasts of none', () => {
    expect([null, 340, 2480, 219_859].map(rateWords)).toEqual(['—', '340 kbit/s', '2.5 Mbit/s', '> 100 Mbit/s'])
  })
})
