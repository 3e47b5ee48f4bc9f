/**
 * What a text costs on the air, while it is being typed (3GPP TS 23.038 §6.2.1, TS 23.040 §9.2.3.24.1).
 *
 * The server counts again, with mark and signature; this only spares a round trip for each key. Pure.
 */
const BASIC = new Set(
  '@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !"#¤%&\'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà',
)
const EXTENDED = new Set('\f^{}\\[~]|€')

export interface Cost {
  isUnicode: boolean
  units: number
  segments: number
  /** Units that still fit into the last segment. */
  left: number
  /** Characters that force UCS-2; empty for GSM 7-bit. */
  forcedBy: string[]
}

export function cost(text: string): Cost {
  const forcedBy = [...new Set([...text].filter((char) => !BASIC.has(char) && !EXTENDED.has(char)))]
  return forcedBy.length > 0 ? unicodeCost(text, forcedBy) : septetCost(text)
}

function septetCost(text: string): Cost {
  const widths = [...text].map((char) => (EXTENDED.has(char) ? 2 : 1))
  return pack(widths, 160, 152, false, [])
}

function unicodeCost(text: string, forcedBy: string[]): Cost {
  return pack([...text].map((char) => char.length), 70, 66, true, forcedBy)
}

/** An escape pair or a surrogate pair is never cut: it moves whole into the next segment. */
function pack(widths: number[], single: number, part: number, isUnicode: boolean, forcedBy: string[]): Cost {
  const units = widths.reduce((sum, width) => sum + width, 0)
  if (units <= single) return { isUnicode, units, segments: units === 0 ? 0 : 1, left: single - units, forcedBy }
  let segments = 1
  let used = 0
  for (const width of widths) {
    if (used + width > part) {
      segments += 1
      used = 0
    }
    used += width
  }
  return { isUnicode, units, segments, left: part - used, forcedBy }
}
