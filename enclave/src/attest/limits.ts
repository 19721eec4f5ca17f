/** Bounds of what a platform answers, apart from the others: a guest's own programs have these, and no more. */

/** Longest answer of the security module, bytes (AWS NSM). */
export const MAX_MODULE_REQUEST = 4096
export const MAX_MODULE_RESPONSE = 12_288
export const MODULE_TIMEOUT_MS = 5000

/**
 * Of configfs-tsm, bytes. Linux has a buffer of 8 KiB for a TDX quote; verifiers take up to 16, which a quote with more
 * certificates would need. An SEV-SNP report has one size, and the host's certificates at most 16 KiB (Linux,
 * SEV_FW_BLOB_MAX_SIZE).
 */
export const MAX_TDX_QUOTE = 16_384
export const SNP_REPORT_SIZE = 1184
export const MAX_TSM_AUX = 16_384
export const MAX_TSM_TEXT = 64

/** The quoting enclave is another machine's at times; a race is with another program in this guest, and rare. */
export const TSM_TIMEOUT_MS = 20_000
export const TSM_ATTEMPTS = 3

/** Longest answer of dstack's guest agent, bytes: evidence of no more is taken anywhere. Real ones have 17 kB. */
export const MAX_DSTACK_ANSWER = 65_536
export const DSTACK_TIMEOUT_MS = 20_000
