import { fromUtf8 } from '@nacre/verify'
import { parsePem, parseX509, type X509 } from '@nacre/verify/attest/certificate'
import { parseCrl } from '@nacre/verify/attest/crl'
import { decodeTcb, lineOfCpuid, lineOfName, type ProductLine } from '@nacre/verify/attest/snpProduct'
import { isZero, parseSnpReport, type SnpReport } from '@nacre/verify/attest/snpReport'
import { readVek } from '@nacre/verify/attest/vek'
import { readCommonName } from '@nacre/verify/attest/x509'
import { hex } from './explain.ts'
import type { Needs, Services, Wanted } from './services.ts'

type Key = { line: ProductLine; kind: 'vcek' | 'vlek' }

/**
 * What a report needs of AMD's key distribution service (AMD, VCEK Certificate and KDS Interface Specification, 57230,
 * chapter 4): the certificate of its chip's endorsement key at its TCB, the chain above it, and the revocation list.
 * `product` is of a report of version 2, which does not tell its processor.
 */
export function amdCollateral(evidence: Uint8Array, services: Services, product?: string): Needs {
  const report = parseSnpReport(evidence)
  const key = { line: lineOf(report, product), kind: report.signingKey }
  const missing = unobtainable(report)
  const own = missing.length === 0 ? [vcek(report, key.line, services)] : []
  return { wanted: [...own, chain(key, services), list(key, services)], missing }
}

function lineOf({ cpuid, version }: SnpReport, product: string | undefined): ProductLine {
  const told = cpuid && lineOfCpuid(cpuid)
  if (cpuid && !told) throw new Error('its processor is not known')
  const named = product === undefined ? undefined : lineOfName(product)
  if (product !== undefined && !named)
    throw new Error(`--product ${product} is none of Milan, Genoa and Turin`)
  if (told && named && told !== named) throw new Error(`it is of ${told}, and --product says ${product}`)
  const line = told ?? named
  if (line) return line
  throw new Error(
    `a report of version ${version} does not tell its processor: name it, as in --product Milan`,
  )
}

/** What AMD gives only to clouds, or cannot find. */
function unobtainable({ signingKey, chipId }: SnpReport): string[] {
  if (signingKey === 'vlek')
    return ["the VLEK's certificate, which AMD gives to the cloud alone: ask the host"]
  if (isZero(chipId))
    return ["the VCEK's certificate, for the report does not tell its chip: ask the host for it"]
  return []
}

function vcek({ chipId, tcb }: SnpReport, line: ProductLine, { amd }: Services): Wanted {
  const { fmc, bootloader, tee, snp, microcode } = decodeTcb(tcb.reported, line)
  const levels = { fmcSPL: fmc, blSPL: bootloader, teeSPL: tee, snpSPL: snp, ucodeSPL: microcode }
  const query = Object.entries(levels)
    .filter(([, level]) => level !== undefined)
    .map(([name, level]) => `${name}=${String(level).padStart(2, '0')}`)
  const id = hex(line === 'Turin' ? chipId.subarray(0, 8) : chipId)
  return {
    url: `${amd}/vcek/v1/${line}/${id}?${query.join('&')}`,
    what: `certificate of the VCEK of a ${line} chip`,
    read({ bytes }) {
      const found = readVek(parseX509(bytes))
      if (hex(found.chipId ?? new Uint8Array(0)) !== hex(chipId)) throw new Error('it is of another chip')
      if (hex(found.tcb(line)) !== hex(tcb.reported)) throw new Error('it is of another TCB')
      return { [`amd-${lower(line)}-vcek-${id.slice(0, 16)}-${hex(tcb.reported)}.der`]: bytes }
    },
  }
}

function chain({ line, kind }: Key, { amd }: Services): Wanted {
  return {
    url: `${amd}/${kind}/v1/${line}/cert_chain`,
    what: `certificates above the ${kind.toUpperCase()}s of ${line}`,
    read({ bytes }) {
      const names = parsePem(fromUtf8(bytes)).map(der => nameOf(parseX509(der)))
      const wanted = [`SEV-${kind === 'vlek' ? 'VLEK-' : ''}${line}`, `ARK-${line}`]
      if (names.join() !== wanted.join())
        throw new Error(`it has ${names.join(', ')}, not ${wanted.join(', ')}`)
      return { [`amd-${lower(line)}-${kind}-chain.pem`]: bytes }
    },
  }
}

function list({ line, kind }: Key, { amd }: Services): Wanted {
  return {
    url: `${amd}/${kind}/v1/${line}/crl`,
    what: `revocation list of the ${kind.toUpperCase()}s of ${line}`,
    read({ bytes }) {
      const name = readCommonName(parseCrl(bytes).issuer)
      if (name !== `ARK-${line}`) throw new Error(`it is the list of ${name}, not of ARK-${line}`)
      return { [`amd-${lower(line)}-${kind}.crl`]: bytes }
    },
  }
}

function nameOf({ subject }: X509): string {
  return readCommonName(subject) ?? 'no name'
}

function lower(line: ProductLine): string {
  return line.toLowerCase()
}
