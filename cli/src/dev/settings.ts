/** The operator's HTTP port; the chain's is the next one. */
export const DEFAULT_PORT = 8645
