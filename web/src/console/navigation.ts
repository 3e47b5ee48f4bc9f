import type { Role } from '@/protocol/api/session'
import type { IconName } from '@/ui/icons/paths'

export interface NavItem {
  to: string
  key: string
  icon: IconName
  /** Any one of these permissions shows the entry; none: everybody. */
  needs: readonly string[]
  demoOnly?: boolean
}

export interface NavGroup {
  key: string
  items: readonly NavItem[]
}

export const NAVIGATION: readonly NavGroup[] = [
  {
    key: 'command',
    items: [
      { to: '/', key: 'home', icon: 'home', needs: [] },
      { to: '/incidents', key: 'incidents', icon: 'alert', needs: ['incident.read'] },
      { to: '/plans', key: 'plans', icon: 'book', needs: ['plan.read'] },
      { to: '/roster', key: 'roster', icon: 'clock', needs: ['incident.activate'] },
      { to: '/hazards', key: 'hazards', icon: 'map', needs: ['hazard.read'] },
    ],
  },
  {
    key: 'meeting',
    items: [
      { to: '/meetings', key: 'meetings', icon: 'video', needs: ['meeting.read'] },
      { to: '/cameras', key: 'cameras', icon: 'camera', needs: ['system.manage', 'meeting.chair'] },
    ],
  },
  {
    key: 'sms',
    items: [
      { to: '/messages', key: 'messages', icon: 'message', needs: ['sms.read'] },
      { to: '/orders', key: 'orders', icon: 'clock', needs: ['sms.send', 'sms.approve'] },
      { to: '/templates', key: 'templates', icon: 'list', needs: ['sms.send'] },
      { to: '/inbox', key: 'inbox', icon: 'chat', needs: ['sms.read'] },
      { to: '/conversations', key: 'conversations', icon: 'users', needs: ['sms.read'] },
      { to: '/calls', key: 'calls', icon: 'phone', needs: ['sms.read'] },
      { to: '/numbers', key: 'numbers', icon: 'shield', needs: ['sms.send'] },
      { to: '/statistics', key: 'statistics', icon: 'pulse', needs: ['sms.read'] },
      { to: '/modems', key: 'modems', icon: 'modem', needs: ['modem.manage', 'sms.read'] },
      { to: '/webhooks', key: 'webhooks', icon: 'broadcast', needs: ['system.manage'] },
      { to: '/phones', key: 'phones', icon: 'phone', needs: ['demo'], demoOnly: true },
    ],
  },
  {
    key: 'admin',
    items: [
      { to: '/directory', key: 'directory', icon: 'users', needs: ['directory.read'] },
      { to: '/users', key: 'users', icon: 'user', needs: ['user.manage'] },
      { to: '/audit', key: 'audit', icon: 'shield', needs: ['audit.read'] },
      { to: '/system', key: 'system', icon: 'pulse', needs: ['system.read'] },
    ],
  },
]

export const isVisible = (item: NavItem, permissions: ReadonlySet<string>, isDemo: boolean): boolean =>
  (!item.demoOnly || isDemo) && (item.needs.length === 0 || item.needs.some((one) => permissions.has(one)))

/** The entries a person sees; groups without any disappear. Pure. */
export function visibleNavigation(permissions: ReadonlySet<string>, isDemo: boolean): NavGroup[] {
  return NAVIGATION.map((group) => ({ ...group, items: group.items.filter((item) => isVisible(item, permissions, isDemo)) }))
    .filter((group) => group.items.length > 0)
}

export type HomeKind = 'duty' | 'meetings' | 'operator' | 'official' | 'auditor'

/** Whose first page is shown when somebody holds several roles: the most urgent duty wins. */
export function homeOf(roles: ReadonlySet<Role>): HomeKind {
  if (roles.has('duty_officer') || roles.has('leader')) return 'duty'
  if (roles.has('meeting_staff') || roles.has('chair')) return 'meetings'
  if (roles.has('admin')) return 'operator'
  if (roles.has('auditor')) return 'auditor'
  return 'official'
}
