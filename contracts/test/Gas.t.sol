// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IRelay} from "../src/interfaces/IRelay.sol";
import {RelayBase} from "./utils/relay/RelayBase.sol";

/// @notice What transactions cost. The gas profile runs each top-level call as a transaction of its own, so that the
/// figures hold intrinsic gas, calldata, cold storage and refunds. The consumer is an account without code: the
/// figures are without the consumer's own code. `decline` is missing: it needs a base fee above the request's cap, and
/// in isolated calls the base fee is zero. Elsewhere the figures are not transactions, and nothing is kept.
contract GasTest is RelayBase {
    bytes private constant INPUT_64 =
        hex"0101020100000004000000a3704040cdcc6c40e17a943fa4707d3f9a99993f0ad7a33e295c0f40d7a3f03fe17a143fa4703d3e0ad7233c8fc2f53e0000803f00";

    address private asker = makeAddr("asker");

    function test_eth() public {
        (uint256 request, uint256 fulfilment) = measure("first use", params(), INPUT_64);
        snapshot("relay.request+fulfil first use", request + fulfilment);
        (request, fulfilment) = measure("steady", params(), INPUT_64);
        snapshot("relay.request+fulfil steady", request + fulfilment);
        assertLe(request + fulfilment, 200_000, "target");
    }

    function test_token() public {
        measureToken("");
        (uint256 request, uint256 fulfilment) = measureToken("ERC-20 fee");
        snapshot("relay.request+fulfil ERC-20 fee", request + fulfilment);
    }

    function test_digit() public {
        measure("", params(), INPUT_64);
        bytes memory digit = new bytes(19 + 784);
        for (uint256 i; i < 803; ++i) {
            digit[i] = i % 5 == 0 ? bytes1(uint8(i % 255 + 1)) : bytes1(0); // ink on a fifth of the picture
        }
        (uint256 request, uint256 fulfilment) = measure("784-byte digit", params(), digit);
        snapshot("relay.request+fulfil 784-byte digit", request + fulfilment);
    }

    /// @notice Another operator answers after the window of the assigned one.
    function test_fallback() public {
        (address bob, uint256 bobKey) = (makeAddr("bob"), uint256(keccak256("bob's enclave")));
        enlist(bob, 1);
        register(bobKey, bob, releaseId);
        mine(EPOCH);
        fulfil(askAs(params(), INPUT_64));
        Job memory job = askAs(params(), INPUT_64);
        for (uint256 i; i < 30 && !_isAlices(job); ++i) {
            job = askAs(params(), INPUT_64);
        }
        vm.warp(job.request.timestamp + WINDOW + 1);
        fulfil(by(job, bobKey, bob, releaseId));
        snapshot("relay.fulfil fallback", vm.lastCallGas().gasTotalUsed);
    }

    function test_byHash() public {
        fulfil(askAs(params(), INPUT_64));
        Job memory job = askAs(params(), INPUT_64, true);
        snapshot("relay.requestByHash", lastRequest);
        vm.prank(alice);
        relay.accept(job.request);
        snapshot("relay.accept", vm.lastCallGas().gasTotalUsed);
        fulfil(job);
        snapshot("relay.fulfil accepted", vm.lastCallGas().gasTotalUsed);
    }

    function test_expire() public {
        Job memory job = askAs(params(), INPUT_64);
        vm.warp(job.request.params.deadline + 1);
        vm.startPrank(address(0xbeef));
        relay.expire(job.request);
        vm.snapshotGasLastCall("relay", "relay.expire with slash");
        vm.stopPrank();
    }

    function test_withdraw() public {
        fulfil(askAs(params(), INPUT_64));
        vm.prank(alice);
        relay.withdraw(address(0), alice);
        vm.snapshotGasLastCall("relay", "relay.withdraw");
    }

    function test_operators() public {
        address bob = makeAddr("bob");
        hoax(bob, 3 * SLOT);
        operators.bond{value: SLOT}();
        vm.snapshotGasLastCall("operators", "operators.bond one slot");
        vm.prank(bob);
        operators.declare(releaseId, 2);
        vm.snapshotGasLastCall("operators", "operators.declare");
        vm.prank(bob);
        operators.announce(ARTIFACT, address(0), FEE, 60);
        vm.snapshotGasLastCall("operators", "operators.announce");
        vm.prank(bob);
        operators.unbond(1);
        vm.snapshotGasLastCall("operators", "operators.unbond one slot");
        mine(UNBONDING);
        vm.prank(bob);
        operators.withdrawStake(bob);
        vm.snapshotGasLastCall("operators", "operators.withdrawStake");
    }

    function _isAlices(Job memory job) private view returns (bool) {
        (address holder,) = relay.assignedOf(job.request);
        return holder == alice;
    }

    function measureToken(string memory name) private returns (uint256, uint256) {
        token.mint(asker, 5e6);
        vm.prank(asker);
        token.approve(address(relay), type(uint256).max);
        return measure(name, tokenParams(), INPUT_64);
    }

    function measure(string memory name, IRelay.Params memory p, bytes memory input)
        private
        returns (uint256 request, uint256 fulfilment)
    {
        Job memory job = askAs(p, input);
        request = lastRequest;
        job.output = hex"01010201000000010000009a99993f0000000000000000000000000000000001";
        job.receipt = receiptFor(job);
        bytes memory signature = sign(job);
        relay.fulfil(job.request, job.receipt, signature, job.output);
        fulfilment = vm.lastCallGas().gasTotalUsed;
        if (bytes(name).length == 0) return (request, fulfilment);
        snapshot(string.concat("relay.request ", name), request);
        snapshot(string.concat("relay.fulfil ", name), fulfilment);
    }

    uint256 private lastRequest;

    function askAs(IRelay.Params memory p, bytes memory input) private returns (Job memory) {
        return askAs(p, input, false);
    }

    function askAs(IRelay.Params memory p, bytes memory input, bool byHash) private returns (Job memory job) {
        job.request = IRelay.Request(
            asker, relay.nextNonce(), uint64(vm.getBlockNumber()), uint64(vm.getBlockTimestamp()), keccak256(input), p
        );
        uint256 value = relay.quote(p);
        hoax(asker, value + 1 ether);
        job.id = byHash
            ? relay.requestByHash{value: value}(p, keccak256(input), SOURCE)
            : relay.request{value: value}(p, input);
        lastRequest = vm.lastCallGas().gasTotalUsed;
        mine(12);
        job.signer = aliceKey;
        job.output = hex"01010201000000010000009a99993f0000000000000000000000000000000001";
        job.receipt = receiptFor(job);
    }

    function snapshot(string memory name, uint256 gas) private {
        vm.snapshotValue("relay", name, gas);
    }
}
