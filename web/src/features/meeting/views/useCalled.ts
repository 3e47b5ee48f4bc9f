import { onScopeDispose, ref, watch, type Ref } from 'vue'

const OPENS_AFTER_S = 5

/**
 * Being called on: five seconds of warning, then the microphone opens unless refused.
 *
 * `isCalled`: the room says this site has the floor. `setMicrophone`: the call lifts the chair's mute at once, so a
 * microphone left on under it is closed first; nobody is heard during the warning.
 */
export function useCalled(isCalled: Ref<boolean>, setMicrophone: (on: boolean) => void) {
  const secondsLeft = ref(0)
  const isRefused = ref(false)
  let timer: ReturnType<typeof setInterval> | undefined

  const stop = (): void => clearInterval(timer)
  function accept(): void {
    stop()
    secondsLeft.value = 0
    setMicrophone(true)
  }
  function refuse(): void {
    stop()
    secondsLeft.value = 0
    isRefused.value = true
  }
  watch(isCalled, (called) => {
    stop()
    isRefused.value = false
    secondsLeft.value = called ? OPENS_AFTER_S : 0
    if (!called) return
    setMicrophone(false)
    timer = setInterval(() => (--secondsLeft.value <= 0 ? accept() : undefined), 1000)
  }, { immediate: true })
  onScopeDispose(stop)
  return { secondsLeft, isRefused, accept, refuse }
}
