import type { Figures, Incident, IncidentPatch } from '@/protocol/api/incidents'

export interface CorrectionForm {
  title: string
  place: string
  description: string
  hazard_id: string
  event_level: number | null
}

/** Only what differs from the incident as shown; the version alone means "nothing to save". Pure. */
export function patchOf(incident: Incident, form: CorrectionForm, figures: Figures): IncidentPatch {
  const patch: IncidentPatch = { version: incident.version }
  for (const name of ['title', 'place', 'description'] as const) {
    const text = form[name].trim()
    if (text !== incident[name]) patch[name] = text
  }
  if (form.hazard_id && form.hazard_id !== incident.hazard?.id) patch.hazard_id = form.hazard_id
  if (form.event_level !== null && form.event_level !== incident.event_level) patch.event_level = form.event_level
  const changed = Object.entries(figures).filter(([name, value]) => incident.figures[name] !== value)
  if (changed.length > 0) patch.figures = Object.fromEntries(changed)
  return patch
}
