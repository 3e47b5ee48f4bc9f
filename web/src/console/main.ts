import { createPinia } from 'pinia'
import { createApp } from 'vue'
import { makeI18n } from '@/i18n'
import { catalogue as en } from '@/i18n/en'
import { catalogue as zh } from '@/i18n/zh-CN'
import { applyTheme } from '@/ui/theme'
import 'element-plus/theme-chalk/el-message.css'
import 'element-plus/theme-chalk/el-message-box.css'
import 'element-plus/theme-chalk/el-overlay.css'
import 'element-plus/theme-chalk/dark/css-vars.css'
import '@/ui/tokens.css'
import '@/ui/base.css'
import '@/ui/console.css'
import '@/ui/print.css'
import '@/ui/element.css'
import '@/ui/cards.css'
import '@/ui/touch.css'
import ConsoleApp from './ConsoleApp.vue'
import { router } from './router'
import { reloadForMissingPart } from './version'

applyTheme()
// A lazy part of an older build is gone from the server: load the new build instead of an empty page.
addEventListener('vite:preloadError', (event) => reloadForMissingPart() && event.preventDefault())
createApp(ConsoleApp).use(createPinia()).use(makeI18n({ 'zh-CN': zh, en })).use(router).mount('#app')
