/** `node models/language/measure.ts FOLDER FILE`: perplexity of the held-out answers, of the file as the engine runs it. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { measurePerplexity } from './perplexity.ts'

const [folder, file] = process.argv.slice(2)
if (folder === undefined || file === undefined)
  throw new Error('usage: node models/language/measure.ts FOLDER FILE')
const { perplexity, tokens } = await measurePerplexity(
  file,
  JSON.parse(readFileSync(join(folder, 'held-out.json'), 'utf8')),
)
console.log(`perplexity ${perplexity.toFixed(2)} over ${tokens} tokens of answers`)
