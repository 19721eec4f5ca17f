/** Product lines with a root key of their own; Bergamo and Siena processors are of Genoa's. */
export type ProductLine = 'Milan' | 'Genoa' | 'Turin'

/** Security versions by component, each 0 to 255. `fmc` is of Turin alone. */
export type SnpTcb = { fmc?: number; bootloader: number; tee: number; snp: number; microcode: number }

/**
 * Which security patch level each byte of a TCB_VERSION is, by the last number of its object identifier in a
 * certificate, 1.3.6.1.4.1.3704.1.3.x (AMD, VCEK Certificate and KDS Interface Specification, 57230): 1 bootloader,
 * 2 TEE, 3 SNP, 8 microcode, 9 FMC; the others are reserved.
 */
export const TCB_LAYOUTS: Record<ProductLine, readonly number[]> = {
  Milan: [1, 2, 4, 5, 6, 7, 3, 8],
  Genoa: [1, 2, 4, 5, 6, 7, 3, 8],
  Turin: [9, 1, 2, 3, 5, 6, 7, 8],
}

/** The components of a TCB_VERSION of 8 bytes. */
export function decodeTcb(bytes: Uint8Array, line: ProductLine): SnpTcb {
  const level = (id: number): number => bytes[TCB_LAYOUTS[line].indexOf(id)] as number
  const tcb = { bootloader: level(1), tee: level(2), snp: level(3), microcode: level(8) }
  return line === 'Turin' ? { fmc: level(9), ...tcb } : tcb
}

/** The line of a processor by its CPUID, as reports of version 3 and later have it; undefined for another processor. */
export function lineOfCpuid({ family, model }: { family: number; model: number }): ProductLine | undefined {
  if (family === 0x19 && model <= 0x0f) return 'Milan'
  if (family === 0x19 && ((model >= 0x10 && model <= 0x1f) || (model >= 0xa0 && model <= 0xaf)))
    return 'Genoa'
  if (family === 0x1a && model <= 0x11) return 'Turin'
  return undefined
}

/** The line of a certificate's product name, such as `Milan-B0` or `Genoa`; undefined for another product. */
export function lineOfName(name: string): ProductLine | undefined {
  const [product = ''] = name.split('-')
  return Object.hasOwn(NAMES, product) ? NAMES[product] : undefined
}

const NAMES: Record<string, ProductLine> = {
  Milan: 'Milan',
  Genoa: 'Genoa',
  Bergamo: 'Genoa',
  Siena: 'Genoa',
  Turin: 'Turin',
}
