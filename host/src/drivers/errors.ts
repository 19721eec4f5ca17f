const FIXES = {
  'image-invalid': 'Build the image again: nacre release build, or npx node enclave/scripts/build.ts.',
  'launch-failed': 'Read the lines of the enclave that the message quotes.',
  'launch-timeout': 'Give it a longer deadline, or free the machine.',
  'guest-unreachable': 'Look at its console in the log; the agent launches another enclave.',
  'not-measurable':
    'Launch an enclave there, have its evidence measured (nacre release measure --evidence FILE), and list what it measures (nacre release publish DIR --measurement).',
  'sweep-failed': 'End the enclave that the record names, then delete the record.',
} as const

export type DriverErrorCode = keyof typeof FIXES

/** The codes as data, in the order of docs/errors.md. */
export const DRIVER_CODES: readonly DriverErrorCode[] = Object.keys(FIXES) as DriverErrorCode[]

/** An enclave that did not start, or was not ended. */
export class DriverError extends Error {
  override readonly name = 'DriverError'
  readonly code: DriverErrorCode
  readonly fix: string

  constructor(code: DriverErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause })
    this.code = code
    this.fix = FIXES[code]
  }
}
