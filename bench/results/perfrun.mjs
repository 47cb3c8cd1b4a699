import { register } from 'tsx/esm/api'
register()
await import('./perfrun.ts')
