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
import '@/ui/element.css'
import ConsoleApp from './ConsoleApp.vue'
import { router } from './router'

applyTheme()
createApp(ConsoleApp).use(createPinia()).use(makeI18n({ 'zh-CN': zh, en })).use(router).mount('#app')
