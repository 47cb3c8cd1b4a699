/** Starts the pages: languages, theme, queries, routes. Nothing inline, nothing from elsewhere. */
import '@mantine/core/styles.css'
import 'virtual:tokens.css'
import './ui/base.css'
import { MantineProvider } from '@mantine/core'
import { QueryClientProvider } from '@tanstack/react-query'
import { RouterProvider } from '@tanstack/react-router'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { queryClient } from './data/queries.ts'
import { startI18n } from './lib/i18n.ts'
import { router } from './routes.tsx'
import { theme } from './ui/theme.ts'
import { ToastStack } from './ui/toasts.tsx'

await startI18n()
createRoot(document.getElementById('root')!).render(
  <StrictMode>
    {/* Variables and classes come from the stylesheet: a style element would break the page's policy. */}
    <MantineProvider theme={theme} defaultColorScheme="auto" withCssVariables={false} withGlobalClasses={false}>
      <QueryClientProvider client={queryClient}>
        <RouterProvider router={router} />
        <ToastStack />
      </QueryClientProvider>
    </MantineProvider>
  </StrictMode>,
)
