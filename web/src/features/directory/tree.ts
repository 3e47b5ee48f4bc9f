import type { Unit } from '@/protocol/api/directory'

export interface UnitNode {
  id: string
  label: string
  kind: Unit['kind']
  children: UnitNode[]
}

const KIND_ORDER: Record<Unit['kind'], number> = { county: 0, department: 1, township: 2, station: 3, village: 4, company: 5 }

/** The flat list as a tree; a unit whose parent is out of reach becomes a root. Pure. */
export function treeOf(units: readonly Unit[]): UnitNode[] {
  const nodes = new Map(units.map((unit) => [unit.id, { id: unit.id, label: unit.name, kind: unit.kind, children: [] as UnitNode[] }]))
  const roots: UnitNode[] = []
  for (const unit of units) {
    const node = nodes.get(unit.id)!
    const parent = unit.parent_id === null ? undefined : nodes.get(unit.parent_id)
    if (parent) parent.children.push(node)
    else roots.push(node)
  }
  const sort = (list: UnitNode[]): UnitNode[] => {
    list.sort((a, b) => KIND_ORDER[a.kind] - KIND_ORDER[b.kind] || a.label.localeCompare(b.label, 'zh-CN'))
    list.forEach((node) => sort(node.children))
    return list
  }
  return sort(roots)
}
