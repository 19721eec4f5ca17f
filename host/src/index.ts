export {
  describeError,
  ERROR_CODES,
  type ErrorCode,
  FatalError,
  HostError,
  RetryableError,
} from './common/errors.ts'
export { type Common, createCommon } from './common/index.ts'
export { closeOnSignals, createShutdown, type Shutdown } from './common/shutdown.ts'
export { type OperatorConfig, operatorConfig } from './operator/config.ts'
export { type Operator, startOperator } from './operator/start.ts'
export { type Anvil, type AnvilOptions, startAnvil } from './processes/anvil.ts'
export { type Lock, lockState } from './processes/lock.ts'
export { choosePort } from './processes/packages.ts'
export { type Postgres, type PostgresOptions, startPostgres } from './processes/postgres.ts'
export { type Child, type Exit, spawnChild, waitReady } from './processes/supervise.ts'
