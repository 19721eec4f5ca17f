import { fromUtf8, type Hex } from '../bytes.ts'
import { NacreError } from '../errors.ts'
import type { X509 } from './certificate.ts'
import { readOne, readUnsigned, TAG } from './der.ts'
import { oid } from './oid.ts'
import { type ProductLine, TCB_LAYOUTS } from './snpProduct.ts'
import type { SnpReport } from './snpReport.ts'
import { readCommonName } from './x509.ts'

/**
 * What the certificate of a versioned endorsement key says of its processor (AMD, VCEK Certificate and KDS Interface
 * Specification, 57230, chapter 3): the key of one chip (VCEK), or of one cloud's machines (VLEK), at one TCB.
 */
export type Vek = {
  kind: SnpReport['signingKey']
  /** Such as `Milan-B0`. */
  productName: string
  /** 64 bytes, of a VCEK. */
  chipId: Uint8Array | undefined
  /** Of a VLEK, such as `CN=cc-us-east-2.amazonaws.com`. */
  cspId: string | undefined
  /** As 8 bytes of a TCB_VERSION of a product line. @throws NacreError invalid-certificate when the line has another layout */
  tcb(line: ProductLine): Uint8Array
}

const KINDS: Record<string, Vek['kind']> = { 'SEV-VCEK': 'vcek', 'SEV-VLEK': 'vlek' }
const AMD = '1.3.6.1.4.1.3704.1'
const PRODUCT_NAME = oid(`${AMD}.2`)
const CHIP_ID = oid(`${AMD}.4`)
const CSP_ID = oid(`${AMD}.5`)
const LEVELS: readonly Hex[] = Array.from({ length: 10 }, (_, id) => oid(`${AMD}.3.${id}`))

/** Which kind of endorsement key a certificate is of by its name, if any; a name that cannot be read is of none. */
export function kindOf({ subject }: X509): Vek['kind'] | undefined {
  try {
    const name = readCommonName(subject) ?? ''
    return Object.hasOwn(KINDS, name) ? KINDS[name] : undefined
  } catch (error) {
    if (error instanceof NacreError) return undefined
    throw error
  }
}

/** @throws NacreError invalid-certificate: it is of no endorsement key, or an extension is missing or malformed */
export function readVek(certificate: X509): Vek {
  const kind = kindOf(certificate)
  if (!kind) throw invalid('its name is neither SEV-VCEK nor SEV-VLEK')
  const { extensions } = certificate
  const [name, chip, csp] = [PRODUCT_NAME, CHIP_ID, CSP_ID].map(id => extensions.get(id))
  if (kind === 'vcek' ? !chip || csp : !csp || chip) {
    throw invalid(
      kind === 'vcek'
        ? 'a VCEK has the id of a chip, and of no cloud'
        : 'a VLEK has the id of a cloud, and of no chip',
    )
  }
  return {
    kind,
    productName: readText(name),
    chipId: chip && readChipId(chip),
    cspId: csp && readText(csp),
    tcb: line => readLevels(extensions, line),
  }
}

/** A level that the line's layout has no place for must be absent or zero. */
function readLevels(extensions: X509['extensions'], line: ProductLine): Uint8Array {
  const layout = TCB_LAYOUTS[line]
  for (const [id, level] of LEVELS.entries()) {
    const value = extensions.get(level)
    if (value && !layout.includes(id) && readLevel(value) !== 0) throw invalid(`${line} has no level ${id}`)
  }
  return Uint8Array.from(layout, id => {
    const value = extensions.get(LEVELS[id] as Hex)
    if (!value) throw invalid(`security patch level ${id} of ${line} is missing`)
    return readLevel(value)
  })
}

function readLevel(value: Uint8Array): number {
  return readUnsigned(readOne(value, TAG.integer), 1)[0] as number
}

function readText(value: Uint8Array | undefined): string {
  if (!value) throw invalid('it has no product name')
  return fromUtf8(readOne(value, TAG.ia5String))
}

/** 64 bytes, of Turin 8, padded with zeros as reports have it; some certificates wrap them in an OCTET STRING. */
function readChipId(value: Uint8Array): Uint8Array {
  const bare = value.length === 64 || value.length === 8
  const id = bare ? value : readOne(value, TAG.octetString)
  if (id.length !== 64 && id.length !== 8) throw invalid(`a chip id of ${id.length} bytes`)
  const padded = new Uint8Array(64)
  padded.set(id)
  return padded
}

function invalid(reason: string): NacreError {
  return new NacreError('invalid-certificate', `not the certificate of an endorsement key: ${reason}`)
}
