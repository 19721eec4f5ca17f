/** Engine and version: part of every receipt's parameters and of the release's manifest. */
export const ENGINE = 'onnxruntime-node@1.30.0/cpu'
export const ATTESTATION_ENGINE = 'nacre-attestation@1'
