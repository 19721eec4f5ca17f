// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {VerifierEnclaveFixture} from "./utils/VerifierEnclaveFixture.sol";

/// @notice Gas of registering a key on the word of two verifier enclaves: a whole transaction (scripts/gas.ts).
contract GasVerifierEnclaveTest is VerifierEnclaveFixture {
    function test_verifierEnclave() public {
        bytes memory evidence_ = evidence();
        registry.register(TDX, evidence_, "", identity, config, ANCHOR);
        vm.snapshotGasLastCall("VerifierEnclave", "verifier-enclave.register");
    }
}
