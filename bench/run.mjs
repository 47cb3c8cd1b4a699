/**
 * `npm run bench [-- --size smoke|ordinary|full] [--rounds N] [--only SCENE]`: Holdfast beside Postfix and Haraka, see
 * bench.ts; `--flat [--messages N] [--rounds N]`: an empty beside a full one, see flat.ts; what Holdfast does at its limits, see
 * limits.ts: `--fairness`, `--overload`, `--memory`, `--authentication`, `--judging`, `--people`; TLS, CHUNKING, SMTPUTF8 and idle
 * sessions beside Postfix, see edge.ts: `--edge`. Prints a table and writes bench/results/ (not committed).
 */
import { register } from 'tsx/esm/api'

register()
const { main } = await import('./main.ts')
process.exit(await main(process.argv.slice(2)))
