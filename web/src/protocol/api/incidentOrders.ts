import type { Schema } from '@/protocol/schema'

export type Preview = Schema<'Preview'>

/** `key`: one for each form on the screen, so that a double click records once. */
export type NewIncident = Schema<'NewIncident'>

export type ActivationOrder = Schema<'ActivationOrder'>

/** What is known better now; what is left out stays as it is. `version`: the one on the screen. */
export type IncidentPatch = Schema<'IncidentPatch'>

/** What goes out with the incident: the word to those called, the meeting. */
export type Closing = Schema<'Closing'>
