/** What the browser measures, in the server's terms; sent every few seconds and shown to the chair. */
export interface ClientStats {
  rtt_ms: number | null
  down_bps: number | null
  up_bps: number | null
  packets_lost: number
  packets_received: number
  frames_decoded: number
  audio_concealed: number
}

interface Row {
  type: string
  [name: string]: unknown
}

const numberOf = (row: Row, name: string): number => (typeof row[name] === 'number' ? (row[name] as number) : 0)

/** Sum a stats report. Pure: takes the rows, not the connection. */
export function summarise(rows: readonly Row[]): ClientStats {
  const stats: ClientStats = {
    rtt_ms: null, down_bps: null, up_bps: null, packets_lost: 0, packets_received: 0, frames_decoded: 0, audio_concealed: 0,
  }
  for (const row of rows) {
    if (row.type === 'candidate-pair' && row.nominated === true) {
      stats.rtt_ms = Math.round(numberOf(row, 'currentRoundTripTime') * 1000)
      if (typeof row.availableOutgoingBitrate === 'number') stats.up_bps = Math.round(row.availableOutgoingBitrate)
      if (typeof row.availableIncomingBitrate === 'number') stats.down_bps = Math.round(row.availableIncomingBitrate)
    }
    if (row.type === 'inbound-rtp') {
      stats.packets_lost += Math.max(0, numberOf(row, 'packetsLost'))
      stats.packets_received += numberOf(row, 'packetsReceived')
      stats.frames_decoded += numberOf(row, 'framesDecoded')
      stats.audio_concealed += numberOf(row, 'concealedSamples')
    }
  }
  return stats
}

export async function readStats(connection: RTCPeerConnection): Promise<ClientStats> {
  const rows: Row[] = []
  const report = await connection.getStats()
  report.forEach((row) => rows.push(row as Row))
  return summarise(rows)
}
