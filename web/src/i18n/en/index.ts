import common from './common'
import room from './room'
import console from './console'
import command from './command'
import register from './register'
import meeting from './meeting'
import sms from './sms'
import directory from './directory'
import admin from './admin'
import selftest from './selftest'
import manage from './manage'
import kinds from './kinds'
import causes from './causes'
import said from './said'

/** Everything the console says; the meeting page loads only `common` and `room`. */
export const catalogue = { ...common, ...room, ...console, ...command, ...register, ...meeting, ...sms, ...directory, ...admin, ...selftest, ...manage, ...kinds, ...causes, ...said }
