import { type Attestation, checkAge } from '../attest/simulated.ts'
import type { ReceiptBundle } from '../bundle.ts'
import { type Checklist, ensure, type Fact, passed } from '../checks.ts'
import type { VerifyContext } from '../context.ts'
import type { EnclaveConfig } from '../identity.ts'
import type { Policy } from '../policy.ts'

type Established = {
  attested: Fact<Attestation>
  config: Fact<EnclaveConfig>
  release: Fact<ReceiptBundle['release']>
}

/** Whether what is authentic is also wanted. */
export function checkPolicy(
  list: Checklist,
  { receipt }: ReceiptBundle,
  policy: Policy,
  { time, expect, chain }: VerifyContext,
  { attested, config, release }: Established,
): void {
  const { releases, publishers, operators, artifacts } = policy
  const { releaseId } = receipt
  list.check('policy-assurance', [attested], ({ assurance }) => {
    const wanted = policy.assurance.join(' or ')
    ensure(policy.assurance.includes(assurance), `the evidence is ${assurance}, the policy wants ${wanted}`)
    return passed(`${assurance}, as the policy allows`)
  })
  list.check('policy-release', [release], ({ publisher }) => {
    // A publisher is only a name in what the other side sent, under which anybody may put an image of their own.
    const isListed = expect?.registry !== undefined && chain?.releasePublisher === publisher
    const accepted = releases.includes(releaseId) || (isListed && publishers.includes(publisher))
    ensure(
      accepted,
      `the policy names neither release ${releaseId} nor, as listed in an expected registry, publisher ${publisher}`,
    )
    return passed(`release ${releaseId} of ${publisher}`)
  })
  checkAge(list, 'policy-evidence-age', attested, time, policy.maxEvidenceAge)
  if (operators) {
    list.check('policy-operator', [config], ({ operator }) => {
      ensure(operators.includes(operator), `the policy does not name operator ${operator}`)
      return passed(`operator ${operator}`)
    })
  }
  if (artifacts) {
    list.check('policy-artifact', [], () => {
      ensure(artifacts.includes(receipt.artifact), `the policy does not name artifact ${receipt.artifact}`)
      return passed(`artifact ${receipt.artifact}`)
    })
  }
}
