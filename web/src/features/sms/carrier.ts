export type Network = 'mobile' | 'unicom' | 'telecom' | 'broadnet'

/** Mobile network codes of mainland China (ITU-T E.212, MCC 460). */
const CODES: Readonly<Record<string, Network>> = {
  '46000': 'mobile', '46002': 'mobile', '46004': 'mobile', '46007': 'mobile', '46008': 'mobile', '46013': 'mobile',
  '46001': 'unicom', '46006': 'unicom', '46009': 'unicom', '46010': 'unicom',
  '46003': 'telecom', '46005': 'telecom', '46011': 'telecom', '46012': 'telecom',
  '46015': 'broadnet',
}

/** Whose network a modem's operator field names: some modems answer +COPS with figures. Null: it has a name, or is abroad. Pure. */
export const networkOf = (operator: string): Network | null => CODES[operator] ?? null
