/** Engine and version: part of every receipt's parameters and of the release's manifest. */
export const ENGINE = 'onnxruntime-node@1.30.0/cpu'
export const ATTESTATION_ENGINE = 'nacre-attestation@1'
/** The library of the image `nacre-llama`, of those in the package: every machine that an enclave may run on has AVX2. */
export const CPU_VARIANT = 'haswell'
export const LLAMA_ENGINE: string = `llama.cpp@v0.5.0/cpu-${CPU_VARIANT}`
/** Of the image `nacre-upstream`, whose receipts name the engine that it asks. */
export const UPSTREAM_ENGINE = 'openai-api@1'
