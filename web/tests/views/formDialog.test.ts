import { describe, expect, it } from 'vitest'
import { ElDialog } from 'element-plus'
import CloseDialog from '@/features/command/CloseDialog.vue'
import { settled, show } from './support'

describe('closing an incident', () => {
  it('takes the summary from the keyboard at once', async () => {
    const view = show(CloseDialog, { incidentId: 'i1', wasActive: true })
    await settled()
    view.getComponent(ElDialog).vm.$emit('opened')
    expect(document.activeElement).toBe(view.get('[name=summary]').element)
  })
})
