// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Receipt} from "../src/interfaces/IEnclaveRegistry.sol";
import {SimulatedVerifier} from "../src/attest/SimulatedVerifier.sol";
import {RegistryFixture} from "./utils/RegistryFixture.sol";

/// @notice Gas of attestation: whole transactions (scripts/gas.ts), but for checkReceipt, which contracts call.
contract GasAttestationTest is RegistryFixture {
    string internal constant GROUP = "Attestation";

    function test_attestation() public {
        (bytes memory rootDer, bytes memory leafDer, bytes memory bytes_) = (root(), leaf(), evidence());
        bytes32 rootId = verifier.rootId();
        SimulatedVerifier fresh = new SimulatedVerifier(rootId);
        fresh.cacheCertificate(rootDer, rootId, "");
        fresh.cacheCertificate(leafDer, rootId, "");
        vm.snapshotGasLastCall(GROUP, "attestation.cacheCertificate");

        registry.register(1, bytes_, "", identity, config, ANCHOR);
        vm.snapshotGasLastCall(GROUP, "attestation.register");

        Receipt memory receipt = receiptOf();
        registry.checkReceipt(receipt, signature(receipt));
        vm.snapshotGasLastCall(GROUP, "attestation.checkReceipt");
    }
}
