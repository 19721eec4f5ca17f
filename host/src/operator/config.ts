import { isAbsolute } from 'node:path'
import { z } from 'zod'
import { DRIVER_NAMES, DRIVERS } from '../drivers/index.ts'
import { inferenceConfig } from './inferenceConfig.ts'
import { machineIssues, teeIssues } from './teeConfig.ts'
import { zkConfig } from './zk/config.ts'

/** anvil's, the only one on which the simulated verifier serves. */
const DEVELOPMENT_CHAIN = 31_337

/** The registry takes no enclave with less: EnclaveRegistry.LEAST_LIMIT. */
const LEAST_LIMIT = 65_536

const hex = (bytes: number) =>
  z
    .string()
    .regex(new RegExp(`^0x[0-9a-fA-F]{${bytes * 2}}$`), `must be 0x and ${bytes} bytes in hex`)
    .transform(text => text.toLowerCase() as `0x${string}`)
const path = z.string().refine(isAbsolute, 'must be an absolute path')
const loopback = z.object({
  host: z.string().default('127.0.0.1'),
  port: z.int().min(0).max(65_535).default(0),
})
const httpUrl = z.url({ protocol: /^https?$/, error: 'must be an address with http or https' })
const integer = z.union([z.int().nonnegative(), z.string().regex(/^\d+$/)]).transform(value => BigInt(value))

const fields = z.strictObject({
  /** For editors: docs/operator.schema.json. */
  $schema: z.string().optional(),
  rpcUrl: z.url(),
  wsUrl: z.url().optional(),
  /** A second node of another provider. */
  witnessUrl: z.url().optional(),
  /** How long the two may differ before it means something. */
  witnessLagMs: z.int().min(100).default(5_000),
  databaseUrl: z.string().min(1),
  schema: z.string().default('operator'),
  stateDir: path,
  /** Where the development root is; operators of one development network share it. */
  rootDir: path.optional(),
  keystoreFile: path.optional(),
  passwordFile: path.optional(),
  /** A key that is not encrypted; on development chains only. */
  privateKeyFile: path.optional(),
  deployment: z.object({
    chainId: z.coerce.number().int().positive(),
    genesisHash: hex(32),
    enclaveRegistry: hex(20),
    operators: hex(20),
    relay: hex(20),
    /** What clients' vouchers are paid by. */
    balances: hex(20).optional(),
    block: integer,
  }),
  /** How enclaves run here: docs/operating.md, Enclaves on real hardware. */
  tee: z
    .strictObject({
      driver: z.enum(DRIVER_NAMES).default('simulated'),
      /** The machine of an enclave: MiB, processors, and the firmware of TDX and SEV-SNP. */
      memoryMb: z.int().min(256).max(1_048_576).optional(),
      cpus: z.int().min(1).max(256).optional(),
      firmware: path.optional(),
      /** Operators of verifier enclaves, which vouch for evidence that no contract verifies. */
      verifiers: z.array(httpUrl).max(16).optional(),
      /** What judging that evidence needs of its vendor: `nacre attestation collateral fetch`. */
      collateralDir: path.optional(),
    })
    .prefault({}),
  /** `VerifierEnclave`s that are to count the keys of this operator's enclaves. */
  claims: z
    .array(hex(20))
    .max(8)
    .refine(all => new Set(all).size === all.length, 'names a contract twice')
    .default([]),
  /** The enclave's image; an operator that only proves has no enclave. */
  imageDir: path.optional(),
  artifacts: z.array(path).default([]),
  /** Language models behind the OpenAI API, in the place of artifacts: docs/operating.md, Language models. */
  inference: inferenceConfig.optional(),
  /** Networks whose proofs answer `zk` requests, beside an enclave or without one: docs/operating.md, Proofs on chain. */
  zk: zkConfig.default([]),
  release: z.object({ publisher: hex(20), manifestHash: hex(32) }).optional(),
  http: loopback.default({ host: '127.0.0.1', port: 0 }),
  maxInput: z.int().min(LEAST_LIMIT).default(1_048_576),
  maxOutput: z.int().min(LEAST_LIMIT).default(LEAST_LIMIT),
  inputs: z
    .strictObject({
      /** Whether a request by hash is accepted on chain before it is answered. */
      accept: z.boolean().default(false),
      /** Whether inputs are fetched from addresses that are not public; for development only. */
      allowPrivate: z.boolean().default(false),
    })
    .default({ accept: false, allowPrivate: false }),
  payments: z
    .strictObject({
      /** Tokens that vouchers may pay in (zero: the chain's own coin), each with the least sum that is worth the gas of
       * settling it, in its smallest unit. Empty: no vouchers are taken. */
      least: z.record(hex(20), integer).default({}),
      /** Whether clients without a voucher are refused. */
      required: z.boolean().default(false),
      /** Receipts after which a batch is settled. */
      batchSize: z.int().min(1).max(1_024).default(64),
      /** Age at which a batch is settled with fewer, seconds. */
      settleAfterS: z.int().min(1).default(600),
      /** Before its reservation expires a batch is settled, and no more vouchers are taken, seconds. */
      marginS: z.int().min(1).default(900),
      /** Blocks that a reservation has to be old. */
      confirmations: z.int().min(0).max(64).default(2),
    })
    .prefault({}),
  /** Age of its evidence at which the enclave is replaced by a fresh one, seconds; see `refreshAge`. */
  refreshAfterS: z.int().min(1).optional(),
  /** Seconds after the deadline at which a request that nobody answered is expired on chain; 0 is never. */
  expireAfterS: z.int().min(0).default(30),
  /** What each operator leaves to the one before it when the assigned one did not answer: about a block's time. */
  fallbackStepS: z.int().min(1).max(60).default(2),
  pollMs: z.int().min(10).default(1_000),
  /** The most that is ever offered for a unit of gas, whatever the node says. */
  maxFeeGwei: z.number().positive().max(1_000_000).default(1_000),
  maxTipGwei: z.number().positive().max(1_000_000).default(50),
  replaceAfterMs: z.int().min(100).default(30_000),
  logLevel: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
})

