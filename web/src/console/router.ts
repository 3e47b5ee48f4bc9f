import { createRouter, createWebHistory, type RouteRecordRaw } from 'vue-router'
import { useSession } from './session'

declare module 'vue-router' {
  interface RouteMeta {
    title: string
    isBare?: boolean
  }
}

const page = (path: string, title: string, component: RouteRecordRaw['component']): RouteRecordRaw =>
  ({ path, component, meta: { title } }) as RouteRecordRaw

// The server answers every address without a suffix with this page (signaling/pages.py).
export const router = createRouter({
  history: createWebHistory(),
  routes: [
    { path: '/login', component: () => import('./LoginPage.vue'), meta: { title: 'login', isBare: true } },
    { path: '/password', component: () => import('./PasswordPage.vue'), meta: { title: 'password', isBare: true } },
    page('/', 'home', () => import('./home/HomePage.vue')),
    page('/incidents', 'incidents', () => import('@/features/command/IncidentList.vue')),
    page('/incidents/new', 'newIncident', () => import('@/features/command/RecordIncident.vue')),
    page('/incidents/:id', 'incident', () => import('@/features/command/IncidentBoard.vue')),
    page('/plans', 'plans', () => import('@/features/command/PlanList.vue')),
    page('/roster', 'roster', () => import('@/features/command/RosterPage.vue')),
    page('/hazards', 'hazards', () => import('@/features/command/HazardPage.vue')),
    page('/meetings', 'meetings', () => import('@/features/meeting/MeetingList.vue')),
    page('/cameras', 'cameras', () => import('@/features/meeting/CameraPage.vue')),
    page('/messages', 'messages', () => import('@/features/sms/MessageList.vue')),
    page('/messages/new', 'compose', () => import('@/features/sms/ComposePage.vue')),
    page('/messages/:id', 'message', () => import('@/features/sms/MessageBoard.vue')),
    page('/orders', 'orders', () => import('@/features/sms/OrderPage.vue')),
    page('/templates', 'templates', () => import('@/features/sms/TemplatePage.vue')),
    page('/statistics', 'statistics', () => import('@/features/sms/StatisticsPage.vue')),
    page('/inbox', 'inbox', () => import('@/features/sms/InboxPage.vue')),
    page('/conversations', 'conversations', () => import('@/features/sms/ConversationPage.vue')),
    page('/conversations/:key', 'conversations', () => import('@/features/sms/ConversationPage.vue')),
    page('/calls', 'calls', () => import('@/features/sms/CallPage.vue')),
    page('/numbers', 'numbers', () => import('@/features/sms/NumberPage.vue')),
    page('/webhooks', 'webhooks', () => import('@/features/sms/WebhookPage.vue')),
    page('/modems', 'modems', () => import('@/features/sms/ModemPage.vue')),
    page('/phones', 'phones', () => import('@/features/sms/PhonesPage.vue')),
    page('/directory', 'directory', () => import('@/features/directory/DirectoryPage.vue')),
    page('/directory/import', 'import', () => import('@/features/directory/ImportPage.vue')),
    page('/users', 'users', () => import('@/features/admin/UsersPage.vue')),
    page('/account', 'account', () => import('@/features/admin/AccountPage.vue')),
    page('/audit', 'audit', () => import('@/features/admin/AuditPage.vue')),
    page('/system', 'system', () => import('@/features/admin/SystemPage.vue')),
    page('/:rest(.*)*', 'lost', () => import('./LostPage.vue')),
  ],
})

router.beforeEach(async (to) => {
  const session = useSession()
  await session.restore()
  if (to.path === '/login') return session.user ? '/' : true
  if (!session.user) return { path: '/login', query: to.fullPath === '/' ? {} : { next: to.fullPath } }
  if (session.mustChangePassword && to.path !== '/password') return '/password'
  return true
})
