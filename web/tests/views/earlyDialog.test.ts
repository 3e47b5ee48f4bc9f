import { afterEach, describe, expect, it, vi } from 'vitest'
import ShiftDialog from '@/features/command/ShiftDialog.vue'
import BringInDialog from '@/features/meeting/BringInDialog.vue'
import CameraDialog from '@/features/meeting/CameraDialog.vue'
import type { Camera } from '@/protocol/api/cameras'
import { focusFirst } from '@/ui/focusFirst'
import { server, settled, show } from './support'

const camera = { id: 'c1', name: '东坝', unit_id: 'u1', address: '', version: 1, streams: [] } as unknown as Camera

afterEach(() => {
  vi.restoreAllMocks()
  document.body.innerHTML = ''
})

describe('a dialog opened before the list behind it has come', () => {
  it('proposes the county for a camera, and keeps what was typed meanwhile', async () => {
    const sent = server({ 'POST /cameras': {} })
    const view = show(CameraDialog, { camera: null, units: [] })
    await settled()
    await view.get('[name="camera-name"]').setValue('东坝')
    await view.get('[name="camera-url"]').setValue('rtsp://10.1.2.3/sub')
    expect(view.get('[data-test="save-camera"]').attributes('disabled')).toBeDefined()
    await view.setProps({ units: [{ id: 'county', name: '青澜县', parent_id: null }] })
    await view.get('#camera').trigger('submit')
    await settled()
    expect(sent.map((one) => one.body)).toEqual([{ name: '东坝', unit_id: 'county', url: 'rtsp://10.1.2.3/sub' }])
  })
  it('proposes a meeting for a camera, but none in place of one that was chosen', async () => {
    const meeting = (id: string): object => ({ id, title: id, may_chair: true, state: 'open', starts_at: new Date().toISOString() })
    const view = show(BringInDialog, { camera, meetings: [] })
    const chosen = (): string | undefined => view.findAll<HTMLInputElement>('[name=meeting]').find((one) => one.element.checked)?.element.value
    await view.setProps({ meetings: [meeting('m1'), meeting('m2')] })
    expect(chosen()).toBe('m1')
    await view.get('[value=m2]').setValue()
    await view.setProps({ meetings: [meeting('m1'), meeting('m2'), meeting('m3')] })
    expect(chosen()).toBe('m2')
  })
  it('leaves the keyboard with who did not wait until it stood', () => {
    document.body.innerHTML = '<input id="behind"><form id="template"><input name="name"><textarea name="text"></textarea></form>'
    const field = (selector: string): HTMLElement => document.querySelector<HTMLElement>(selector)!
    field('#behind').focus()
    focusFirst('template')
    expect(document.activeElement).toBe(field('[name=name]'))
    field('[name=text]').focus()
    focusFirst('template')
    expect(document.activeElement).toBe(field('[name=text]'))
  })
  it('begins a shift where the last one ends', async () => {
    server({ 'GET /directory/units': { items: [] } })
    const view = show(ShiftDialog, { after: null, shift: null })
    await view.setProps({ after: { ends_at: '2026-03-02T00:00:00Z', unit_id: 'county' } })
    const start = view.getComponent({ name: 'ElDatePicker' }).props('modelValue') as Date
    expect([start.getMonth(), start.getDate(), start.getHours()]).toEqual([2, 2, 8])
  })
})
