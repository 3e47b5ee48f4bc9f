import { ElMessage } from 'element-plus'
import { useI18n } from 'vue-i18n'
import * as api from '@/protocol/api/incidents'
import { http } from '@/console/services'
import { useError } from '@/ui/useError'
import { usePrompt } from '@/ui/usePrompt'

/** The officer's orders about one incident: each asks for its reason, does it, and says what went wrong. */
export function useBoardOrders(id: string) {
  const { t } = useI18n()
  const explain = useError()
  const prompt = usePrompt()

  async function attempt(work: () => Promise<unknown>, done = ''): Promise<void> {
    try {
      await work()
      if (done) ElMessage.success(done)
    } catch (cause) {
      ElMessage.error({ message: explain(cause), duration: 8000, showClose: true })
    }
  }
  /** Ask for words, then do it with them; giving the question up does nothing. */
  const asking = (title: string, label: string, shortest: number, work: (words: string) => Promise<unknown>, done = ''): Promise<void> =>
    prompt(title, label, shortest).then((words) => (words === null ? undefined : attempt(() => work(words), done)))

  return {
    acknowledge: (one: api.Assignment) =>
      asking(t('board.ackTitle', { name: one.person }), t('board.ackNote'), 2, (note) => api.acknowledge(http, id, one.id, note)),
    decline: (one: api.Assignment) =>
      asking(t('board.declineTitle', { name: one.person }), t('board.declineNote'), 2, (note) => api.decline(http, id, one.id, note), t('board.declined')),
    start: (task: api.Task) => attempt(() => api.startTask(http, id, task.id)),
    finish: (task: api.Task) =>
      asking(t('task.finishTitle', { title: task.title }), t(`task.evidence.${task.evidence}`), ['none', 'ack'].includes(task.evidence) ? 0 : 1, (result) => api.finishTask(http, id, task.id, result)),
    cancel: (task: api.Task) =>
      asking(t('task.cancelTitle', { title: task.title }), t('task.cancelNote'), 2, (reason) => api.cancelTask(http, id, task.id, reason)),
    confirm: () => attempt(() => api.confirmActivation(http, id), t('board.confirmed')),
    revoke: () => asking(t('board.revokeTitle'), t('board.revokeNote'), 2, (reason) => api.revokeActivation(http, id, reason), t('board.revoked')),
  }
}
