import type { components } from './openapi'

/** A model of the server by its name in docs/openapi.json; read-only shapes become plain ones. */
export type Schema<Name extends keyof components['schemas']> = components['schemas'][Name]
