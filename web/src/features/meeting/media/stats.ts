/** What the browser measures, in the server's terms (`room.stats`); sent every few seconds and shown to the chair. */
export interface ClientStats {
  rtt_ms: number | null
  freezes: number
  frames_decoded: number
  concealed_ratio: number | null
}

interface Row {
  type: string
  [name: string]: unknown
}

const numberOf = (row: Row, name: string): number => (typeof row[name] === 'number' ? (row[name] as number) : 0)

/** Sum a stats report. Pure: takes the rows, not the connection. */
export function summarise(rows: readonly Row[]): ClientStats {
  const stats: ClientStats = { rtt_ms: null, freezes: 0, frames_decoded: 0, concealed_ratio: null }
  let concealed = 0
  let samples = 0
  for (const row of rows) {
    if (row.type === 'candidate-pair' && row.nominated === true) stats.rtt_ms = Math.round(numberOf(row, 'currentRoundTripTime') * 1000)
    if (row.type !== 'inbound-rtp') continue
    stats.freezes += numberOf(row, 'freezeCount')
    stats.frames_decoded += numberOf(row, 'framesDecoded')
    concealed += numberOf(row, 'concealedSamples')
    samples += numberOf(row, 'totalSamplesReceived')
  }
  if (samples > 0) stats.concealed_ratio = Math.min(1, concealed / samples)
  return stats
}

export async function readStats(connection: RTCPeerConnection): Promise<ClientStats> {
  const rows: Row[] = []
  const report = await connection.getStats()
  report.forEach((row) => rows.push(row as Row))
  return summarise(rows)
}
