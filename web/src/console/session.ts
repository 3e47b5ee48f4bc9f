import { defineStore } from 'pinia'
import { computed, ref, shallowRef } from 'vue'
import { fetchSession, signIn, signOut, type Credentials, type Role, type Session } from '@/protocol/api/session'
import { asWireError } from '@/protocol/errors'
import type { LinkState } from '@/protocol/live'
import { http, live } from './services'

/** Who is signed in here, what they may do, and how the live line stands. */
export const useSession = defineStore('session', () => {
  const session = shallowRef<Session | null>(null)
  const isKnown = ref(false)
  const link = ref<LinkState>('connecting')
  const lostSince = ref<number | null>(null)

  live.onState((state) => {
    link.value = state
    lostSince.value = live.lostSince
  })
  http.onSignedOut = () => {
    session.value = null
    live.socket.disconnect()
  }

  const user = computed(() => session.value?.user ?? null)
  const permissions = computed(() => new Set(user.value?.permissions ?? []))
  const roles = computed(() => new Set<Role>(user.value?.grants.map((grant) => grant.role as Role) ?? []))
  const mustChangePassword = computed(() => user.value?.must_change_password ?? false)

  function adopt(next: Session): void {
    session.value = next
    isKnown.value = true
    if (!next.user.must_change_password) live.connect()
  }
  /** Ask once who we are; a missing session is an answer, a missing server is thrown. */
  async function restore(): Promise<void> {
    if (isKnown.value) return
    try {
      adopt(await fetchSession(http))
    } catch (error) {
      if (asWireError(error).code !== 'not_signed_in') throw error
      isKnown.value = true
    }
  }
  async function enter(credentials: Credentials): Promise<void> {
    adopt(await signIn(http, credentials))
  }
  async function renew(): Promise<void> {
    adopt(await fetchSession(http))
  }
  async function leave(): Promise<void> {
    await signOut(http)
    session.value = null
    live.socket.disconnect()
  }
  const may = (permission: string): boolean => permissions.value.has(permission)

  return { session, user, permissions, roles, mustChangePassword, link, lostSince, restore, enter, renew, leave, may }
})
