/** Engine and version: part of every receipt's parameters and of the release's manifest. */
export const ENGINE = 'onnxruntime-node@1.30.0/cpu'
export const ATTESTATION_ENGINE = 'nacre-attestation@1'
export const ZK_ENGINE = 'nacre-zk@1'
/**
 * llama.cpp's libraries for processors, of which an image for language models has one: haswell needs AVX2, which every
 * machine has that an enclave may run on, icelake AVX-512 with VNNI. Outputs differ: each makes another engine.
 */
export const CPU_VARIANTS = ['haswell', 'icelake'] as const
export type CpuVariant = (typeof CPU_VARIANTS)[number]
export const llamaEngine = (variant: CpuVariant): string => `llama.cpp@v0.5.0/cpu-${variant}`
/** Of the image `nacre-upstream`, whose receipts name the engine that it asks. */
export const UPSTREAM_ENGINE = 'openai-api@1'
