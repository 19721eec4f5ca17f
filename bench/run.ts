/** `npm run bench [-- NAME]`: measures, writes bench/results/<name>.json, prints. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Interrupted } from './devNetwork.ts'
import { type BenchOptions, readOptions } from './options.ts'
import { RESULTS, save } from './results.ts'

const options = readOptions()
const say = (text = ''): void => (options.json ? console.error(text) : console.log(text))
try {
  const result = await bench(options)
  if (options.json) console.log(JSON.stringify(result))
} catch (error) {
  if (!(error instanceof Interrupted)) throw error
  process.exit(130)
}

async function bench({ name, out = RESULTS }: BenchOptions): Promise<object> {
  if (name === 'relay') {
    const { benchRelay, isSound } = await import('./relay.ts')
    const result = await benchRelay(options, text => console.error(text))
    save(relayName(options), result, out)
    for (const [key, value] of Object.entries(result)) say(`${key.padEnd(15)}${value}`)
    if (!isSound(result)) process.exitCode = 1
    return result
  }
  if (name === 'receipts') {
    const { benchReceipts } = await import('./receipts.ts')
    const result = benchReceipts()
    save(name, result, out)
    for (const [provider, { median, min, target }] of Object.entries(result))
      say(`${provider}: ${median} pairs a second (slowest round ${min}, target ${target})`)
    return result
  }
  if (name === 'attestation') {
    const { benchAttestation } = await import('./attestation.ts')
    const result = await benchAttestation()
    save(name, result, out)
    for (const [tee, { cpu, target_ms }] of Object.entries(result))
      for (const [who, { median_ms, p90_ms }] of Object.entries(cpu))
        say(`${tee}, ${who}: ${median_ms} ms (p90 ${p90_ms}, target with node:crypto ${target_ms})`)
    for (const { file, ours, peer, same, known } of result.tdx.verdicts) {
      const verdict = same ? 'same' : known ? 'differs, as known,' : 'DIFFERENT'
      say(`${verdict} ${file}: ${ours}${same ? '' : `; peer: ${peer}`}`)
    }
    if (result.tdx.verdicts.some(({ same, known }) => !same && !known)) process.exitCode = 1
    return result
  }
  if (name === 'nitro') {
    const { benchNitro, nitroTable } = await import('./nitro.ts')
    const result = await benchNitro()
    save(name, result, out)
    for (const line of nitroTable(result)) say(line)
    return result
  }
  if (name === 'qemu') {
    const { benchQemu, qemuTable } = await import('./qemu.ts')
    const result = await benchQemu(text => console.error(text))
    save(name, result, out)
    for (const line of qemuTable(result)) say(line)
    const { kvm, qemu, target_first_answer_ms: target } = result
    if (!kvm && qemu.first_answer_ms.max > target) process.exitCode = 1
    return result
  }
  if (name === 'inference') {
    const { benchInference, inferenceTable, LEAST_RATIO } = await import('./inference.ts')
    const result = await benchInference(options, text => console.error(text))
    save(options.small ? 'inference-small' : name, result, out)
    for (const line of inferenceTable(result)) say(line)
    const isSlow = Object.values(result.models).some(({ ratio }) => ratio < LEAST_RATIO)
    if (isSlow && !options.small) process.exitCode = 1
    return result
  }
  if (name === 'teeml-zkml') {
    const { benchZkml } = await import('./zkml/zkml.ts')
    const { growthSvg } = await import('./zkml/growthPlot.ts')
    const { plainRows } = await import('./zkml/row.ts')
    const { zkmlNotes, zkmlTable } = await import('./zkml/table.ts')
    const result = await benchZkml(options, text => console.error(text))
    const file = options.small ? 'teeml-zkml-small' : name
    save(file, result, out)
    writeFileSync(join(out, `${file}.svg`), growthSvg(result.growth))
    for (const line of [...zkmlTable(result.rows), '', ...zkmlNotes(result.rows)]) say(line)
    for (const line of result.missed) say(`MISSED ${line}`)
    if (result.missed.length > 0) process.exitCode = 1
    return { rows: plainRows(result.rows) }
  }
  const { benchModels } = await import('./models.ts')
  return benchModels(name, say, out)
}

/** Runs of another size than the one whose figures are kept have files of their own, which git ignores. */
function relayName({ kill, requests, operators }: BenchOptions): string {
  const size = requests === 1000 && operators === 3 ? '' : `-${requests}x${operators}`
  return `relay${kill ? '-kill' : ''}${size}`
}
