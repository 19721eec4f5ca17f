import { parentPort } from 'node:worker_threads'
import { serve } from '@nacre/proofs/zk/prover/threads'

/** A thread of the prover (threads.ts): it says how much of each session it did. */
parentPort?.on('message', session => parentPort?.postMessage(serve(session)))
