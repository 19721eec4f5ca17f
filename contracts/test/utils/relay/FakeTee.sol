// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IEvidenceVerifier} from "../../../src/interfaces/IEvidenceVerifier.sol";

/// @notice Test double of a TEE: the evidence is the attestation itself, believed as it stands. For tests of what
/// comes after attestation only.
contract FakeTee is IEvidenceVerifier {
    uint8 public immutable kind;
    uint8 public immutable assurance;

    constructor(uint8 kind_, uint8 assurance_) {
        (kind, assurance) = (kind_, assurance_);
    }

    function verify(bytes calldata evidence, bytes calldata) external pure returns (Attestation memory) {
        return abi.decode(evidence, (Attestation));
    }
}
