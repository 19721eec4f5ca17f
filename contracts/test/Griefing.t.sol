// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IRelay} from "../src/interfaces/IRelay.sol";
import {Probe} from "./utils/relay/Probe.sol";
import {RelayBase} from "./utils/relay/RelayBase.sol";

/// @notice Who acts to harm others: what it gains (nothing) and what it loses. SECURITY.md has the table.
contract GriefingTest is RelayBase {
    address private mallory = makeAddr("mallory");

    function credit(address account) private view returns (uint256) {
        return relay.balanceOf(account, address(0));
    }

    /// @notice A front-runner that copies an answer pays its gas and earns nothing.
    function test_copiedAnswerPaysTheOperator() public {
        Job memory job = ask();
        bytes memory signature = sign(job);
        vm.prank(mallory);
        relay.fulfil(job.request, job.receipt, signature, job.output);
        assertEq(credit(mallory), 0, "the copier");
        assertGt(credit(alice), FEE, "the operator has fee and gas");
        vm.expectRevert(abi.encodeWithSelector(IRelay.UnknownRequest.selector, job.id));
        relay.fulfil(job.request, job.receipt, signature, job.output);
    }

    /// @notice An operator that signs another's output with a key of its own, in the other's window.
    function test_copiedOutputInAnothersWindow() public {
        (address bob, uint256 bobKey) = addBob(1);
        Job memory job = askFor(alice);
        uint256 before = credit(bob);
        refuse(
            by(job, bobKey, bob, releaseId),
            abi.encodeWithSelector(IRelay.NotAssigned.selector, bob, alice, job.request.timestamp + WINDOW)
        );
        fulfil(by(job, aliceKey, alice, releaseId));
        assertEq(credit(bob), before, "the copier");
    }

    /// @notice An operator that lets its window pass is too late once another has answered, and earned nothing.
    function test_lateOperatorEarnsNothing() public {
        (address bob, uint256 bobKey) = addBob(1);
        Job memory job = askFor(alice);
        uint256 before = credit(alice);
        vm.warp(job.request.timestamp + WINDOW + 1);
        Job memory late = job;
        bytes memory lateSignature = sign(job);
        (bytes32 hers, bytes32 herConfig) = (job.receipt.releaseId, job.receipt.configHash);
        fulfil(by(job, bobKey, bob, releaseId));
        (late.receipt.releaseId, late.receipt.configHash) = (hers, herConfig);
        vm.expectRevert(abi.encodeWithSelector(IRelay.UnknownRequest.selector, job.id));
        relay.fulfil(late.request, late.receipt, lateSignature, late.output);
        assertEq(credit(alice), before, "late");
    }

    /// @notice A requester with a deadline that an operator did not offer has nobody's duty, and no slash to collect.
    function test_deadlineBelowTheOffer() public {
        vm.prank(alice);
        operators.announce(ARTIFACT, address(0), FEE, 601);
        mine(EPOCH);
        Job memory job = ask();
        refuse(job, abi.encodeWithSelector(IRelay.OperatorNotEligible.selector, alice)); // nor does she take it
        vm.warp(job.request.params.deadline + 1);
        relay.expire(job.request);
        assertEq(credit(address(probe)), relay.quote(job.request.params), "only its own money back");
        assertEq(operators.slashableOf(alice), SLOT, "no slash");
    }

    /// @notice A policy that nobody can meet is nobody's duty.
    function test_policyOfAnUnknownPublisher() public {
        IRelay.Params memory p = params();
        (p.releases, p.publishers) = (new bytes32[](0), new address[](1));
        p.publishers[0] = address(0xdead);
        Job memory job = ask(p);
        vm.warp(p.deadline + 1);
        relay.expire(job.request);
        assertEq(operators.slashableOf(alice), SLOT, "no slash");
    }

    /// @notice A callback that explodes costs its consumer the answer and the gas; the operator is paid.
    function test_explodingCallbackIsPaidFor() public {
        for (uint256 mode = 1; mode < 4; ++mode) {
            probe.misbehave(Probe.Mode(mode), "");
            Job memory job = ask();
            uint256 before = credit(alice);
            fulfil(job);
            assertGt(credit(alice) - before, FEE, "fee and gas");
        }
    }

    /// @notice Publishers that revoke between request and answer stop the answer; nobody is slashed or paid.
    function test_revocationAtTheWorstMoment() public {
        Job memory job = ask();
        vm.prank(publisher);
        releases.revoke(releaseId);
        bytes memory signature = sign(job);
        vm.expectRevert();
        relay.fulfil(job.request, job.receipt, signature, job.output);
        vm.warp(job.request.params.deadline + 1);
        relay.expire(job.request);
        assertEq(credit(address(probe)), relay.quote(job.request.params), "refund");
        assertEq(operators.slashableOf(alice), SLOT, "no slash");
    }

    /// @notice Who uses up the stake cover locks its deposits, pays the gas, and stops nobody.
    function test_usedUpCoverStopsNobody() public {
        uint256 max = relay.MAX_OPEN();
        IRelay.Params memory p = params();
        for (uint256 i; i < max; ++i) {
            ask(p);
        }
        uint256 value = relay.quote(p);
        vm.deal(address(this), value);
        vm.expectRevert(abi.encodeWithSelector(IRelay.StakeCoverExhausted.selector, max, max));
        probe.ask{value: value}(p, INPUT);
        fulfil(askByHash(params()));
        assertEq(probe.answers(), 1, "asked by hash, answered");
    }

    /// @notice An operator that asks itself, to be slashed and share in it, loses the rest of the penalty.
    function test_operatorThatExpiresItsOwnRequest() public {
        Job memory job = ask();
        uint256 deposit = relay.quote(job.request.params);
        vm.warp(job.request.params.deadline + 1);
        relay.expire(job.request);
        uint256 got = credit(address(probe)) - deposit;
        assertLe(2 * got, PENALTY, "at most half comes back");
        assertEq(operators.slashableOf(alice), SLOT - PENALTY, "all of it is taken");
    }
}
