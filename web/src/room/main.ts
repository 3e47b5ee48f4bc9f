import { createApp } from 'vue'
import { makeI18n } from '@/i18n'
import enCommon from '@/i18n/en/common'
import enRoom from '@/i18n/en/room'
import zhCommon from '@/i18n/zh-CN/common'
import zhRoom from '@/i18n/zh-CN/room'
import { applyTheme } from '@/ui/theme'
import '@/ui/tokens.css'
import '@/ui/base.css'
import '@/ui/touch.css'
import RoomApp from './RoomApp.vue'

applyTheme()
createApp(RoomApp)
  .use(makeI18n({ 'zh-CN': { ...zhCommon, ...zhRoom }, en: { ...enCommon, ...enRoom } }))
  .mount('#app')
