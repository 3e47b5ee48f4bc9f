import { describe, expect, it } from 'vitest'
import { ElDialog } from 'element-plus'
import CloseDialog from '@/features/command/CloseDialog.vue'
import { server, settled, show } from './support'

const meeting = (state: string) => ({ meeting: { id: 'm1', state }, sites: [], attendance: [{ participant_id: 'p1', left_at: null }, { participant_id: 'p2', left_at: '2026-11-21T06:00:00Z' }] })
const dialog = () => show(CloseDialog, { incidentId: 'i1', wasActive: true, meetingId: 'm1' })

describe('closing an incident', () => {
  it('takes the summary from the keyboard at once', async () => {
    const view = show(CloseDialog, { incidentId: 'i1', wasActive: true, meetingId: null })
    await settled()
    view.getComponent(ElDialog).vm.$emit('opened')
    expect(document.activeElement).toBe(view.get('[name=summary]').element)
    view.unmount()
  })

  it('offers to end the meeting with it, and says who is still there', async () => {
    const sent = server({ 'GET /meetings/m1': meeting('open'), 'POST /incidents/i1/close': null })
    const view = dialog()
    await settled()
    expect(view.get('label:has([name=meeting-ended])').text()).toBe('同时结束应急会商（现有 1 个会场在会）')
    await view.get('[name=summary]').setValue('堵漏成功')
    await view.get('form').trigger('submit')
    await settled()
    expect(sent.at(-1)!.body).toEqual({ summary: '堵漏成功', is_told: true, is_meeting_ended: true })
    view.unmount()
  })

  it('asks nothing about a meeting that is over', async () => {
    server({ 'GET /meetings/m1': meeting('ended') })
    const view = dialog()
    await settled()
    expect(view.find('[name=meeting-ended]').exists()).toBe(false)
    view.unmount()
  })
})
