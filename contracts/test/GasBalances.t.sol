// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IBalances} from "../src/interfaces/IBalances.sol";
import {BalancesBase} from "./utils/balances/BalancesBase.sol";

/// @notice What settling costs; see Gas.t.sol for what the figures hold. Keys are cold, as in a transaction of its own.
contract GasBalancesTest is BalancesBase {
    function test_settle() public {
        reserve(1 ether);
        vm.snapshotValue("balances", "balances.reserve", vm.lastCallGas().gasTotalUsed);
        uint256 first = measure(batchOf(0, 63, 0.064 ether));
        uint256 steady = measure(batchOf(64, 127, 0.064 ether));
        vm.snapshotValue("balances", "balances.settle 64 first use", first);
        vm.snapshotValue("balances", "balances.settle 64 steady", steady);
        vm.snapshotValue("balances", "balances.settle a receipt of 64", steady / 64);
        assertLe(first / 64, 12_000, "target a receipt");
    }

    function measure(IBalances.Batch memory batch) private returns (uint256) {
        bytes memory signed = sign(batch);
        balances.settle(terms, batch, signed);
        return vm.lastCallGas().gasTotalUsed;
    }
}
