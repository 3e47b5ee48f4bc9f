// What each entry loads before anything is shown, gzip; fails when the meeting page exceeds its budget.
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'

const ROOM_BUDGET_KB = 120
const root = join(dirname(fileURLToPath(import.meta.url)), '..', 'static')

function weight(entry) {
  const html = readFileSync(join(root, entry), 'utf8')
  const files = [...html.matchAll(/(?:src|href)="\/(assets\/[^"]+)"/g)].map((match) => match[1])
  const sizes = [entry, ...files].map((file) => gzipSync(readFileSync(join(root, file))).length)
  return sizes.reduce((sum, size) => sum + size, 0) / 1000
}

const room = weight('room.html')
console.log(`room.html   ${room.toFixed(1)} kB gzip (budget ${ROOM_BUDGET_KB})`)
console.log(`index.html  ${weight('index.html').toFixed(1)} kB gzip (first load; pages come lazily)`)
if (room > ROOM_BUDGET_KB) process.exit(1)
