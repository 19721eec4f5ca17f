/**
 * Since 1.29 onnxruntime reports every model that it opens (file and graph names, hashes) to its vendor, unless this
 * is set before its library starts. It is set here, in measured code: the sandbox has no network, the plain process has.
 */
process.env.ORT_DISABLE_TELEMETRY = '1'
