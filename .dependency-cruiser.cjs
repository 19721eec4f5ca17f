/** Import rules of the trust zones (ARCHITECTURE.md, Zones): the folder says who has to trust the code. */
const rule = (name, comment, from, to) => ({ name, comment, severity: 'error', from, to })
const src = zone => `^${zone}/src`
const test = '[.]test[.]ts$'

module.exports = {
  forbidden: [
    rule('no-circular', 'A cycle hides which module is the lower one.', {}, { circular: true }),
    rule(
      'verify-is-pure',
      'verify runs in Node, in browsers and inside the enclave: no node:*, nothing of ours.',
      { path: src('verify'), pathNot: test },
      { pathNot: ['^verify/', 'node_modules/@noble/', 'node_modules/@hpke/'] },
    ),
    rule(
      'proofs-is-pure',
      'proofs runs in Node and in browsers: no node:*, of ours nothing but codecs and errors of verify.',
      { path: src('proofs'), pathNot: test },
      { pathNot: ['^proofs/src/', '^verify/src/', 'node_modules/(@noble|snarkjs)/'] },
    ),
    rule(
      'snarkjs-is-loaded-once',
      'snarkjs is under GPL-3.0 and an optional peer: one module loads it, when it is needed.',
      { path: '^(proofs|verify|enclave|host|sdk|cli)/', pathNot: '^proofs/src/zk/groth16/snarkjs.ts$' },
      { path: 'node_modules/(snarkjs|ffjavascript|circomlib)/' },
    ),
    rule(
      'zk-graph-is-lowest',
      'The graph defines the statement: nobody who proves or verifies it takes part in that.',
      { path: '^proofs/src/zk/graph/', pathNot: test },
      { path: '^proofs/src/zk/(?!graph/)' },
    ),
    rule(
      'zk-verifier-stands-alone',
      'The verifier is written on its own: it shares the definition of the statement with the prover, and nothing else.',
      { path: '^proofs/src/zk/verifier/', pathNot: test },
      { path: '^proofs/src/zk/(?!graph/|verifier/)' },
    ),
    rule(
      'zk-prover-shares-no-verifier',
      'Field and transcript are written twice, and tests compare them: a mistake shared by both would be no mistake to either.',
      { path: '^proofs/src/zk/prover/', pathNot: test },
      { path: '^proofs/src/zk/(?!graph/|prover/)' },
    ),
    rule(
      'zk-import-makes-graphs',
      'Importing a model proves nothing about it.',
      { path: '^proofs/src/zk/import/', pathNot: test },
      { path: '^proofs/src/zk/(?!graph/|import/)' },
    ),
    rule(
      'zk-groth16-shares-the-graph',
      'The circuit and the transparent proof are of the same graph, and of nothing else that is the same.',
      { path: '^proofs/src/zk/groth16/', pathNot: test },
      { path: '^proofs/src/zk/(?!graph/|groth16/)' },
    ),
    rule(
      'zk-slow-is-for-tests',
      'The slow twin is written from the document alone, and only tests use it.',
      { path: '^proofs/src/zk/slow/', pathNot: test },
      { path: '^proofs/src/zk/(?!graph/|slow/)' },
    ),
    rule(
      'zk-only-tests-use-slow',
      'The slow twin is written from the document alone; only tests use it, and the vectors for them.',
      { pathNot: ['^proofs/src/zk/slow/', '^vectors/', test] },
      { path: '^proofs/src/zk/slow/' },
    ),
    rule(
      'enclave-imports-verify-only',
      'Everything the enclave imports is measured: verify, the verifier of proofs, its engine, node:*.',
      { path: src('enclave'), pathNot: test },
      {
        dependencyTypesNot: ['core'],
        pathNot: [
          '^enclave/',
          '^verify/src/',
          '^proofs/src/(errors|zk/index|zk/(graph|verifier)/.*)[.]ts$',
          'node_modules/onnxruntime-',
          'node_modules/tiny-secp256k1/',
          'node_modules/@noble/',
          'node_modules/@hpke/',
        ],
      },
    ),
    rule(
      'host-never-imports-enclave',
      'The host sees only the built image; of the client it shares how an enclave is registered and attested.',
      { path: src('host'), pathNot: test },
      { path: ['^enclave/', '^sdk/(?!src/attest([.]ts|/))', '^cli/'] },
    ),
    rule(
      'sdk-is-browser-safe',
      'The SDK runs in browsers.',
      { path: src('sdk'), pathNot: test },
      { path: ['^host/', '^enclave/', '^cli/'] },
    ),
    rule(
      'sdk-no-node',
      'The SDK runs in browsers.',
      { path: src('sdk'), pathNot: test },
      { dependencyTypes: ['core'] },
    ),
    rule(
      'cli-loads-host-lazily',
      'A client that never runs a node must not need the host.',
      { path: src('cli'), pathNot: test },
      { path: '^host/', dependencyTypesNot: ['dynamic-import'] },
    ),
    rule(
      'contracts-import-nothing',
      'The ABI package is data.',
      { path: '^contracts/src' },
      { pathNot: '^contracts/' },
    ),
    rule('not-to-unresolvable', 'An import that does not resolve.', {}, { couldNotResolve: true }),
    rule(
      'no-undeclared',
      'Every package used is declared by the workspace that uses it.',
      { pathNot: [test, '^(test|bench|models|examples)/'] },
      { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
    ),
  ],
  options: {
    tsPreCompilationDeps: true,
    combinedDependencies: true,
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(/dist/|^contracts/(out|cache|test)/)' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
      extensions: ['.ts', '.js', '.mjs', '.cjs', '.json'],
    },
  },
}
