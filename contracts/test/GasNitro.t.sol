// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {NitroFixture} from "./utils/NitroFixture.sol";

/// @notice Gas of registering with a document of AWS Nitro: whole transactions with their calldata. The document and its
/// certificates are as large as AWS's: vectors/nitro. Of all three the gas is above the floor of calldata (EIP-7623),
/// which would be billed instead: 40 a byte that is not zero.
contract GasNitroTest is NitroFixture {
    string internal constant GROUP = "nitro";

    uint256 internal constant WARM = 1_250_000;
    uint256 internal constant NEW_LEAF = 1_900_000;
    uint256 internal constant COLD = 4_200_000;

    function test_cold() public {
        _register(0, "nitro-cold", COLD);
    }

    function test_newLeaf() public {
        verifier.cacheCertificates(_chain(CERTIFICATES - 1), _hints(0, CERTIFICATES - 2));
        _register(CERTIFICATES - 2, "nitro-new-leaf", NEW_LEAF);
    }

    function test_warm() public {
        verifier.cacheCertificates(_chain(CERTIFICATES), _hints(0, CERTIFICATES - 1));
        _register(CERTIFICATES - 1, "nitro-warm", WARM);
    }

    /// @param kept how many certificates below the root need no hint
    function _register(uint256 kept, string memory name, uint256 limit) private {
        bytes memory all = _hints(kept, CERTIFICATES);
        registry.register(KIND, evidence, all, identity, config, anchor);
        uint256 gas = vm.snapshotGasLastCall(GROUP, name);
        assertLe(gas, limit, name);
        // elsewhere the call is no transaction of its own, and its gas is without calldata
        if (keccak256(bytes(vm.envOr("FOUNDRY_PROFILE", string("")))) != keccak256("gas")) return;
        bytes memory call = abi.encodeCall(registry.register, (KIND, evidence, all, identity, config, anchor));
        assertGt(gas, _floorOf(call), "gas above the floor of calldata");
    }

    function _floorOf(bytes memory call) private pure returns (uint256 floor) {
        floor = 21_000;
        for (uint256 i = 0; i < call.length; ++i) {
            floor += call[i] == 0 ? 10 : 40;
        }
    }
}
