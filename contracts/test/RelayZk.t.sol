// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Relay} from "../src/Relay.sol";
import {IRelay} from "../src/interfaces/IRelay.sol";
import {IZkVerifiers} from "../src/interfaces/IZkVerifiers.sol";
import {Probe} from "./utils/relay/Probe.sol";
import {ZkBase} from "./utils/relay/ZkBase.sol";
import {Trapdoor} from "./utils/zk/Trapdoor.sol";

/// @notice Requests with assurance zk: accepted, and answered by a proof.
contract RelayZkTest is ZkBase {
    using Trapdoor for Trapdoor.Key;

    address private mallory = makeAddr("mallory");

    // Asking

    function refuseAsk(IRelay.Params memory p, bytes memory error_) private {
        uint256 value = relay.quote(p);
        vm.deal(address(this), value);
        vm.expectRevert(error_);
        relay.requestByHash{value: value}(p, INPUT_HASH, SOURCE);
    }

    function test_onlyByHash() public {
        IRelay.Params memory p = zkParams();
        uint256 value = relay.quote(p);
        vm.deal(address(this), value);
        vm.expectRevert(abi.encodeWithSelector(IRelay.NotForZk.selector, bytes32("request")));
        relay.request{value: value}(p, INPUT);
    }

    function test_theKeyIsThePolicy() public {
        IRelay.Params memory p = zkParams();
        p.releases = new bytes32[](1);
        refuseAsk(p, abi.encodeWithSelector(IRelay.NotForZk.selector, bytes32("policy")));
        p = zkParams();
        p.publishers = new address[](1);
        refuseAsk(p, abi.encodeWithSelector(IRelay.NotForZk.selector, bytes32("policy")));
        p = zkParams();
        p.maxEvidenceAge = 1;
        refuseAsk(p, abi.encodeWithSelector(IRelay.NotForZk.selector, bytes32("maxEvidenceAge")));
        p = zkParams();
        p.assurance = 2;
        refuseAsk(p, abi.encodeWithSelector(IRelay.EmptyPolicy.selector));
        p.assurance = 4;
        refuseAsk(p, abi.encodeWithSelector(IRelay.EmptyPolicy.selector));
    }

    function test_whatNoProofCouldAnswerIsRefused() public {
        IRelay.Params memory p = zkParams();
        p.artifact = ARTIFACT; // announced, but no key file
        refuseAsk(p, abi.encodeWithSelector(IZkVerifiers.UnknownVerifier.selector, ARTIFACT));
        p = zkParams();
        p.maxOutput = 50;
        refuseAsk(p, abi.encodeWithSelector(IZkVerifiers.OutputLimitTooLow.selector, 50, 51));
        p = zkParams();
        uint256 value = relay.quote(p);
        vm.deal(address(this), value);
        vm.expectRevert(abi.encodeWithSelector(IZkVerifiers.InvalidInputHash.selector, Trapdoor.R));
        relay.requestByHash{value: value}(p, bytes32(Trapdoor.R), SOURCE);
    }

    function test_needsAnOffer() public {
        (bytes32 unoffered,) = zkVerifiers.register(Trapdoor.vector(3, 8, 0).fileOf());
        IRelay.Params memory p = zkParams();
        p.artifact = unoffered;
        refuseAsk(p, abi.encodeWithSelector(IRelay.UnknownArtifact.selector, unoffered, address(0)));
    }

    function test_relayNeedsVerifiers() public {
        IRelay.Parameters memory p = parameters();
        p.zkVerifiers = IZkVerifiers(mallory);
        address at_ = vm.computeCreateAddress(address(this), vm.getNonce(address(this)));
        vm.mockCall(address(operators), abi.encodeWithSignature("RELAY()"), abi.encode(at_));
        vm.expectRevert(abi.encodeWithSelector(IRelay.InvalidParameter.selector, "zkVerifiers"));
        new Relay(p);
        vm.clearMockedCalls();
    }

    // Answering

    function test_acceptedAndProven() public {
        Job memory job = askZk();
        assertEq(relay.coveredRequests(), 0, "nobody's duty");
        acceptZk(alice, job);
        assertEq(relay.coveredRequests(), 1, "a duty");
        bytes memory proof = proofOf(job);
        bytes32 receiptId = registry.hashReceipt(job.receipt);
        vm.txGasPrice(0);
        vm.expectEmit(address(relay));
        emit IRelay.Fulfilled(job.id, alice, address(0), receiptId, 0, true, FEE, 0);
        relay.fulfil(job.request, job.receipt, proof, job.output);
        assertEq(relay.balanceOf(alice, address(0)), FEE, "paid");
        assertEq(probe.lastOutput(), job.output, "called back");
        assertEq(relay.coveredRequests(), 0, "no duty any more");
        vm.expectRevert(abi.encodeWithSelector(IRelay.UnknownRequest.selector, job.id));
        relay.fulfil(job.request, job.receipt, proof, job.output);
    }

    function test_tokenFee() public {
        IRelay.Params memory p = zkParams();
        (p.feeToken, p.fee) = (address(token), 5e6);
        Job memory job = askZk(p);
        acceptZk(alice, job);
        fulfilZk(job);
        assertEq(relay.balanceOf(alice, address(token)), 5e6, "paid");
    }

    /// @notice Its profile, release and key do not matter: only offer, stake and acceptance do.
    function test_anOperatorWithoutAnEnclave() public {
        address bob = makeAddr("bob");
        hoax(bob, SLOT);
        operators.bond{value: SLOT}();
        vm.prank(bob);
        operators.declare(bytes32(uint256(1)), 3);
        announceZk(bob);
        mine(EPOCH);
        Job memory job = askZk();
        vm.warp(job.request.timestamp + WINDOW + 1);
        acceptZk(bob, job);
        fulfilZk(job);
        assertGt(relay.balanceOf(bob, address(0)), FEE, "paid");
    }

    /// @notice Who copies a proof, or makes another of it, works for who accepted.
    function test_aThiefEarnsNothing() public {
        Job memory job = askZk();
        acceptZk(alice, job);
        bytes memory stolen = proofOf(job);
        uint256 state = vm.snapshotState();
        vm.prank(mallory);
        relay.fulfil(job.request, job.receipt, stolen, job.output);
        assertGt(relay.balanceOf(alice, address(0)), FEE, "who accepted");
        assertEq(relay.balanceOf(mallory, address(0)), 0, "the thief");
        vm.revertToState(state);

        Trapdoor.Key memory key = Trapdoor.digits(1);
        bytes memory another = key.prove(INPUT_HASH, key.valuesOf(uint256(job.id)), 4242);
        assertNotEq(keccak256(another), keccak256(stolen), "another proof");
        vm.prank(mallory);
        relay.fulfil(job.request, job.receipt, another, job.output);
        assertGt(relay.balanceOf(alice, address(0)), FEE, "who accepted");
        assertEq(relay.balanceOf(mallory, address(0)), 0, "the thief");
    }

    function test_nobodyAccepted() public {
        Job memory job = askZk();
        bytes memory proof = proofOf(job);
        refuseZk(job, proof, abi.encodeWithSelector(IRelay.NotAccepted.selector, job.id));
        vm.warp(job.request.timestamp + WINDOW + 1);
        refuseZk(job, proof, abi.encodeWithSelector(IRelay.NotAccepted.selector, job.id));
    }

    function test_acceptingNeedsAnOfferAndStake() public {
        Job memory job = askZk();
        vm.warp(job.request.timestamp + WINDOW + 1);
        vm.prank(mallory);
        vm.expectRevert(abi.encodeWithSelector(IRelay.OperatorNotEligible.selector, mallory));
        relay.accept(job.request);
        (address bob,) = addBob(1); // offers the other model
        job = askZk();
        vm.warp(job.request.timestamp + WINDOW + 1);
        vm.prank(bob);
        vm.expectRevert(abi.encodeWithSelector(IRelay.OperatorNotEligible.selector, bob));
        relay.accept(job.request);
        acceptZk(alice, job);
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(IRelay.AlreadyAccepted.selector, job.id, alice));
        relay.accept(job.request);
    }

    /// @notice Others cannot answer when the acceptor's window is over, and the acceptor still can.
    function test_theAcceptorsWindowDoesNotEndItsRight() public {
        Job memory job = askZk();
        acceptZk(alice, job);
        vm.warp(job.request.params.deadline);
        vm.prank(mallory);
        relay.fulfil(job.request, job.receipt, proofOf(job), job.output);
        assertGt(relay.balanceOf(alice, address(0)), FEE, "paid");
    }

    function test_expires() public {
        Job memory job = askZk();
        acceptZk(alice, job);
        vm.warp(job.request.params.deadline + 1);
        bytes memory proof = proofOf(job);
        refuseZk(
            job, proof, abi.encodeWithSelector(IRelay.DeadlinePassed.selector, job.id, job.request.params.deadline)
        );
        uint256 deposit = relay.quote(job.request.params);
        vm.expectEmit(address(relay));
        emit IRelay.Expired(job.id, alice, PENALTY);
        relay.expire(job.request);
        assertEq(relay.balanceOf(address(probe), address(0)), deposit + COMPENSATION, "refunded and compensated");
        vm.expectRevert(abi.encodeWithSelector(IRelay.UnknownRequest.selector, job.id));
        relay.fulfil(job.request, job.receipt, proof, job.output);
    }

    function test_expiresWithoutASlashWhenNobodyAccepted() public {
        Job memory job = askZk();
        vm.warp(job.request.params.deadline + 1);
        vm.expectEmit(address(relay));
        emit IRelay.Expired(job.id, address(0), 0);
        relay.expire(job.request);
        assertEq(relay.balanceOf(address(probe), address(0)), relay.quote(job.request.params), "refunded");
    }

    /// @notice Declined while gas is dear, it can be accepted again.
    function test_declinedAndAcceptedAgain() public {
        Job memory job = askZk();
        acceptZk(alice, job);
        vm.fee(GAS_PRICE + 1);
        vm.prank(alice);
        relay.decline(job.request);
        vm.fee(1 gwei);
        assertEq(relay.coveredRequests(), 0, "no duty");
        bytes32 open = keccak256(abi.encode("by-hash", keccak256(abi.encode(job.request))));
        assertEq(relay.commitmentOf(job.id), open, "open as before");
        bytes memory proof = proofOf(job);
        refuseZk(job, proof, abi.encodeWithSelector(IRelay.NotAccepted.selector, job.id));
        acceptZk(alice, job);
        fulfilZk(job);
        assertGt(relay.balanceOf(alice, address(0)), FEE, "paid");
    }

    function test_slashedBelowThePenalty() public {
        Job memory job = askZk();
        acceptZk(alice, job);
        vm.prank(address(relay));
        operators.slash(alice, SLOT - PENALTY + 1);
        refuseZk(job, proofOf(job), abi.encodeWithSelector(IRelay.OperatorNotEligible.selector, alice));
    }

    // The receipt

    function test_everyFieldOfTheReceipt() public {
        Job memory job = askZk();
        acceptZk(alice, job);
        job.receipt.version = 2;
        mismatch(job, "version");
        job.receipt.requestId = bytes32(uint256(1));
        mismatch(job, "requestId");
        job.receipt.artifact = ARTIFACT;
        mismatch(job, "artifact");
        job.receipt.inputHash = bytes32(uint256(INPUT_HASH) + 1);
        mismatch(job, "inputHash");
        job.receipt.anchorNumber -= 1;
        mismatch(job, "anchorNumber");
        job.receipt.anchorHash = bytes32(uint256(1));
        mismatch(job, "anchorHash");
        job.receipt.usageHash = bytes32(uint256(1));
        mismatch(job, "usageHash");
        job.receipt.releaseId = bytes32(uint256(1));
        mismatch(job, "ofEnclaves");
        job.receipt.configHash = bytes32(uint256(1));
        mismatch(job, "ofEnclaves");
        job.receipt.parametersHash = bytes32(uint256(1));
        mismatch(job, "ofEnclaves");
        job.receipt.sequence = 1;
        mismatch(job, "ofEnclaves");
        job.receipt.parentsRoot = bytes32(uint256(1));
        mismatch(job, "ofEnclaves");
        job.receipt.extensionsRoot = bytes32(uint256(1));
        mismatch(job, "ofEnclaves");
        job.receipt.outputHash = bytes32(uint256(1));
        refuseZk(job, proofOf(job), abi.encodeWithSelector(IRelay.OutputMismatch.selector));
    }

    function test_noErrorIsAnAnswer() public {
        Job memory job = askZk();
        acceptZk(alice, job);
        for (uint8 status = 1; status < 4; ++status) {
            Job memory failed = fail(job, status, "an error");
            refuseZk(failed, proofOf(job), abi.encodeWithSelector(IRelay.ReceiptMismatch.selector, bytes32("status")));
            job = answerZk(job);
        }
    }

    function test_wrongProofs() public {
        Job memory job = askZk();
        Job memory other = askZk();
        acceptZk(alice, job);
        bytes memory wrong = abi.encodeWithSelector(IZkVerifiers.InvalidProof.selector);
        refuseZk(job, proofOf(other), wrong); // of another output
        Trapdoor.Key memory key = Trapdoor.digits(1);
        int256[] memory values = key.valuesOf(uint256(job.id));
        refuseZk(job, key.prove(bytes32(uint256(INPUT_HASH) + 1), values, 1), wrong);
        key.seed = 99;
        refuseZk(job, key.prove(INPUT_HASH, values, 1), wrong);
        refuseZk(job, sign(job), abi.encodeWithSelector(IZkVerifiers.WrongProofSize.selector, 65));
        refuseZk(job, new bytes(100_000), abi.encodeWithSelector(IZkVerifiers.WrongProofSize.selector, 100_000));
        job.output[50] ^= 0x01;
        job.receipt.outputHash = keccak256(job.output);
        refuseZk(job, proofOf(job), abi.encodeWithSelector(IZkVerifiers.ValueOutOfRange.selector, 9));
    }

    /// @notice A proof that an enclave's request is given is no signature, and an enclave's signature no proof.
    function test_assurancesDoNotMix() public {
        Job memory tee_ = ask();
        bytes memory proof = proofOf(tee_);
        vm.expectRevert();
        relay.fulfil(tee_.request, tee_.receipt, proof, tee_.output);
        fulfil(tee_);
    }

    function test_tooLittleGasIsNotAWrongProof() public {
        Job memory job = askZk();
        acceptZk(alice, job);
        bytes memory proof = proofOf(job);
        for (uint256 gas_ = 40_000; gas_ < 900_000; gas_ += 20_000) {
            try relay.fulfil{gas: gas_}(job.request, job.receipt, proof, job.output) {
                assertGt(probe.gasSeen(), 290_000, "the callback has its gas");
                return;
            } catch (bytes memory error_) {
                assertTrue(bytes4(error_) != IZkVerifiers.InvalidProof.selector, "not called wrong");
            }
        }
        fail("never enough");
    }

    function test_reentry() public {
        Job memory job = askZk();
        acceptZk(alice, job);
        bytes memory proof = proofOf(job);
        probe.misbehave(
            Probe.Mode.CallRelay, abi.encodeCall(relay.fulfil, (job.request, job.receipt, proof, job.output))
        );
        relay.fulfil(job.request, job.receipt, proof, job.output);
        assertFalse(probe.callOk(), "no second answer");
        assertEq(probe.answers(), 1, "once");
    }

    // Gas

    /// @notice Never a profit, and at most a twentieth is not covered: of one signal and of the most there can be.
    function test_metering() public {
        vm.txGasPrice(1 gwei);
        Job memory job = askZk();
        acceptZk(alice, job);
        checkMeter(job, proofOf(job));

        Trapdoor.Key memory key = Trapdoor.vector(16 * 7, 32, type(int32).min);
        (bytes32 artifact,) = zkVerifiers.register(key.fileOf());
        vm.prank(alice);
        operators.announce(artifact, address(0), FEE, 60);
        mine(EPOCH);
        IRelay.Params memory p = zkParams();
        (p.artifact, p.maxOutput, p.callbackGas) = (artifact, 512, 500_000);
        job = askZk(p);
        acceptZk(alice, job);
        int256[] memory values = key.valuesOf(5);
        job.output = key.tensor(values);
        job.receipt = zkReceipt(job);
        checkMeter(job, key.prove(INPUT_HASH, values, 5));
    }

    /// @notice The deposit holds for the most signals, a callback that burns all its gas, and the cap as price.
    function test_theDepositSuffices() public {
        checkDeposit(Trapdoor.vector(16 * 7, 32, type(int32).min));
    }

    /// @notice And for as many values as there can be in them.
    function test_theDepositSufficesForManyValues() public {
        checkDeposit(Trapdoor.vector(1008, 4, -8));
    }

    function checkDeposit(Trapdoor.Key memory key) private {
        (bytes32 artifact,) = zkVerifiers.register(key.fileOf());
        vm.prank(alice);
        operators.announce(artifact, address(0), FEE, 60);
        mine(EPOCH);
        IRelay.Params memory p = zkParams();
        (p.artifact, p.maxOutput, p.callbackGas) = (artifact, uint32(7 + 4 * key.countOf()), 30_000);
        Job memory job = askZk(p);
        acceptZk(alice, job);
        int256[] memory values = key.valuesOf(5);
        job.output = key.tensor(values);
        job.receipt = zkReceipt(job);
        probe.misbehave(Probe.Mode.Burn, "");
        vm.txGasPrice(GAS_PRICE);
        bytes memory proof = key.prove(INPUT_HASH, values, 5);
        uint256 spent = costOf(abi.encodeCall(relay.fulfil, (job.request, job.receipt, proof, job.output)));
        uint256 paid = (relay.balanceOf(alice, address(0)) - FEE) / GAS_PRICE;
        assertLe(paid, spent, "no profit");
        assertGe(paid, spent * 95 / 100, "the deposit was enough");
        assertLt(paid * GAS_PRICE + FEE, relay.quote(p), "and more than enough");
    }

    function checkMeter(Job memory job, bytes memory proof) private {
        uint256 before = relay.balanceOf(alice, address(0));
        uint256 spent = costOf(abi.encodeCall(relay.fulfil, (job.request, job.receipt, proof, job.output)));
        uint256 paid = (relay.balanceOf(alice, address(0)) - before - FEE) / 1 gwei;
        assertLe(paid, spent, "no profit");
        assertGe(paid, spent * 95 / 100, "little is not covered");
    }

    /// @dev As a transaction: intrinsic gas, calldata, cold accounts, less the refund for what is cleared.
    function costOf(bytes memory data) private returns (uint256 gas) {
        address verifier = zkVerifiers.verifierOf(zkArtifact);
        vm.cool(address(relay));
        vm.cool(address(operators));
        vm.cool(address(zkVerifiers));
        vm.cool(verifier);
        vm.cool(address(probe));
        (bool ok,) = address(relay).call(data);
        assertTrue(ok, "answered");
        gas = 21_000 + vm.lastCallGas().gasTotalUsed - 9_600;
        for (uint256 i; i < data.length; ++i) {
            gas += data[i] == 0 ? 4 : 16;
        }
    }

    // Helpers

    /// @dev Expects the mismatch, then makes the receipt whole again.
    function mismatch(Job memory job, bytes32 field) private {
        bytes memory proof = proofOf(job);
        refuseZk(job, proof, abi.encodeWithSelector(IRelay.ReceiptMismatch.selector, field));
        job.receipt = zkReceipt(job);
    }
}
