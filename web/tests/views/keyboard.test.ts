import { ElDialog } from 'element-plus'
import { describe, expect, it } from 'vitest'
import GroupDialog from '@/features/directory/GroupDialog.vue'
import TemplatePage from '@/features/sms/TemplatePage.vue'
import { server, settled, show } from './support'

describe('the keyboard', () => {
  it('is in the first field of a new group', async () => {
    server({ 'GET /units': { items: [] } })
    const view = show(GroupDialog, { group: null })
    await settled()
    view.getComponent(ElDialog).vm.$emit('opened')
    expect((document.activeElement as HTMLInputElement).name).toBe('group-name')
    view.unmount()
  })

  it('is in the first field of a template that can be changed', async () => {
    server({ 'GET /sms/templates': { items: [{ name: '会商', text: '请参加', variables: [], longest: {}, version: 1 }] } })
    const view = show(TemplatePage, {}, ['sms.send'])
    await settled()
    await view.get('.page-head button').trigger('click')
    await settled()
    view.getComponent(ElDialog).vm.$emit('opened')
    expect((document.activeElement as HTMLInputElement).name).toBe('template-name')
    view.unmount()
  })
})
