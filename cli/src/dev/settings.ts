import { type HDAccount, mnemonicToAccount } from 'viem/accounts'

/** The first operator's HTTP port; the chain's is the next one, and the other operators' follow. */
export const DEFAULT_PORT = 8645

/** anvil's own mnemonic: known to everybody, funded on development chains only. */
export const MNEMONIC = 'test test test test test test test test test test test junk'
const account = (addressIndex: number) => mnemonicToAccount(MNEMONIC, { addressIndex })

/** Who acts in a development network, beside its operators. */
export const ACCOUNTS = { publisher: account(0), user: account(2) }

/** anvil funds ten accounts. */
export const MAX_OPERATORS = 8

/** The account of an operator, from 1. Made when it is needed: each takes 20 ms. */
export function operatorAccount(number: number): HDAccount {
  return account(number === 1 ? 1 : number + 1)
}

/** The account of the operator of language models: anvil does not fund it. */
export function languageAccount(): HDAccount {
  return account(10)
}

/** The account of the operator that verifies proofs: anvil does not fund it. */
export function proofAccount(): HDAccount {
  return account(11)
}

/** The account of the operator that proves (`nacre zk serve`): anvil does not fund it. */
export function zkAccount(): HDAccount {
  return account(12)
}

/** Price of an answer, wei, and what the demonstration's questions ask for. */
export const PRICE = 10n ** 12n
export const MIN_DEADLINE = 10
export const QUESTION_DEADLINE = 300
export const MAX_EVIDENCE_AGE = 86_400
export const CALLBACK_GAS = 150_000
