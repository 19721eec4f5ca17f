// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IRelay} from "../src/interfaces/IRelay.sol";
import {RelayBase} from "./utils/relay/RelayBase.sol";

/// @notice Requests by the hash of their input: nobody's duty until an operator accepts.
contract RelayAcceptTest is RelayBase {
    function accept(address operator, Job memory job) private {
        vm.prank(operator);
        relay.accept(job.request);
    }

    function refuseAccept(address operator, Job memory job, bytes memory error) private {
        vm.prank(operator);
        vm.expectRevert(error);
        relay.accept(job.request);
    }

    function notAssigned(address operator, address holder, uint256 until) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IRelay.NotAssigned.selector, operator, holder, until);
    }

    /// @notice A request by hash whose draw falls on `operator`.
    function askByHashFor(address operator) private returns (Job memory job) {
        for (uint256 i; i < 30; ++i) {
            job = askByHash(params());
            (address holder,) = relay.assignedOf(job.request);
            if (holder == operator) return job;
        }
        fail("no draw fell on the operator");
    }

    function test_commitsToItsKindAndSaysWhereTheInputIs() public {
        IRelay.Params memory p = params();
        IRelay.Request memory expected = IRelay.Request(
            address(this), 0, uint64(vm.getBlockNumber()), uint64(vm.getBlockTimestamp()), keccak256(INPUT), p
        );
        bytes32 id = relay.requestIdOf(address(this), 0);
        uint256 value = relay.quote(p);
        vm.deal(address(this), value);
        vm.expectEmit(address(relay));
        emit IRelay.RequestedByHash(id, ARTIFACT, address(this), expected, SOURCE);
        assertEq(relay.requestByHash{value: value}(p, keccak256(INPUT), SOURCE), id, "id");
        bytes32 commitment = keccak256(abi.encode("by-hash", keccak256(abi.encode(expected))));
        assertEq(relay.commitmentOf(id), commitment, "commitment");
        assertEq(relay.coveredRequests(), 0, "takes no cover");
    }

    function test_isCheckedAndPaidAsAnyRequest() public {
        IRelay.Params memory p = params();
        uint256 value = relay.quote(p);
        vm.deal(address(this), value);
        vm.expectRevert(abi.encodeWithSelector(IRelay.WrongPayment.selector, value - 1, value));
        relay.requestByHash{value: value - 1}(p, keccak256(INPUT), SOURCE);
        vm.expectRevert(abi.encodeWithSelector(IRelay.InputTooLarge.selector, 4097, 4096));
        relay.requestByHash{value: value}(p, keccak256(INPUT), new bytes(4097));
        p.artifact = "unknown";
        vm.expectRevert(abi.encodeWithSelector(IRelay.UnknownArtifact.selector, p.artifact, address(0)));
        relay.requestByHash{value: value}(p, keccak256(INPUT), SOURCE);
    }

    function test_isAnsweredWithoutBeingAccepted() public {
        Job memory job = askByHash(params());
        fulfil(job);
        assertGe(relay.balanceOf(alice, address(0)), FEE, "paid");
        assertEq(probe.lastOutput(), job.output, "called back");
    }

    function test_anotherInputIsRefused() public {
        Job memory job = askByHash(params());
        job.receipt.inputHash = keccak256("another picture");
        refuse(job, abi.encodeWithSelector(IRelay.ReceiptMismatch.selector, bytes32("inputHash")));
    }

    function test_expiresWithoutASlashWhenNobodyAccepted() public {
        Job memory job = askByHash(params());
        vm.warp(job.request.params.deadline + 1);
        vm.expectEmit(address(relay));
        emit IRelay.Expired(job.id, address(0), 0);
        relay.expire(job.request);
        assertEq(relay.balanceOf(address(probe), address(0)), relay.quote(job.request.params), "refund");
        assertEq(operators.slashableOf(alice), SLOT, "no slash");
    }

    function test_expiresWithASlashOfWhoAccepted() public {
        Job memory job = askByHash(params());
        accept(alice, job);
        assertEq(relay.coveredRequests(), 1, "covered");
        vm.warp(job.request.params.deadline + 1);
        vm.expectEmit(address(relay));
        emit IRelay.Expired(job.id, alice, PENALTY);
        relay.expire(job.request);
        uint256 refund = relay.quote(job.request.params) + COMPENSATION;
        assertEq(relay.balanceOf(address(probe), address(0)), refund, "refund and compensation");
        assertEq(relay.coveredRequests(), 0, "cover is free again");
        (address acceptor,) = relay.acceptanceOf(job.id);
        assertEq(acceptor, address(0), "forgotten");
    }

    function test_whoAcceptedIsSlashedWithoutTheBlockHash() public {
        Job memory job = askByHash(params());
        accept(alice, job);
        vm.warp(job.request.params.deadline + 1);
        vm.roll(job.request.blockNumber + 9000);
        vm.expectEmit(address(relay));
        emit IRelay.Expired(job.id, alice, PENALTY);
        relay.expire(job.request);
    }

    function test_onlyTheDrawnOperatorAcceptsOrAnswersInTheWindow() public {
        (address bob, uint256 bobKey) = addBob(1);
        Job memory job = askByHashFor(alice);
        uint256 until = job.request.timestamp + WINDOW;
        refuseAccept(bob, job, notAssigned(bob, alice, until));
        refuse(by(job, bobKey, bob, releaseId), notAssigned(bob, alice, until));
        vm.warp(until + 1);
        accept(bob, job);
    }

    function test_whoAcceptedAloneAnswersForAWindow() public {
        (address bob, uint256 bobKey) = addBob(1);
        Job memory job = askByHashFor(alice);
        vm.warp(job.request.timestamp + WINDOW + 1);
        uint64 until = uint64(vm.getBlockTimestamp() + WINDOW);
        vm.expectEmit(address(relay));
        emit IRelay.Accepted(job.id, bob, until);
        accept(bob, job);
        (address holder, uint256 shown) = relay.assignedOf(job.request);
        assertEq(holder, bob, "assigned");
        assertEq(shown, until, "until");
        Job memory hers = job;
        hers.signer = aliceKey;
        vm.warp(until);
        refuse(hers, notAssigned(alice, bob, until));
        refuseAccept(alice, job, abi.encodeWithSelector(IRelay.AlreadyAccepted.selector, job.id, bob));
        uint256 start = vm.snapshotState();
        fulfil(by(job, bobKey, bob, releaseId));
        assertGe(relay.balanceOf(bob, address(0)), FEE, "bob is paid");

        vm.revertToState(start);
        vm.warp(until + 1);
        job.receipt.releaseId = releaseId;
        job.receipt.configHash = configHash(alice, releaseId);
        job.signer = aliceKey;
        fulfil(job);
        assertGe(relay.balanceOf(alice, address(0)), FEE, "late, another answers and is paid");
        assertEq(relay.coveredRequests(), 0, "and nobody is in duty any more");
    }

    function test_onlyRequestsByHashAreAccepted() public {
        Job memory job = ask();
        refuseAccept(alice, job, abi.encodeWithSelector(IRelay.NotAcceptable.selector, job.id));
        fulfil(job);
        refuseAccept(alice, job, abi.encodeWithSelector(IRelay.UnknownRequest.selector, job.id));
    }

    function test_acceptedInTimeOnly() public {
        IRelay.Params memory p = params();
        uint256 value = relay.quote(p);
        vm.deal(address(this), value);
        IRelay.Request memory request = IRelay.Request(
            address(this), 0, uint64(vm.getBlockNumber()), uint64(vm.getBlockTimestamp()), keccak256(INPUT), p
        );
        bytes32 id = relay.requestByHash{value: value}(p, keccak256(INPUT), SOURCE);
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(IRelay.SameBlock.selector, id));
        relay.accept(request);
        mine(601);
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(IRelay.DeadlinePassed.selector, id, p.deadline));
        relay.accept(request);
    }

    function test_acceptedOnlyWithASlotAndAFittingOffer() public {
        address stranger = makeAddr("stranger");
        Job memory job = askByHash(params());
        vm.warp(job.request.timestamp + WINDOW + 1);
        bytes memory error = abi.encodeWithSelector(IRelay.OperatorNotEligible.selector, stranger);
        refuseAccept(stranger, job, error);
        hoax(stranger, SLOT);
        operators.bond{value: SLOT}(); // with stake, and without an offer in the request's epoch
        vm.prank(stranger);
        operators.declare(releaseId, 2);
        vm.prank(stranger);
        operators.announce(ARTIFACT, address(0), FEE, 60);
        refuseAccept(stranger, job, error);

        vm.prank(alice);
        operators.unbond(1); // on its way out: this stake may be gone before the deadline
        refuseAccept(alice, job, abi.encodeWithSelector(IRelay.OperatorNotEligible.selector, alice));
    }

    function test_acceptanceTakesCover() public {
        Job[] memory jobs = new Job[](relay.MAX_OPEN() + 1);
        for (uint256 i; i < jobs.length; ++i) {
            jobs[i] = askByHash(params());
        }
        for (uint256 i; i + 1 < jobs.length; ++i) {
            accept(alice, jobs[i]);
        }
        uint256 max = relay.MAX_OPEN();
        bytes memory exhausted = abi.encodeWithSelector(IRelay.StakeCoverExhausted.selector, max, max);
        refuseAccept(alice, jobs[max], exhausted);
        IRelay.Params memory p = params();
        uint256 value = relay.quote(p);
        vm.deal(address(this), value);
        vm.expectRevert(exhausted);
        relay.request{value: value}(p, INPUT);
        fulfil(jobs[max]); // what is not covered can be asked and answered all the same
    }

    function test_acceptedAndThenTooDearIsDeclined() public {
        (address bob, uint256 bobKey) = addBob(1);
        Job memory job = askByHashFor(alice);
        vm.fee(GAS_PRICE + 1);
        vm.prank(alice);
        vm.expectRevert(
            abi.encodeWithSelector(IRelay.NotDeclinable.selector, job.id, uint256(GAS_PRICE) + 1, GAS_PRICE)
        );
        relay.decline(job.request); // not accepted: there is nothing to decline
        accept(alice, job);
        vm.prank(alice);
        relay.decline(job.request);
        assertEq(relay.coveredRequests(), 0, "cover is free again");
        refuseAccept(alice, job, abi.encodeWithSelector(IRelay.NotAcceptable.selector, job.id));
        uint256 start = vm.snapshotState();
        fulfil(by(job, bobKey, bob, releaseId));
        assertGe(relay.balanceOf(bob, address(0)), FEE, "another answers at once");

        vm.revertToState(start);
        vm.warp(job.request.params.deadline + 1);
        vm.expectEmit(address(relay));
        emit IRelay.Expired(job.id, address(0), 0);
        relay.expire(job.request);
    }

    function test_engineFailureExcusesWhoAccepted() public {
        Job memory job = askByHash(params());
        accept(alice, job);
        fulfil(fail(job, 3, "engine-failed"));
        assertEq(relay.coveredRequests(), 0, "cover is free again");
        vm.warp(job.request.params.deadline + 1);
        vm.expectEmit(address(relay));
        emit IRelay.Expired(job.id, address(0), 0);
        relay.expire(job.request);
        assertEq(relay.balanceOf(address(probe), address(0)), relay.quote(job.request.params), "refund");
    }

    /// @notice A publisher that revokes after the acceptance cannot have the operator slashed.
    function test_revokedReleaseFreesWhoAccepted() public {
        vm.prank(alice);
        operators.declare(releaseId, 2);
        mine(EPOCH);
        Job memory job = askByHash(params());
        accept(alice, job);
        vm.prank(publisher);
        releases.revoke(releaseId);
        vm.warp(job.request.params.deadline + 1);
        vm.expectEmit(address(relay));
        emit IRelay.Expired(job.id, address(0), 0);
        relay.expire(job.request);
        assertEq(relay.coveredRequests(), 0, "cover is free again");
    }

    /// @notice Stake that backs an acceptance cannot leave before the deadline.
    function test_unbondingDoesNotEscapeAnAcceptance() public {
        IRelay.Params memory p = params();
        p.deadline = uint64(vm.getBlockTimestamp()) + MAX_DEADLINE;
        Job memory job = askByHash(p);
        accept(alice, job);
        vm.prank(alice);
        operators.unbond(1);
        vm.warp(p.deadline + 1);
        vm.expectEmit(address(relay));
        emit IRelay.Expired(job.id, alice, PENALTY);
        relay.expire(job.request);
    }
}
