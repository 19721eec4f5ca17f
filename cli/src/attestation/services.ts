import type { Answer } from './download.ts'

/** Where the vendors' services are. */
export type Services = {
  /** Intel's provisioning certification service, or a cache with its paths. */
  intel: string
  /** Where Intel publishes the revocation list of its root. */
  intelRoot: string
  /** AMD's key distribution service. */
  amd: string
}

export const VENDORS: Services = {
  intel: 'https://api.trustedservices.intel.com',
  intelRoot: 'https://certificates.trustedservices.intel.com',
  amd: 'https://kdsintf.amd.com',
}

/** One question to a service. */
export type Wanted = {
  url: string
  /** In a few words for people. */
  what: string
  /** The files that an answer makes, by name. Throws for an answer to another question, or to none. */
  read: (answer: Answer) => Record<string, Uint8Array>
}

/** What a piece of evidence needs of its vendor, and what of it no service gives. */
export type Needs = { wanted: Wanted[]; missing: string[] }

/** Largest answer; the largest real one has 19 kB. */
export const MAX_ANSWER = 262_144
