// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IEnclaveRegistry} from "../src/interfaces/IEnclaveRegistry.sol";
import {IRelay} from "../src/interfaces/IRelay.sol";
import {Relay} from "../src/Relay.sol";
import {Probe} from "./utils/relay/Probe.sol";
import {RelayBase} from "./utils/relay/RelayBase.sol";

/// @notice Defects found in earlier systems of this kind, each shown absent here.
contract DefectsTest is RelayBase {
    /// @notice Defect 1: a payment debited from the latest deposit instead of its own, so that funds get stuck.
    function test_eachRequestIsPaidFromItsOwnDeposit() public {
        Job memory first = ask();
        IRelay.Params memory p = params();
        (p.fee, p.maxGasPrice) = (1 ether, 9 gwei);
        Job memory second = ask(p);
        first.receipt = receiptFor(first);
        uint256 firstHeld = relay.quote(first.request.params);
        fulfil(first);
        uint256 credits = relay.balanceOf(alice, address(0)) + relay.balanceOf(address(probe), address(0));
        assertEq(credits, firstHeld, "the first's deposit, to the wei");
        assertEq(address(relay).balance - credits, relay.quote(second.request.params), "the second's is whole");
        fulfil(second);
        credits = relay.balanceOf(alice, address(0)) + relay.balanceOf(address(probe), address(0));
        assertEq(address(relay).balance, credits, "nothing is stuck");
    }

    /// @notice Defect 2: no gas check before the callback, so that a fulfiller starves it and is paid all the same.
    function test_aStarvedCallbackIsNotPaid() public {
        Job memory job = ask();
        bytes memory data = abi.encodeCall(relay.fulfil, (job.request, job.receipt, sign(job), job.output));
        for (uint256 gas = 100_000; gas < 700_000; gas += 20_000) {
            uint256 id = vm.snapshotState();
            (bool ok,) = address(relay).call{gas: gas}(data);
            if (!ok) assertEq(relay.balanceOf(alice, address(0)), 0, "no pay without the callback");
            else assertGe(probe.gasSeen(), 290_000, "the callback had its gas");
            vm.revertToState(id);
        }
    }

    /// @notice Defect 3: a response accepted before its due time. Here the earliest is the block after the request's,
    /// when its hash draws the operator; and another operator waits out the window.
    function test_noAnswerBeforeItsTime() public {
        Job memory job = ask();
        vm.roll(job.request.blockNumber);
        refuse(job, abi.encodeWithSelector(IRelay.SameBlock.selector, job.id));
    }

    /// @notice Defect 4: de-registering revokes the owner's address, not the enclave's key, which stays verified.
    function test_revocationIsOfTheKey() public {
        Job memory job = ask();
        vm.prank(alice);
        registry.revokeKey(vm.addr(aliceKey), releaseId, configHash(alice, releaseId));
        refuse(job, abi.encodeWithSelector(IEnclaveRegistry.RevokedKey.selector, vm.addr(aliceKey)));
        register(55, alice, releaseId);
        fulfil(by(job, 55, alice, releaseId));
        assertEq(probe.answers(), 1, "another key of the same operator answers");
    }

    /// @notice Defect 5: compensation sent to an address that the user does not own. Here it is a credit of the
    /// consumer, who withdraws it to where it likes; the one who triggers it gets nothing.
    function test_compensationIsTheConsumers() public {
        Job memory job = ask();
        vm.warp(job.request.params.deadline + 1);
        vm.prank(alice);
        relay.expire(job.request);
        uint256 expected = relay.quote(job.request.params) + COMPENSATION;
        assertEq(relay.balanceOf(alice, address(0)), 0, "not the offender's");
        probe.withdraw(address(0), makeAddr("wallet"));
        assertEq(makeAddr("wallet").balance, expected, "the consumer's");
    }

    /// @notice Defect 6: a gas price above the maximum skips the callback but still pays. Here the callback runs, and
    /// the gas is paid at the maximum.
    function test_aboveTheGasPriceCapTheCallbackRuns() public {
        vm.txGasPrice(100 * uint256(GAS_PRICE));
        Job memory job = ask();
        fulfil(job);
        assertEq(probe.answers(), 1, "called back");
        uint256 most = FEE + relay.quote(job.request.params) - FEE;
        assertLe(relay.balanceOf(alice, address(0)), most, "within the deposit");
    }

    /// @notice Defect 7: fees read again at response time, and refunds stuck when a transfer fails. Here the request
    /// commits to its fee, and refunds are credits that can be withdrawn elsewhere.
    function test_feesAreFixedAndRefundsNeverStuck() public {
        Job memory job = ask();
        vm.prank(alice);
        operators.announce(ARTIFACT, address(0), 1 wei, 60);
        mine(EPOCH);
        vm.txGasPrice(0);
        fulfil(job);
        assertEq(relay.balanceOf(alice, address(0)), FEE, "the fee of the request, not of today");

        Mute mute = new Mute();
        IRelay.Params memory p = params();
        uint256 value = relay.quote(p);
        IRelay.Request memory request = IRelay.Request(
            address(mute),
            relay.nextNonce(),
            uint64(vm.getBlockNumber()),
            uint64(vm.getBlockTimestamp()),
            keccak256(INPUT),
            p
        );
        vm.deal(address(this), value);
        mute.call{value: value}(address(relay), abi.encodeCall(relay.request, (p, INPUT)));
        vm.warp(p.deadline + 1);
        relay.expire(request);
        assertGe(relay.balanceOf(address(mute), address(0)), value, "credited, though it takes no coins");
        mute.call(address(relay), abi.encodeCall(relay.withdraw, (address(0), makeAddr("wallet"))));
        assertGe(makeAddr("wallet").balance, value, "out");
    }

    /// @notice Defect 8: verified keys never expire, and EIP-712 domains hold across deployments.
    function test_keysExpireAndReceiptsAreBoundToTheirDeployment() public {
        Job memory job = ask();
        uint40 expiresAt = registry.keyOf(vm.addr(aliceKey), releaseId, configHash(alice, releaseId)).expiresAt;
        uint256 start = vm.snapshotState();
        vm.warp(expiresAt - 100);
        IRelay.Params memory p = params();
        p.maxEvidenceAge = 48 hours;
        Job memory last = ask(p);
        vm.warp(expiresAt);
        refuse(last, abi.encodeWithSelector(IEnclaveRegistry.ExpiredKey.selector, vm.addr(aliceKey), expiresAt));
        vm.revertToState(start);

        bytes memory signature = sign(job);
        (Relay ours, uint256 block_, uint256 time) = (relay, job.request.blockNumber, job.request.timestamp);
        uint256 key = aliceKey;
        setUp(); // the same contracts once more, with other addresses
        assertNotEq(address(relay), address(ours), "another deployment");
        vm.roll(block_);
        vm.warp(time);
        Job memory other = ask();
        assertNotEq(other.id, job.id, "another request id");
        bytes memory signed = signature;
        vm.expectPartialRevert(IEnclaveRegistry.UnknownKey.selector);
        relay.fulfil(other.request, other.receipt, signed, other.output);
        assertEq(key, aliceKey, "though the same key is registered in both");
    }

    /// @notice An offender that asks itself and expires its own request does not get its penalty back.
    function test_selfSlashingCosts() public {
        Job memory job = ask();
        vm.warp(job.request.params.deadline + 1);
        relay.expire(job.request);
        assertGe(relay.balanceOf(insurance, address(0)), PENALTY / 2, "at least half is gone");
    }
}

/// @notice Takes no coins.
contract Mute {
    function call(address target, bytes calldata data) external payable {
        (bool ok,) = target.call{value: msg.value}(data);
        require(ok, "failed");
    }
}
