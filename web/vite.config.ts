/**
 * Builds the pages into web/dist: hashed assets, no inline script or style (the server sends a strict
 * Content-Security-Policy), the admin scenes as chunks of their own. `virtual:tokens.css` is written from ui/tokens.ts, so
 * that colours have one source for the pages and for the contrast test.
 */
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'
import type { Plugin } from 'vite'
import { tokensCss } from './src/ui/tokens.ts'

const tokens: Plugin = {
  name: 'holdfast-tokens',
  resolveId: (id) => (id === 'virtual:tokens.css' ? '\0tokens.css' : undefined),
  load: (id) => (id === '\0tokens.css' ? tokensCss() : undefined),
}

export default defineConfig({
  plugins: [tokens, react()],
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    target: 'es2022',
    sourcemap: false,
    // An inlined asset would need `data:` in more places of the policy than pictures.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      output: {
        codeSplitting: {
          groups: [
            { name: 'react', test: /node_modules\/(react|react-dom|scheduler)\// },
            { name: 'frame', test: /node_modules\/(@mantine|@floating-ui|@tanstack|i18next|react-i18next)\// },
          ],
        },
      },
    },
  },
})
