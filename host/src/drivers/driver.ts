import type { Duplex } from 'node:stream'
import type { EnclaveConfig, Measurement, TeeKind } from '@nacre/verify'
import type { SimulatedRoot } from '../nsm/root.ts'
import type { Image } from './image.ts'

export type DriverName = 'simulated' | 'qemu' | 'nitro' | 'tdx' | 'snp' | 'dstack'

/** Of an enclave for which nothing else is said. */
export const ENGINE_LIMITS = { maxArtifacts: 64, maxArtifactBytes: 2 ** 30 }

/** One way to run enclaves on this machine. Another TEE is another driver. */
export type Driver = {
  name: DriverName
  /** Of its enclaves' evidence: two drivers may have one kind. */
  kind: TeeKind
  assurance: 'simulated' | 'tee'
  /** Whether it works here, by trying, without an image; `fix` says how to get what is missing. */
  probe(): Promise<Probe>
  /** What verifiers pin; made from the image alone. @throws DriverError not-measurable where the machine decides it */
  measure(image: Image): Promise<Measurement>
  /** Starts an enclave and waits until it answers. @throws DriverError */
  launch(image: Image, options: LaunchOptions): Promise<RunningEnclave>
  /**
   * Ends what an agent that was killed left running, and removes its files; returns the names of what it ended.
   * @throws DriverError sweep-failed
   */
  sweep(options: { stateDir: string }): Promise<string[]>
}

export type Probe = { ok: boolean; detail: string; fix?: string }

/** Generations at a time, tokens of each, threads, and requests that wait beside them. */
export type InferenceLimits = { sequences: number; contextSize: number; threads: number; queue: number }

/** docs/inference.md, Another engine. A process reaches it by a Unix socket: it has no network. */
export type Upstream = { address: string; engine: string; models: object[] }

export type LaunchOptions = {
  config: EnclaveConfig
  /** Authority of the simulated driver's evidence. */
  root: SimulatedRoot
  /** What the program and the driver say, a line at a time; lines are bounded in length and number. */
  onLog?: (line: string) => void
  /** What the operator has to know, in the driver's own words: no program says it. Default: `onLog`. */
  onWarning?: (text: string) => void
  /** Most artifacts loaded at a time and their total size; default ENGINE_LIMITS. */
  engine?: { maxArtifacts: number; maxArtifactBytes: number }
  /** Of an image for language models, and of no other: docs/inference.md, Channel of such an image. */
  inference?: InferenceLimits
  /** Of the image `nacre-upstream`: the description of the engine that answers in it, as it is hashed into the configuration. */
  upstream?: Upstream
  /** Longest time until it answers, milliseconds; default 20,000 for a process, 90,000 for a machine. */
  deadlineMs?: number
  /** `none` runs without a sandbox even where one works. */
  sandbox?: 'auto' | 'none'
  /** Where the operator keeps its state: what is launched is recorded there for `sweep`; without it nothing is. */
  stateDir?: string
  /** Ends the launch, and what it has started, when it comes before the enclave answers; not the enclave after that. */
  signal?: AbortSignal
}

/** What of an enclave is connected to: its channel (docs/protocol.md), or the API of one for language models (docs/inference.md). */
export type EnclaveService = 'channel' | 'api' | 'tls'

export type RunningEnclave = {
  /** A new connection, to the channel unless another service is named. Rejects when the enclave does not have it. */
  connect(service?: EnclaveService): Promise<Duplex>
  /** The enclave's own process, as this machine numbers it. */
  pid: number
  sandboxed: boolean
  /** The last lines that it and its driver said, at most 100. */
  console(): string[]
  /** Ends it and cleans up: a process is asked first, and insisted on after two seconds; a machine has nothing to save. Safe to call twice. */
  terminate(): Promise<void>
  /** Settles when it has ended, whoever ended it. */
  exited: Promise<Exit>
}

export type Exit = { code: number | null; signal: NodeJS.Signals | null }
