/**
 * `npm run bench [-- --messages 3000 --rounds 5 --size 10240 --connections 20]`: Holdfast beside Postfix, see
 * accept-and-relay.ts. Prints a table and writes bench/results/ (not committed).
 */
import { register } from 'tsx/esm/api'

register()
const { main } = await import('./accept-and-relay.ts')
process.exit(await main(process.argv.slice(2)))
