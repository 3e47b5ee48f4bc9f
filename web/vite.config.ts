import { fileURLToPath } from 'node:url'
import vue from '@vitejs/plugin-vue'
import elementPlus from 'unplugin-element-plus/vite'
import { defineConfig } from 'vitest/config'

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const backend = process.env.FENGSUI_BACKEND ?? 'http://127.0.0.1:8080'

const REPLACING = ['tests/rejoin.test.ts', 'tests/views/smsPages.test.ts'] // they call vi.mock

// Two entries: `room` must stay light (no component library); `index` is the console.
export default defineConfig({
  plugins: [vue(), elementPlus({})],
  resolve: { alias: { '@': here('./src') } },
  define: {
    __VUE_OPTIONS_API__: 'false',
    __VUE_PROD_DEVTOOLS__: 'false',
    __VUE_I18N_LEGACY_API__: 'false',
    __VUE_I18N_FULL_INSTALL__: 'false',
    __INTLIFY_PROD_DEVTOOLS__: 'false',
    __INTLIFY_DROP_MESSAGE_COMPILER__: 'false',
  },
  build: {
    outDir: 'static',
    emptyOutDir: true,
    // The floor is Chromium 108; 87 is what the oldest government browsers carry and works at best effort.
    target: ['chrome87', 'safari14.1'],
    assetsInlineLimit: 0, // the content security policy admits no data: URIs for fonts or scripts
    chunkSizeWarningLimit: 900,
    rollupOptions: { input: { index: here('./index.html'), room: here('./room.html') } },
  },
  server: {
    proxy: {
      '/api': { target: backend },
      '/socket.io': { target: backend, ws: true },
    },
  },
  test: {
    environment: 'happy-dom',
    setupFiles: ['tests/clean.ts'],
    pool: 'threads',
    server: { deps: { inline: ['element-plus'] } },
    // To load the component library anew for each file is two thirds of the time; only a file that replaces a module needs that.
    projects: [
      { extends: true, test: { name: 'shared', isolate: false, include: ['tests/**/*.test.ts'], exclude: REPLACING } },
      { extends: true, test: { name: 'replacing', include: REPLACING } },
    ],
  },
})
