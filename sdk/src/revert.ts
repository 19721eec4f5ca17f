import { balancesAbi, enclaveRegistryAbi, operatorsAbi, relayAbi, zkVerifiersAbi } from '@nacre/contracts'
import { type Abi, BaseError, ContractFunctionRevertedError } from 'viem'
import { type SdkError, sdkError } from './errors.ts'

/** How to fix what the contracts reject; a name that is missing here gets the general advice. */
const FIXES: Record<string, string> = {
  EmptyPolicy:
    'Name at least one release or publisher that you accept in params.releases or params.publishers.',
  PolicyTooLong: 'Name fewer releases and publishers.',
  UnknownAssurance: 'Ask for assurance 2 (tee), 3 (zk), or 1 (simulated) on a development chain.',
  NotForZk:
    'Ask with requestByHash, no releases, no publishers and maxEvidenceAge 0: the key file is the policy.',
  NotAccepted: 'Accept the request first: who accepted a zk request is paid for its proof.',
  UnknownVerifier: 'Register the key file first: ZkVerifiers.register(keyFile). Its SHA-256 is the artifact.',
  InvalidInputHash: 'Pass the input’s commitment, not a keccak256.',
  OutputLimitTooLow: 'Raise params.maxOutput to the size that the error names.',
  InvalidKey: 'Make the key file anew; the error names the rule that it breaks.',
  DevelopmentKey: 'Use a key from a ceremony: development keys are for chain id 31337 only.',
  InvalidProof: 'Prove this model, input and output with the key that is registered.',
  GasShort: 'Send the transaction with more gas.',
  UnknownArtifact: 'Ask for an artifact that an operator announces in this token: `nacre model list`.',
  InputTooLarge: 'Send a smaller input; relay inputs travel in the transaction.',
  OutputLimit: 'Lower params.maxOutput to the bound that the error names.',
  FeeTooLow: 'Raise params.fee to the minimum that the error names.',
  CallbackGasOutOfRange: 'Choose params.callbackGas within the bounds that the error names.',
  DeadlineOutOfRange: 'Choose params.deadline (seconds, absolute) within the bounds that the error names.',
  GasPriceTooLow: 'Raise params.maxGasPrice above the chain’s base fee.',
  WrongPayment: 'Send exactly the value that Relay.quote(params) returns.',
  TokenShortfall: 'Use a token that takes no fee on transfer, and approve the relay for it.',
  EvidenceAgeTooStrict: 'Raise params.maxEvidenceAge to the minimum that the error names.',
  StakeCoverExhausted:
    'Wait until open requests end, expire overdue ones (`nacre request expire --overdue`), or ask by hash (requestByHash), which takes no cover.',
  UnknownRequest: 'The request was answered, expired, or never made on this chain.',
  DeadlinePassed: 'Expire the request to be refunded (`nacre request expire`), then ask again.',
  DeadlineNotReached: 'Wait for the deadline that the error names.',
  NothingToWithdraw: 'There is no balance of this account and token.',
  NoStake: 'Bond a slot first: nacre operator join.',
  NotDeclared: 'Declare the release that the enclave runs first: nacre operator join.',
  WrongStake:
    'The whole bond must come to a multiple of the slot stake that the error names, and to a new slot.',
  TooManySlots: 'Bond or unbond no more slots in one call than the error allows.',
  NotAnnounced: 'There is no such offer: nacre operator prices lists them.',
  NotPayer: 'Reserve with the account that terms.payer names.',
  NotExpired: 'Wait until the time that the error names, or have the operator settle.',
  NothingReserved: 'Reserve first: nothing is left of it, or it was never made.',
  ExpiryOutOfRange: 'Choose expiresAt (seconds, absolute) within the bounds that the error names.',
  KeyAlreadyRegistered: 'Nothing is to be done: this key is registered with this release and configuration.',
  AnchorUnavailable:
    'If it is the newest block, wait for the next; otherwise have the enclave make fresh evidence over a recent block’s hash.',
  EvidenceTooOld: 'Have the enclave make fresh evidence over the hash of a recent block.',
  EvidenceFromFuture: 'Correct the enclave’s clock, or wait until the chain’s time is the evidence’s.',
  NonceMismatch: 'Name the block whose hash the evidence has as its nonce.',
  UserDataMismatch: 'Pass the identity and configuration that the enclave itself tells.',
  MeasurementNotListed: 'The publisher lists the image’s measurement with Releases.list.',
  RevokedCertificate: 'Use evidence under other certificates: the registry’s owner revoked this one.',
  CertificateExpired: 'Have the enclave make fresh evidence: its certificates are short-lived.',
  CertificateNotYetValid: 'Wait until the time that the error names, or check the chain’s clock.',
  CertificateNotCached: 'Plan again: what the chain had kept it has not any more.',
  NotNitro:
    'Ask operators whose enclaves the registry attested through AWS Nitro: simulated ones do not count.',
  ReleaseNotAccepted: 'Ask operators whose enclaves run a release that the VerifierEnclave’s owner accepts.',
  OperatorNotAccepted: 'Ask operators that the VerifierEnclave’s owner accepts.',
  KeyNotClaimed: 'Its operator claims the key (`nacre enclave claim`); until then ask another one.',
  StatementTooOld: 'Have the evidence judged again, as of the newest block’s time.',
  StatementFromFuture: 'Have the evidence judged as of the newest block’s time, not of your own clock.',
  TransferFailed: 'Withdraw to an account that accepts the transfer.',
}

/** ABI entries of every custom error that a call of the relay can end with. */
export const RELAY_ERRORS: Abi = [
  ...relayAbi,
  ...balancesAbi,
  ...operatorsAbi,
  ...enclaveRegistryAbi,
  ...zkVerifiersAbi,
]
  .filter(entry => entry.type === 'error')
  .filter((entry, i, all) => all.findIndex(other => signature(other) === signature(entry)) === i)

/** A contract's custom error as a NacreError that names it, its arguments and how to fix it; other errors unchanged. */
export function explainRevert(error: unknown): unknown {
  const reverted =
    error instanceof BaseError && error.walk(cause => cause instanceof ContractFunctionRevertedError)
  if (!(reverted instanceof ContractFunctionRevertedError)) return error
  return reverted.data ? named(reverted, error) : unnamed(reverted, error)
}

function named(reverted: ContractFunctionRevertedError, cause: unknown): SdkError {
  const name = reverted.data?.errorName ?? ''
  const inputs =
    reverted.data?.abiItem && 'inputs' in reverted.data.abiItem ? (reverted.data.abiItem.inputs ?? []) : []
  const args = (reverted.data?.args ?? []).map((value, i) => `${inputs[i]?.name ?? i} ${String(value)}`)
  const message = `The contract refused the call: ${name}${args.length > 0 ? ` (${args.join(', ')})` : ''}.`
  const fix = FIXES[name]
  return sdkError('relay-reverted', message, fix ? { fix, cause } : { cause })
}

function unnamed(reverted: ContractFunctionRevertedError, cause: unknown): SdkError {
  return sdkError(
    'relay-reverted',
    `The contract refused the call: ${reverted.reason ?? 'no reason given'}.`,
    { cause },
  )
}

function signature(entry: { name: string; inputs: readonly { type: string }[] }): string {
  return `${entry.name}(${entry.inputs.map(input => input.type).join(',')})`
}
