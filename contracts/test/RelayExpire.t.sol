// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IOperators} from "../src/interfaces/IOperators.sol";
import {IRelay} from "../src/interfaces/IRelay.sol";
import {RelayBase} from "./utils/relay/RelayBase.sol";

/// @notice Expiry, slashing, declining: whose duty a request is, and whose it is not.
contract RelayExpireTest is RelayBase {
    address private anyone = makeAddr("anyone");

    function late(Job memory job) private {
        vm.warp(job.request.params.deadline + 1);
    }

    function expectSlash(Job memory job, address operator, uint256 taken) private {
        vm.expectEmit(address(relay));
        emit IRelay.Expired(job.id, operator, taken);
        vm.prank(anyone);
        relay.expire(job.request);
    }

    function test_refundsAndSlashes() public {
        Job memory job = ask();
        uint256 held = relay.quote(job.request.params);
        late(job);
        expectSlash(job, alice, PENALTY);
        assertEq(relay.balanceOf(address(probe), address(0)), held + COMPENSATION, "refund and compensation");
        assertEq(relay.balanceOf(insurance, address(0)), PENALTY - COMPENSATION, "insurance");
        assertEq(relay.balanceOf(anyone, address(0)), 0, "the caller gets nothing");
        assertEq(operators.slashableOf(alice), SLOT - PENALTY, "stake");
        assertEq(address(relay).balance, held + PENALTY, "all is here");
        vm.expectRevert(abi.encodeWithSelector(IRelay.UnknownRequest.selector, job.id));
        relay.expire(job.request);
    }

    function test_tokenFeeComesBack() public {
        Job memory job = ask(tokenParams());
        late(job);
        relay.expire(job.request);
        assertEq(relay.balanceOf(address(probe), address(token)), 5e6, "fee");
        probe.withdraw(address(token), anyone);
        assertEq(token.balanceOf(anyone), 5e6, "withdrawn");
    }

    function test_notBeforeTheDeadline() public {
        Job memory job = ask();
        uint64 deadline = job.request.params.deadline;
        vm.warp(deadline);
        vm.expectRevert(abi.encodeWithSelector(IRelay.DeadlineNotReached.selector, job.id, deadline));
        relay.expire(job.request);
    }

    function test_noSlashWhenTheBlockHashIsGone() public {
        Job memory job = ask();
        late(job);
        vm.roll(job.request.blockNumber + 9000);
        expectSlash(job, address(0), 0);
        assertEq(relay.balanceOf(address(probe), address(0)), relay.quote(job.request.params), "refund");
    }

    function test_noDutyAboveTheFee() public {
        IRelay.Params memory p = params();
        p.fee = FEE - 1;
        Job memory job = ask(p);
        late(job);
        expectSlash(job, address(0), 0);
    }

    function test_noDutyInAShorterTime() public {
        vm.prank(alice);
        operators.announce(ARTIFACT, address(0), FEE, 600);
        mine(EPOCH);
        uint256 start = vm.snapshotState();
        Job memory job = ask();
        late(job);
        expectSlash(job, alice, PENALTY);

        vm.revertToState(start);
        IRelay.Params memory p = params();
        p.deadline -= 1;
        job = ask(p);
        late(job);
        expectSlash(job, address(0), 0);
    }

    function test_repricingDoesNotEscape() public {
        Job memory job = ask();
        vm.prank(alice);
        operators.announce(ARTIFACT, address(0), 100 ether, 60);
        late(job);
        expectSlash(job, alice, PENALTY);
    }

    function test_retractingDoesNotEscape() public {
        Job memory job = ask();
        vm.prank(alice);
        operators.retract(ARTIFACT, address(0));
        late(job);
        expectSlash(job, alice, PENALTY);
    }

    function test_unbondingDoesNotEscape() public {
        IRelay.Params memory p = params();
        p.deadline = uint64(vm.getBlockTimestamp()) + MAX_DEADLINE;
        Job memory job = ask(p);
        vm.prank(alice);
        operators.unbond(1);
        late(job);
        vm.prank(alice);
        vm.expectRevert(IOperators.NothingToWithdraw.selector);
        operators.withdrawStake(alice);
        expectSlash(job, alice, PENALTY);
        mine(3 * EPOCH);
        vm.prank(alice);
        operators.withdrawStake(alice);
        assertEq(alice.balance, SLOT - PENALTY, "the rest comes out");
    }

    function test_anOfferMadeAfterIsNoDuty() public {
        vm.prank(alice);
        operators.retract(ARTIFACT, address(0));
        addBob(1);
        Job memory job = ask();
        vm.prank(alice);
        operators.announce(ARTIFACT, address(0), 0, 0);
        (address holder,) = relay.assignedOf(job.request);
        assertNotEq(holder, alice, "frozen before the request");
    }

    function test_declaredReleaseLimitsDuty() public {
        bytes32 other = list(publisher, "other");
        vm.prank(alice);
        operators.declare(other, 2);
        uint256 start = vm.snapshotState();
        expectDuty(params(), true); // declared in this epoch: holds from the next

        vm.revertToState(start);
        mine(EPOCH);
        start = vm.snapshotState();
        expectDuty(params(), false);

        vm.revertToState(start);
        IRelay.Params memory p = params();
        p.releases[0] = other;
        expectDuty(p, true);

        vm.revertToState(start);
        p = params();
        (p.releases, p.publishers) = (new bytes32[](0), new address[](1));
        p.publishers[0] = publisher;
        expectDuty(p, true);

        vm.revertToState(start);
        p.assurance = 1;
        expectDuty(p, false);
    }

    function expectDuty(IRelay.Params memory p, bool duty) private {
        Job memory job = ask(p);
        (address holder,) = relay.assignedOf(job.request);
        assertEq(holder, duty ? alice : address(0), "assigned");
        late(job);
        expectSlash(job, duty ? alice : address(0), duty ? PENALTY : 0);
    }

    function test_unlistedReleaseIsNobodysDuty() public {
        IRelay.Params memory p = params();
        p.releases[0] = "never listed";
        Job memory job = ask(p);
        late(job);
        expectSlash(job, address(0), 0);
    }

    // Decline

    function test_declineWhileGasIsDear() public {
        Job memory job = ask();
        vm.fee(GAS_PRICE + 1);
        vm.expectEmit(address(relay));
        emit IRelay.Declined(job.id, alice);
        vm.prank(alice);
        relay.decline(job.request);
        (address holder,) = relay.assignedOf(job.request);
        assertEq(holder, address(0), "nobody's duty");

        vm.prank(alice);
        vm.expectRevert(
            abi.encodeWithSelector(IRelay.NotDeclinable.selector, job.id, uint256(GAS_PRICE) + 1, GAS_PRICE)
        );
        relay.decline(job.request);

        late(job);
        expectSlash(job, address(0), 0);
    }

    function test_declinedRequestCanBeAnsweredByAnyone() public {
        (address bob, uint256 bobKey) = addBob(1);
        Job memory job = by(askFor(alice), bobKey, bob, releaseId);
        vm.fee(GAS_PRICE + 1);
        vm.prank(alice);
        relay.decline(job.request);
        fulfil(job);
        assertGe(relay.balanceOf(bob, address(0)), FEE, "inside the window");
    }

    function test_declineRefused() public {
        Job memory job = ask();
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(IRelay.NotDeclinable.selector, job.id, 1 gwei, GAS_PRICE));
        relay.decline(job.request);

        vm.fee(GAS_PRICE);
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(IRelay.NotDeclinable.selector, job.id, GAS_PRICE, GAS_PRICE));
        relay.decline(job.request);

        vm.fee(GAS_PRICE + 1);
        vm.expectRevert(
            abi.encodeWithSelector(IRelay.NotAssigned.selector, address(this), alice, job.request.timestamp + WINDOW)
        );
        relay.decline(job.request);

        late(job);
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(IRelay.DeadlinePassed.selector, job.id, job.request.params.deadline));
        relay.decline(job.request);
    }

    /// @notice Requests open and slashes of the epoch together never exceed what one slot covers.
    function test_coverCountsTheSlashesOfTheEpoch() public {
        Job[] memory jobs = new Job[](10);
        for (uint256 i; i < 10; ++i) {
            jobs[i] = ask();
        }
        late(jobs[9]);
        relay.expire(jobs[0].request);
        IRelay.Params memory p = params();
        uint256 value = relay.quote(p);
        vm.deal(address(this), value);
        vm.expectRevert(abi.encodeWithSelector(IRelay.StakeCoverExhausted.selector, 10, 10));
        relay.request{value: value}(p, INPUT);
        for (uint256 i = 1; i < 10; ++i) {
            relay.expire(jobs[i].request);
        }
        assertEq(operators.slashableOf(alice), 0, "all ten penalties were covered");
        vm.deal(address(this), value);
        vm.expectRevert(abi.encodeWithSelector(IRelay.StakeCoverExhausted.selector, 10, 10));
        relay.request{value: value}(p, INPUT);
    }

    /// @notice An epoch begins with its own count of slashes.
    function test_coverOfTheNextEpoch() public {
        Job[] memory jobs = new Job[](3);
        for (uint256 i; i < 3; ++i) {
            jobs[i] = ask();
        }
        late(jobs[2]);
        relay.expire(jobs[0].request);
        relay.expire(jobs[1].request);
        mine(EPOCH);
        relay.expire(jobs[2].request);
        IRelay.Params memory p = params();
        uint256 value = relay.quote(p);
        vm.deal(address(this), 10 * value);
        for (uint256 i; i < 9; ++i) {
            relay.request{value: value}(p, INPUT);
        }
        vm.expectRevert(abi.encodeWithSelector(IRelay.StakeCoverExhausted.selector, 10, 10));
        relay.request{value: value}(p, INPUT);
        mine(EPOCH);
        relay.request{value: value}(p, INPUT);
    }

    /// @notice Expired after the stake has left: nothing is taken, all comes back.
    function test_refundsWhenTheStakeIsGone() public {
        Job memory job = ask();
        vm.prank(alice);
        operators.unbond(1);
        mine(UNBONDING);
        vm.prank(alice);
        operators.withdrawStake(alice);
        expectSlash(job, alice, 0);
        assertEq(relay.balanceOf(address(probe), address(0)), relay.quote(job.request.params), "refund");
    }

    /// @notice A release that was revoked, or never listed, is nobody's duty, also of who declared it.
    function test_declaredReleaseThatIsNotInForce() public {
        vm.prank(alice);
        operators.declare(releaseId, 2);
        mine(EPOCH);
        Job memory job = ask();
        vm.prank(publisher);
        releases.revoke(releaseId);
        late(job);
        expectSlash(job, address(0), 0);

        vm.prank(alice);
        operators.declare("never listed", 2);
        mine(EPOCH);
        IRelay.Params memory p = params();
        p.releases[0] = "never listed";
        expectDuty(p, false);
    }
}
