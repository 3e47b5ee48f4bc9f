import { ServerClock } from '@/protocol/clock'
import { Http } from '@/protocol/http'
import { Live } from '@/protocol/live'
import { useClock } from '@/ui/now'

/** The console's one clock, one REST client and one live connection. */
export const clock = new ServerClock()
export const http = new Http({ clock })
export const live = new Live({ clock })
useClock(clock)
