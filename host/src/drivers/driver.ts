import type { EnclaveConfig, Measurement, TeeKind } from '@nacre/verify'
import type { SimulatedRoot } from '../nsm/root.ts'
import type { Image } from './image.ts'

/** One way to run enclaves on this machine. Another TEE is another driver. */
export type Driver = {
  kind: TeeKind
  assurance: 'simulated' | 'tee'
  /** Whether it works here, by trying; `fix` says how to get what is missing. */
  probe(image: Image): Promise<Probe>
  /** What verifiers pin; made from the image alone. */
  measure(image: Image): Promise<Measurement>
  /** Starts an enclave and waits until it answers. @throws DriverError */
  launch(image: Image, options: LaunchOptions): Promise<RunningEnclave>
}

export type Probe = { ok: boolean; detail: string; fix?: string }

export type LaunchOptions = {
  config: EnclaveConfig
  /** Authority of the simulated driver's evidence. */
  root: SimulatedRoot
  /** What the program and the driver say, a line at a time; lines are bounded in length and number. */
  onLog?: (line: string) => void
  /** Most artifacts loaded at a time and their total size; default 64 and 1 GiB. */
  engine?: { maxArtifacts: number; maxArtifactBytes: number }
  /** Longest time until it answers, milliseconds; default 20,000. */
  deadlineMs?: number
  /** `none` runs without a sandbox even where one works. */
  sandbox?: 'auto' | 'none'
  /** Where the operator keeps its state; the simulated driver needs none. */
  stateDir?: string
}

export type RunningEnclave = {
  /** The channel: docs/protocol.md, Channel to the enclave. */
  socketPath: string
  /** The enclave's own process, as this machine numbers it. */
  pid: number
  sandboxed: boolean
  /** Asks it to stop, insists after two seconds, and cleans up. Safe to call twice. */
  terminate(): Promise<void>
  /** Settles when it has ended, whoever ended it. */
  exited: Promise<Exit>
}

export type Exit = { code: number | null; signal: NodeJS.Signals | null }
