// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {IEnclaveRegistry} from "../src/interfaces/IEnclaveRegistry.sol";
import {IRelay} from "../src/interfaces/IRelay.sol";
import {RelayBase} from "./utils/relay/RelayBase.sol";

/// @notice Every check of `fulfil`, each with a request where it alone fails.
contract RelayFulfilTest is RelayBase {
    function test_answersPaysAndRefunds() public {
        Job memory job = ask();
        uint256 held = relay.quote(job.request.params);
        vm.prank(makeAddr("anyone"));
        fulfil(job);
        assertEq(probe.lastId(), job.id, "id");
        assertEq(probe.lastOutput(), job.output, "output");
        assertEq(probe.answers(), 1, "answers");
        assertEq(relay.commitmentOf(job.id), bytes32(0), "closed");
        assertEq(relay.coveredRequests(), 0, "open");
        uint256 earned = relay.balanceOf(alice, address(0));
        assertGt(earned, FEE, "fee and gas");
        assertEq(earned + relay.balanceOf(address(probe), address(0)), held, "nothing is lost");
        assertEq(relay.balanceOf(makeAddr("anyone"), address(0)), 0, "the sender is not paid");
    }

    function test_tokenFee() public {
        Job memory job = ask(tokenParams());
        assertEq(token.balanceOf(address(relay)), 5e6, "fee held");
        fulfil(job);
        assertEq(relay.balanceOf(alice, address(token)), 5e6, "fee");
        vm.prank(alice);
        relay.withdraw(address(token), alice);
        assertEq(token.balanceOf(alice), 5e6, "withdrawn");
    }

    function test_errorAnswerPaysErrorFee() public {
        Job memory job = fail(ask(tokenParams()), 1, "bad-input: NaN");
        fulfil(job);
        assertEq(uint256(probe.lastStatus()), 1, "status");
        assertEq(relay.balanceOf(alice, address(token)), 5e5, "a tenth");
        assertEq(relay.balanceOf(address(probe), address(token)), 45e5, "the rest comes back");
    }

    function test_errorChargedInFullIsRefused() public {
        Job memory job = fail(ask(), 1, "bad-input: NaN");
        job.receipt.usageHash = usage(FEE, job.request.params);
        refuse(job, abi.encodeWithSelector(IRelay.ReceiptMismatch.selector, bytes32("usageHash")));
    }

    /// @notice An input on which an engine fails costs its operator no stake, and its consumer no fee.
    function test_engineFailureExcusesWhoIsAssigned() public {
        (address bob, uint256 bobKey) = addBob(1);
        Job memory job = fail(askFor(alice), 3, "engine-failed: took longer than 20000 ms");
        uint256 held = address(relay).balance;
        uint256 answers = probe.answers();
        vm.expectEmit(address(relay));
        emit IRelay.Declined(job.id, alice);
        fulfil(job);
        assertEq(address(relay).balance, held, "nothing is paid");
        assertEq(probe.answers(), answers, "no callback");
        assertEq(relay.coveredRequests(), 0, "nobody's duty");
        refuse(
            job, abi.encodeWithSelector(IRelay.NotAssigned.selector, alice, address(0), job.request.timestamp + WINDOW)
        );

        Job memory another = by(job, bobKey, bob, releaseId);
        another.receipt.status = 0;
        another.output = hex"01010100000000" hex"0000803f";
        another.receipt.outputHash = keccak256(another.output);
        another.receipt.usageHash = usage(FEE, job.request.params);
        fulfil(another);
        assertEq(probe.answers(), answers + 1, "another answers at once");
    }

    function test_engineFailureOfAnotherIsRefused() public {
        (address bob, uint256 bobKey) = addBob(1);
        Job memory job = fail(by(askFor(alice), bobKey, bob, releaseId), 3, "engine-failed");
        uint256 until = job.request.timestamp + WINDOW;
        vm.warp(until + 1);
        refuse(job, abi.encodeWithSelector(IRelay.NotAssigned.selector, bob, alice, until));
        vm.warp(job.request.params.deadline + 1);
        vm.expectEmit(address(relay));
        emit IRelay.Expired(job.id, alice, PENALTY);
        relay.expire(job.request); // bob's failure excuses nobody but bob
    }

    function test_unknownStatusIsRefused() public {
        Job memory job = fail(ask(), 3, "engine-failed");
        job.receipt.status = 4;
        refuse(job, abi.encodeWithSelector(IRelay.ReceiptMismatch.selector, bytes32("status")));
    }

    /// @dev A host may tell its enclave a smaller limit than was asked for, to be paid for the failure.
    function test_failureUnderAnotherLimitIsRefused() public {
        Job memory job = fail(ask(), 2, "output-limit: 51 bytes, at most 0");
        IRelay.Params memory narrowed = job.request.params;
        uint32 asked = narrowed.maxOutput;
        narrowed.maxOutput = 0;
        job.receipt.usageHash = usage(relay.priceOf(2, narrowed.fee), narrowed);
        narrowed.maxOutput = asked;
        refuse(job, abi.encodeWithSelector(IRelay.ReceiptMismatch.selector, bytes32("usageHash")));
    }

    function test_errorTextTooLong() public {
        Job memory job = fail(ask(), 1, new bytes(257));
        refuse(job, abi.encodeWithSelector(IRelay.OutputTooLong.selector, 257, 256));
        fulfil(fail(job, 1, new bytes(256)));
    }

    function test_publisherInThePlaceOfRelease() public {
        IRelay.Params memory p = params();
        p.releases = new bytes32[](0);
        p.publishers = new address[](1);
        p.publishers[0] = publisher;
        fulfil(ask(p));
        assertEq(probe.answers(), 1, "answered");
    }

    // The request

    function test_unknownRequest() public {
        Job memory job = ask();
        job.request.nonce += 1;
        bytes32 id = relay.requestIdOf(address(probe), job.request.nonce);
        refuse(job, abi.encodeWithSelector(IRelay.UnknownRequest.selector, id));
    }

    function test_replayIsRefused() public {
        Job memory job = ask();
        fulfil(job);
        bytes memory signature = sign(job);
        vm.expectRevert(abi.encodeWithSelector(IRelay.UnknownRequest.selector, job.id));
        relay.fulfil(job.request, job.receipt, signature, job.output);
    }

    function test_everyRequestFieldIsCommitted() public {
        Job memory job = ask();
        bytes memory signature = sign(job);
        for (uint256 field; field < 15; ++field) {
            IRelay.Request memory changed = abi.decode(abi.encode(job.request), (IRelay.Request));
            _change(changed, field);
            bytes32 id = relay.requestIdOf(changed.consumer, changed.nonce);
            vm.expectRevert(abi.encodeWithSelector(IRelay.UnknownRequest.selector, id));
            relay.fulfil(changed, job.receipt, signature, job.output);
        }
        fulfil(job);
    }

    function _change(IRelay.Request memory r, uint256 field) private pure {
        if (field == 0) r.consumer = address(1);
        if (field == 1) r.nonce += 1;
        if (field == 2) r.blockNumber -= 1;
        if (field == 3) r.timestamp -= 1;
        if (field == 4) r.inputHash = 0;
        if (field == 5) r.params.artifact = 0;
        if (field == 6) r.params.feeToken = address(1);
        if (field == 7) r.params.fee += 1;
        if (field == 8) r.params.maxOutput += 1;
        if (field == 9) r.params.callbackGas -= 1;
        if (field == 10) r.params.maxGasPrice += 1;
        if (field == 11) r.params.deadline += 1;
        if (field == 12) r.params.assurance = 1;
        if (field == 13) r.params.maxEvidenceAge += 1;
        if (field == 14) r.params.releases[0] = 0;
    }

    function test_deadline() public {
        Job memory job = ask();
        vm.warp(job.request.params.deadline + 1);
        refuse(job, abi.encodeWithSelector(IRelay.DeadlinePassed.selector, job.id, job.request.params.deadline));
        vm.warp(job.request.params.deadline);
        fulfil(job);
    }

    function test_sameBlock() public {
        Job memory job = ask();
        vm.roll(job.request.blockNumber);
        refuse(job, abi.encodeWithSelector(IRelay.SameBlock.selector, job.id));
    }

    function test_anchorOutOfReach() public {
        Job memory job = ask();
        vm.roll(job.request.blockNumber + 9000);
        refuse(job, abi.encodeWithSelector(IRelay.AnchorUnavailable.selector, job.request.blockNumber));
    }

    // The receipt

    function test_everyReceiptFieldIsChecked() public {
        Job memory job = ask();
        bytes32[7] memory names =
            [bytes32("version"), "requestId", "artifact", "inputHash", "anchorNumber", "anchorHash", "usageHash"];
        for (uint256 i; i < names.length; ++i) {
            job.receipt = receiptFor(job);
            if (i == 0) job.receipt.version = 2;
            if (i == 1) job.receipt.requestId = bytes32(uint256(1));
            if (i == 2) job.receipt.artifact = 0;
            if (i == 3) job.receipt.inputHash = 0;
            if (i == 4) job.receipt.anchorNumber += 1;
            if (i == 5) job.receipt.anchorHash = bytes32(uint256(1));
            if (i == 6) job.receipt.usageHash = usage(FEE + 1, job.request.params);
            refuse(job, abi.encodeWithSelector(IRelay.ReceiptMismatch.selector, names[i]));
        }
        job.receipt = receiptFor(job);
        job.receipt.outputHash = 0;
        refuse(job, abi.encodeWithSelector(IRelay.OutputMismatch.selector));
        job.receipt = receiptFor(job);
        job.receipt.releaseId = bytes32(uint256(1));
        refuse(
            job,
            abi.encodeWithSelector(
                IEnclaveRegistry.UnknownKey.selector,
                vm.addr(aliceKey),
                bytes32(uint256(1)),
                configHash(alice, releaseId)
            )
        );
        job.receipt = receiptFor(job);
        job.receipt.configHash = bytes32(uint256(1));
        refuse(
            job,
            abi.encodeWithSelector(
                IEnclaveRegistry.UnknownKey.selector, vm.addr(aliceKey), releaseId, bytes32(uint256(1))
            )
        );
        for (uint256 i; i < 2; ++i) {
            job.receipt = receiptFor(job);
            if (i == 0) job.receipt.parentsRoot = bytes32(uint256(1));
            else job.receipt.extensionsRoot = bytes32(uint256(1));
            bytes memory error = abi.encodeWithSelector(
                IEnclaveRegistry.UnsupportedReceipt.selector, 1, job.receipt.parentsRoot, job.receipt.extensionsRoot
            );
            refuse(job, error);
        }
    }

    /// @notice Changed after it was signed: another signer is recovered, which has no key.
    function test_tamperedAfterSigning() public {
        Job memory job = ask();
        bytes memory signature = sign(job);
        for (uint256 i; i < 3; ++i) {
            job.receipt = receiptFor(job);
            if (i == 0) job.receipt.parametersHash = 0;
            if (i == 1) job.receipt.sequence = 9;
            if (i == 2) job = fail(job, 1, "");
            vm.expectPartialRevert(IEnclaveRegistry.UnknownKey.selector);
            relay.fulfil(job.request, job.receipt, signature, job.output);
        }
    }

    function test_outputChanged() public {
        Job memory job = ask();
        job.output = hex"00";
        refuse(job, abi.encodeWithSelector(IRelay.OutputMismatch.selector));
    }

    function test_outputTooLong() public {
        Job memory job = ask();
        job.output = new bytes(65);
        job.receipt.outputHash = keccak256(job.output);
        refuse(job, abi.encodeWithSelector(IRelay.OutputTooLong.selector, 65, 64));
    }

    function test_anotherChain() public {
        Job memory job = ask();
        bytes memory signature = sign(job);
        vm.chainId(5);
        bytes32 id = relay.requestIdOf(address(probe), job.request.nonce);
        vm.expectRevert(abi.encodeWithSelector(IRelay.UnknownRequest.selector, id));
        relay.fulfil(job.request, job.receipt, signature, job.output);
    }

    function test_signatureLength() public {
        Job memory job = ask();
        bytes memory signature = bytes.concat(sign(job), hex"00");
        vm.expectRevert(abi.encodeWithSelector(ECDSA.ECDSAInvalidSignatureLength.selector, 66));
        relay.fulfil(job.request, job.receipt, signature, job.output);
    }

    // The key

    function test_unknownKey() public {
        Job memory job = ask();
        job.signer = 123;
        refuse(
            job,
            abi.encodeWithSelector(
                IEnclaveRegistry.UnknownKey.selector, vm.addr(123), releaseId, configHash(alice, releaseId)
            )
        );
    }

    function test_expiredKey() public {
        vm.warp(vm.getBlockTimestamp() + 23.9 hours);
        IRelay.Params memory p = params();
        p.maxEvidenceAge = 48 hours;
        Job memory job = ask(p);
        uint40 expiresAt = registry.keyOf(vm.addr(aliceKey), releaseId, configHash(alice, releaseId)).expiresAt;
        vm.warp(expiresAt);
        refuse(job, abi.encodeWithSelector(IEnclaveRegistry.ExpiredKey.selector, vm.addr(aliceKey), expiresAt));
    }

    function test_revokedKey() public {
        Job memory job = ask();
        vm.prank(alice);
        registry.revokeKey(vm.addr(aliceKey), releaseId, configHash(alice, releaseId));
        refuse(job, abi.encodeWithSelector(IEnclaveRegistry.RevokedKey.selector, vm.addr(aliceKey)));
    }

    function test_releaseRevokedBetweenRequestAndFulfilment() public {
        Job memory job = ask();
        vm.prank(publisher);
        releases.revoke(releaseId);
        refuse(job, abi.encodeWithSelector(IEnclaveRegistry.ReceiptReleaseRevoked.selector, releaseId));
        vm.warp(job.request.params.deadline + 1);
        relay.expire(job.request);
        assertEq(relay.balanceOf(address(probe), address(0)), relay.quote(job.request.params), "all comes back");
        assertEq(operators.slashableOf(alice), SLOT, "the operator could not answer: no slash");
    }

    function test_releaseNotAccepted() public {
        bytes32 other = list(publisher, "other");
        uint256 key = 77;
        register(key, alice, other);
        Job memory job = by(ask(), key, alice, other);
        refuse(job, abi.encodeWithSelector(IRelay.ReleaseNotAccepted.selector, other, publisher));
    }

    function test_assuranceIsNeverLowered() public {
        IRelay.Params memory p = params();
        p.assurance = 1;
        refuse(ask(p), abi.encodeWithSelector(IRelay.AssuranceMismatch.selector, 1, 2));
    }

    function test_evidenceAge() public {
        IRelay.Params memory p = params();
        p.maxEvidenceAge = 600;
        Job memory job = ask(p);
        uint40 time = registry.keyOf(vm.addr(aliceKey), releaseId, configHash(alice, releaseId)).evidenceTime;
        vm.warp(time + 601);
        refuse(job, abi.encodeWithSelector(IRelay.EvidenceTooOld.selector, time, 600));
        vm.warp(time + 600);
        fulfil(job);
    }

    // The operator

    function test_operatorWithoutOffer() public {
        (address bob, uint256 bobKey) = addBob(1);
        vm.prank(bob);
        operators.retract(ARTIFACT, address(0));
        mine(EPOCH);
        Job memory job = by(ask(), bobKey, bob, releaseId);
        refuse(job, abi.encodeWithSelector(IRelay.OperatorNotEligible.selector, bob));
    }

    function test_operatorAsksMore() public {
        (address bob, uint256 bobKey) = addBob(1);
        vm.prank(bob);
        operators.announce(ARTIFACT, address(0), FEE + 1, 60);
        mine(EPOCH);
        Job memory job = by(ask(), bobKey, bob, releaseId);
        refuse(job, abi.encodeWithSelector(IRelay.OperatorNotEligible.selector, bob));
    }

    function test_operatorWithoutStake() public {
        (address bob, uint256 bobKey) = addBob(1);
        vm.prank(bob);
        operators.unbond(1);
        mine(UNBONDING);
        vm.prank(bob);
        operators.withdrawStake(bob);
        Job memory job = by(ask(), bobKey, bob, releaseId);
        refuse(job, abi.encodeWithSelector(IRelay.OperatorNotEligible.selector, bob));
    }

    function test_windowBelongsToTheAssigned() public {
        (address bob, uint256 bobKey) = addBob(1);
        Job memory job = by(askFor(alice), bobKey, bob, releaseId);
        uint256 until = job.request.timestamp + WINDOW;
        refuse(job, abi.encodeWithSelector(IRelay.NotAssigned.selector, bob, alice, until));
        vm.warp(until);
        refuse(job, abi.encodeWithSelector(IRelay.NotAssigned.selector, bob, alice, until));
        vm.warp(until + 1);
        fulfil(job);
        assertGt(relay.balanceOf(bob, address(0)), FEE, "the one who answers is paid");
    }

    function test_windowIsOpenWhenTheDrawnHasNothingToLose() public {
        (address bob, uint256 bobKey) = addBob(1);
        Job memory job = by(askFor(alice), bobKey, bob, releaseId);
        vm.prank(address(relay));
        operators.slash(alice, SLOT - PENALTY);
        uint256 until = job.request.timestamp + WINDOW;
        refuse(job, abi.encodeWithSelector(IRelay.NotAssigned.selector, bob, alice, until));
        vm.prank(address(relay));
        operators.slash(alice, 1);
        fulfil(job);
        assertGt(relay.balanceOf(bob, address(0)), FEE, "inside the window");
    }

    function test_windowIsOpenWhenTheDrawnIsTooDear() public {
        (address bob, uint256 bobKey) = addBob(1);
        vm.prank(alice);
        operators.announce(ARTIFACT, address(0), FEE + 1, 60);
        mine(EPOCH);
        for (uint256 i; i < 8; ++i) {
            fulfil(by(ask(), bobKey, bob, releaseId));
        }
        assertEq(probe.answers(), 8, "bob answers all, whoever is drawn");
    }

    function test_repricingDoesNotTouchOpenRequests() public {
        Job memory job = ask();
        vm.prank(alice);
        operators.announce(ARTIFACT, address(0), 100 ether, 60);
        mine(EPOCH);
        fulfil(job);
        assertEq(probe.answers(), 1, "answered at the old price");
    }

    function testFuzz_outputAndStatus(bytes memory output, uint8 status) public {
        status = uint8(bound(status, 0, 2)); // 3 is no answer
        vm.assume(output.length <= (status == 0 ? 4096 : 256));
        IRelay.Params memory p = params();
        (p.maxOutput, p.callbackGas) = (4096, 5_000_000);
        Job memory job = ask(p);
        job.output = output;
        job.receipt.outputHash = keccak256(output);
        if (status != 0) job = fail(job, status, output);
        uint256 held = relay.quote(p);
        fulfil(job);
        assertEq(probe.lastOutput(), output, "output");
        uint256 credits = relay.balanceOf(alice, address(0)) + relay.balanceOf(address(probe), address(0));
        assertEq(credits, held, "nothing is lost");
    }
}