/** Configuration of the operator agent; docs/operating.md explains every field. */
export const operatorConfig = fields
  .refine(oneKey, {
    path: ['keystoreFile'],
    error:
      'give keystoreFile and passwordFile, or privateKeyFile alone (nacre operator key new makes a keystore)',
  })
  .refine(config => config.privateKeyFile === undefined || config.deployment.chainId === DEVELOPMENT_CHAIN, {
    path: ['privateKeyFile'],
    error: `a key that is not encrypted serves on development chains (${DEVELOPMENT_CHAIN}) only: nacre operator key import FILE makes a keystore of it; then keystoreFile and passwordFile`,
  })
  .refine(
    ({ tee, deployment }) =>
      DRIVERS[tee.driver].assurance === 'tee' || deployment.chainId === DEVELOPMENT_CHAIN,
    {
      path: ['tee', 'driver'],
      error: `its evidence is simulated, which serves on development chains (${DEVELOPMENT_CHAIN}) only: name the driver of this machine's TEE (nacre doctor lists them)`,
    },
  )
  .superRefine(({ tee }, context) => {
    for (const issue of [...teeIssues(DRIVERS[tee.driver].kind, tee), ...machineIssues(tee)])
      context.addIssue({ code: 'custom', input: tee, ...issue })
  })
  .refine(config => onlyProves(config) || isOne(config.artifacts.length > 0, config.inference), {
    path: ['artifacts'],
    error:
      'give the artifacts of an image that answers the relay, or inference of an image nacre-llama: one of them',
  })
  .refine(config => onlyProves(config) || (config.imageDir !== undefined && config.release !== undefined), {
    path: ['imageDir'],
    error: 'give imageDir and release of the enclave’s image; without any of both, zk alone is served',
  })
  .refine(config => !onlyProves(config) || !takesVouchers(config.payments), {
    path: ['payments', 'least'],
    error: 'vouchers pay for an enclave’s answers, and this operator only proves',
  })
  .refine(({ payments, deployment }) => !takesVouchers(payments) || deployment.balances !== undefined, {
    path: ['deployment', 'balances'],
    error: 'vouchers are taken (payments.least), and the contract that pays them is not named',
  })
  .refine(({ payments }) => takesVouchers(payments) || !payments.required, {
    path: ['payments', 'least'],
    error: 'clients need a voucher (payments.required), and no token is named that one may pay in',
  })

/** Of an agent, with an enclave or without. */
export type AgentConfig = z.infer<typeof operatorConfig>

/** Of an agent with an enclave. */
export type OperatorConfig = AgentConfig & { imageDir: string; release: NonNullable<AgentConfig['release']> }

/** Whether it runs an enclave; the others only prove. */
export function hasEnclave(config: AgentConfig): config is OperatorConfig {
  return config.imageDir !== undefined
}

/** Networks to prove, and no word of an enclave. */
function onlyProves({ zk, artifacts, inference, imageDir, release }: z.infer<typeof fields>): boolean {
  return (
    zk.length > 0 &&
    artifacts.length === 0 &&
    [inference, imageDir, release].every(part => part === undefined)
  )
}

function isOne(one: boolean, other: object | undefined): boolean {
  return one !== (other !== undefined)
}

type KeyFields = Pick<z.infer<typeof fields>, 'keystoreFile' | 'passwordFile' | 'privateKeyFile'>

function takesVouchers({ least }: { least: object }): boolean {
  return Object.keys(least).length > 0
}

function oneKey({ keystoreFile, passwordFile, privateKeyFile }: KeyFields): boolean {
  const plain = privateKeyFile !== undefined
  const encrypted = [keystoreFile, passwordFile].filter(file => file !== undefined).length
  return plain ? encrypted === 0 : encrypted === 2
}
