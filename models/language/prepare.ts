/** `node models/language/prepare.ts FOLDER`: writes what train.py learns from. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildCorpus } from './corpus.ts'
import { COMMON, PLAN, SHAPE } from './settings.ts'
import { readWordnet } from './wordnet.ts'

const [folder] = process.argv.slice(2)
if (folder === undefined) throw new Error('usage: node models/language/prepare.ts FOLDER')
mkdirSync(folder, { recursive: true })
const senses = await readWordnet(text => console.error(text))
const size = { ...SHAPE, common: COMMON }
const { bpe, all, common, heldOut, heldOutTurns } = buildCorpus(senses, size, PLAN.seed)
writeFileSync(join(folder, 'all.u16'), all)
writeFileSync(join(folder, 'common.u16'), common)
writeFileSync(join(folder, 'held-out.u16'), heldOut)
writeFileSync(join(folder, 'bpe.json'), JSON.stringify(bpe))
writeFileSync(join(folder, 'held-out.json'), JSON.stringify(heldOutTurns))
writeFileSync(join(folder, 'corpus.json'), JSON.stringify({ shape: SHAPE, plan: PLAN }))
const rows = (tokens: Uint16Array): number => tokens.length / (SHAPE.context + 1)
console.log(
  `${senses.length} words: ${rows(all)} rows of all, ${rows(common)} of common ones, ${rows(heldOut)} held out (${heldOutTurns.length} turns)`,
)
