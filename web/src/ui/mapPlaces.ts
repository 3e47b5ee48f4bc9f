import L from 'leaflet'
import type { PlaceProperties } from '@/protocol/api/register'

export type PlaceKind = PlaceProperties['kind']
export const PLACE_KINDS: readonly PlaceKind[] = ['store', 'team', 'shelter']
const COLOUR: Record<PlaceKind, string> = { store: '#8a5a00', team: '#6a3fa0', shelter: '#1d7a46' }
type Translate = (key: string, values?: Record<string, unknown>) => string
type Features = { features: readonly GeoJSON.Feature<GeoJSON.Point, PlaceProperties>[] }

/** One layer for each kind of place; the tooltip says what is there. */
export function drawPlaces(found: Features, t: Translate): Map<PlaceKind, L.LayerGroup> {
  const layers = new Map<PlaceKind, L.LayerGroup>(PLACE_KINDS.map((kind) => [kind, L.layerGroup()]))
  for (const { geometry, properties } of found.features) {
    const [longitude = 0, latitude = 0] = geometry.coordinates
    const mark = L.circleMarker([latitude, longitude], { radius: 5, color: '#fff', weight: 1.5, fillColor: COLOUR[properties.kind], fillOpacity: 1 })
    mark.bindTooltip(() => tooltip(properties, t), { direction: 'top', offset: [0, -4] })
    layers.get(properties.kind)?.addLayer(mark)
  }
  return layers
}

/** Built as elements: names come from files and must never be read as markup. */
function tooltip(place: PlaceProperties, t: Translate): HTMLElement {
  const box = document.createElement('div')
  const name = document.createElement('b')
  name.textContent = place.name
  box.append(name, ...contents(place, t).map((line) => {
    const row = document.createElement('div')
    row.textContent = line
    return row
  }))
  return box
}

/** What a place offers, in lines. Pure. */
export function contents(place: PlaceProperties, t: Translate): string[] {
  const lines: string[] = []
  if (place.capacity) lines.push(t('map.capacity', { n: place.capacity }))
  if (place.members) lines.push(t('map.team', { kind: place.speciality ?? '', n: place.members, minutes: place.muster_min ?? 0 }))
  if (place.equipment?.length) lines.push(place.equipment.join('、'))
  const stock = (place.stock ?? []).map((one) => `${one.name} ${one.quantity} ${one.unit}`)
  for (let at = 0; at < stock.length; at += 4) lines.push(stock.slice(at, at + 4).join('、'))
  return lines
}
