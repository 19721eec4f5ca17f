// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IEnclaveRegistry, Receipt} from "../src/interfaces/IEnclaveRegistry.sol";
import {IEvidenceVerifier} from "../src/interfaces/IEvidenceVerifier.sol";
import {IReleases} from "../src/interfaces/IReleases.sol";
import {VerifierEnclave} from "../src/attest/VerifierEnclave.sol";
import {VerifierEnclaveFixture} from "./utils/VerifierEnclaveFixture.sol";
import {Vm} from "./utils/Vm.sol";

/// @notice Statements of two verifier enclaves: what they register, and what is refused, one cause a test.
contract VerifierEnclaveTest is VerifierEnclaveFixture {
    function test_isAddedAsTheVerifierOfItsKind() public view {
        assertEq(address(registry.verifierOf(TDX)), address(quorum), "the registry's verifier of tdx");
        assertEq(quorum.kind(), TDX, "kind");
        assertEq(quorum.assurance(), 2, "assurance");
        assertEq(address(quorum.REGISTRY()), address(registry), "registry");
        assertEq(quorum.POLICY(), POLICY, "policy");
        assertEq(quorum.EVIDENCE_SIZE(), 1_314, "size");
    }

    function test_vouchesForNoKindThatAContractVerifies() public {
        uint8[4] memory others = [0, 1, 2, 7];
        for (uint256 i = 0; i < others.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(VerifierEnclave.UnsupportedKind.selector, others[i]));
            new VerifierEnclave(registry, others[i], POLICY, owner);
        }
    }

    function test_verifiesWhatTwoEnclavesState() public view {
        IEvidenceVerifier.Attestation memory attestation = quorum.verify(evidence(), "");
        assertEq(attestation.measurement, MEASUREMENT, "measurement");
        assertEq(attestation.userData, userData(), "user data");
        assertEq(attestation.nonce, ANCHOR_HASH, "nonce");
        assertEq(attestation.timestamp, NOW - 60, "time");
    }

    // Registration

    function test_registersAKeyOfATeeWithoutVerifierOnChain() public {
        register();
        IEnclaveRegistry.Key memory key = registry.keyOf(identity.receiptKey, config.releaseId, hashOf(config));
        assertEq(key.operator, config.operator, "operator");
        assertEq(key.kind, TDX, "kind");
        assertEq(key.assurance, 2, "assurance");
        assertEq(key.evidenceTime, NOW - 60, "evidence time");
    }

    function test_aStatementRegistersNoOtherKeyAndNothingTwice() public {
        bytes memory evidence_ = evidence();
        register();
        vm.expectRevert(abi.encodeWithSelector(IEnclaveRegistry.KeyAlreadyRegistered.selector, identity.receiptKey));
        registry.register(TDX, evidence_, "", identity, config, ANCHOR);

        identity.receiptKey = makeAddr("another key");
        vm.expectPartialRevert(IEnclaveRegistry.UserDataMismatch.selector);
        registry.register(TDX, evidence_, "", identity, config, ANCHOR);
        vm.setBlockhash(ANCHOR - 1, keccak256("another block"));
        vm.expectPartialRevert(IEnclaveRegistry.NonceMismatch.selector);
        registry.register(TDX, evidence_, "", identity, config, ANCHOR - 1);
    }

    function test_theMeasurementIsListedForTheKind() public {
        statement.measurement = keccak256("another image");
        bytes memory evidence_ = evidence();
        vm.expectRevert(
            abi.encodeWithSelector(
                IEnclaveRegistry.MeasurementNotListed.selector, config.releaseId, TDX, statement.measurement
            )
        );
        registry.register(TDX, evidence_, "", identity, config, ANCHOR);
    }

    /// @dev A GPU's user data is zero, and its kind has no listed measurement: not even a statement with both.
    function test_noGpuRegistersAKey() public {
        VerifierEnclave gpus = new VerifierEnclave(registry, NVIDIA, POLICY, owner);
        accept(gpus);
        vm.prank(owner);
        registry.addVerifier(gpus);
        statement.kind = NVIDIA;
        bytes memory bound = evidence();
        statement.userData = 0;
        bytes memory unbound = evidence();
        gpus.verify(unbound, "");
        vm.expectRevert(abi.encodeWithSelector(IEnclaveRegistry.UserDataMismatch.selector, userData(), bytes32(0)));
        registry.register(NVIDIA, unbound, "", identity, config, ANCHOR);
        vm.expectPartialRevert(IEnclaveRegistry.MeasurementNotListed.selector);
        registry.register(NVIDIA, bound, "", identity, config, ANCHOR);
        IReleases.Measurement[] memory measurements = new IReleases.Measurement[](1);
        measurements[0] = IReleases.Measurement(NVIDIA, MEASUREMENT);
        vm.prank(publisher);
        vm.expectRevert(abi.encodeWithSelector(IReleases.InvalidMeasurement.selector, NVIDIA, MEASUREMENT));
        releases.measure(config.releaseId, measurements);
    }

    // The statement

    function test_refusesHints() public {
        bytes memory evidence_ = evidence();
        vm.expectRevert(VerifierEnclave.HintsNotUsed.selector);
        quorum.verify(evidence_, hex"00");
    }

    function test_refusesOtherSizes() public view {
        bytes memory whole = evidence();
        bytes[5] memory others = [
            bytes(""),
            abi.encode(statement),
            bytes.concat(whole, hex"00"),
            bytes.concat(whole, new bytes(545)),
            bytes.concat(abi.encode(statement), signed(first))
        ];
        for (uint256 i = 0; i < others.length; ++i) {
            refuse(others[i], abi.encodeWithSelector(VerifierEnclave.EvidenceLength.selector, others[i].length, 1_314));
        }
    }

    function test_refusesOtherVersions() public {
        statement.version = 2;
        refuse(abi.encodeWithSelector(VerifierEnclave.UnsupportedStatement.selector, 2));
        statement.version = (1 << 16) + 1;
        refuse(abi.encodeWithSelector(VerifierEnclave.UnsupportedStatement.selector, (1 << 16) + 1));
    }

    function test_refusesStatementsOfOtherKinds() public {
        uint256[6] memory kinds = [uint256(0), 1, 2, 4, 5, (1 << 8) + TDX];
        for (uint256 i = 0; i < kinds.length; ++i) {
            statement.kind = kinds[i];
            refuse(abi.encodeWithSelector(VerifierEnclave.WrongKind.selector, kinds[i]));
        }
    }

    function testFuzz_timeIsNotAheadAndAtMostAnHourBehind(uint256 time) public {
        if (time % 4 != 0) time = bound(time, NOW - 2 hours, NOW + 2 hours);
        statement.time = time;
        if (time > NOW) refuse(abi.encodeWithSelector(VerifierEnclave.StatementFromFuture.selector, time));
        else if (time < NOW - 1 hours) refuse(abi.encodeWithSelector(VerifierEnclave.StatementTooOld.selector, time));
        else assertEq(quorum.verify(evidence(), "").timestamp, time, "time");
    }

    function test_timeAtItsEdges() public {
        statement.time = NOW;
        quorum.verify(evidence(), "");
        statement.time = NOW - 1 hours;
        bytes memory oldest = evidence();
        quorum.verify(oldest, "");
        vm.warp(NOW + 1);
        refuse(oldest, abi.encodeWithSelector(VerifierEnclave.StatementTooOld.selector, NOW - 1 hours));
    }

    // The receipts

    function test_refusesAnotherPolicy() public {
        second.receipt.artifact = keccak256("a policy that accepts debug mode");
        refuse(abi.encodeWithSelector(VerifierEnclave.OtherPolicy.selector, second.receipt.artifact));
    }

    function test_refusesVerdictsThatAreNotOk() public {
        for (uint8 status = 1; status < 4; ++status) {
            second.receipt.status = status;
            refuse(abi.encodeWithSelector(VerifierEnclave.NotOk.selector, status));
        }
    }

    function test_refusesTwoDifferentStatements() public {
        bytes32 stated = keccak256(abi.encode(statement));
        bytes memory one = signed(first);
        statement.measurement = keccak256("another image");
        bytes memory evidence_ = bytes.concat(abi.encode(statement), one, signed(second));
        refuse(
            evidence_,
            abi.encodeWithSelector(VerifierEnclave.OtherStatement.selector, stated, keccak256(abi.encode(statement)))
        );
    }

    function test_refusesDirtyNumbersInReceipts() public view {
        bytes memory evidence_ = evidence();
        uint8[4] memory numbers = [0, 9, 10, 11];
        for (uint256 i = 0; i < numbers.length; ++i) {
            uint256 offset = 224 + 32 * uint256(numbers[i]);
            evidence_[offset] = 0x01;
            refuse(evidence_, "");
            evidence_[offset] = 0x00;
        }
        quorum.verify(evidence_, "");
    }

    // Who signs

    function test_oneEnclaveIsNotTwo() public {
        bytes memory one = signed(first);
        bytes memory twice = bytes.concat(abi.encode(statement), one, one);
        refuse(twice, abi.encodeWithSelector(VerifierEnclave.KeysNotRising.selector, first.key, first.key));
        first.receipt.sequence += 1;
        first.receipt.requestId = keccak256("another request");
        bytes memory again = bytes.concat(abi.encode(statement), one, signed(first));
        refuse(again, abi.encodeWithSelector(VerifierEnclave.KeysNotRising.selector, first.key, first.key));
    }

    function test_theOrderOfKeysIsOne() public view {
        bytes memory swapped = bytes.concat(abi.encode(statement), signed(second), signed(first));
        refuse(swapped, abi.encodeWithSelector(VerifierEnclave.KeysNotRising.selector, second.key, first.key));
    }

    function test_oneOperatorIsNotTwo() public {
        place(first, enclave("another enclave", first.operator, NITRO));
        refuse(abi.encodeWithSelector(VerifierEnclave.SameOperator.selector, first.operator));
    }

    function test_operatorsThatTheOwnerDoesNotNameDoNotCount() public {
        address stranger = makeAddr("stranger");
        place(first, enclave("a stranger's enclave", stranger, NITRO));
        refuse(abi.encodeWithSelector(VerifierEnclave.OperatorNotAccepted.selector, stranger));
        vm.prank(owner);
        quorum.acceptOperator(stranger);
        quorum.verify(evidence(), "");
    }

    /// @dev Whom an enclave answers for is its host's word, and anyone may register it: one machine could be all operators.
    function test_enclavesThatAStrangerStartedInAnOperatorsNameDoNotCount() public {
        Enclave memory one = start("a stranger's, as one", first.operator, NITRO);
        place(one, start("a stranger's, as two", second.operator, NITRO));
        refuse(abi.encodeWithSelector(VerifierEnclave.KeyNotClaimed.selector, first.key, first.operator));
        quorum.claimKey(first.key);
        refuse(abi.encodeWithSelector(VerifierEnclave.KeyNotClaimed.selector, first.key, first.operator));
        vm.prank(second.operator);
        quorum.claimKey(first.key);
        refuse(abi.encodeWithSelector(VerifierEnclave.KeyNotClaimed.selector, first.key, first.operator));
        vm.prank(first.operator);
        quorum.claimKey(first.key);
        refuse(abi.encodeWithSelector(VerifierEnclave.KeyNotClaimed.selector, second.key, second.operator));
        vm.prank(second.operator);
        quorum.claimKey(second.key);
        quorum.verify(evidence(), "");
    }

    function test_simulatedEnclavesNeverCount() public {
        Enclave memory simulated = enclave("simulated", second.operator, SIMULATED);
        place(first, simulated);
        refuse(abi.encodeWithSelector(VerifierEnclave.NotNitro.selector, simulated.key, SIMULATED, 1));
    }

    /// @dev This registry has no such key; one that had would not have it counted for more than it is.
    function test_noKeyOfLesserAssuranceCounts() public {
        IEnclaveRegistry.Key memory key = registry.keyOf(first.key, releaseId, first.receipt.configHash);
        key.assurance = 1;
        bytes memory evidence_ = evidence();
        vm.mockCall(
            address(registry),
            abi.encodeWithSelector(IEnclaveRegistry.checkReceipt.selector),
            abi.encode(first.key, key)
        );
        refuse(evidence_, abi.encodeWithSelector(VerifierEnclave.NotNitro.selector, first.key, NITRO, 1));
        vm.clearMockedCalls();
        quorum.verify(evidence_, "");
    }

    /// @dev A key that this contract vouched for is of its own kind.
    function test_noEnclaveVouchesInACircle() public {
        (address vouched, uint256 privateKey) = makeKey("a td");
        identity.receiptKey = vouched;
        config.operator = second.operator;
        statement.userData = userData();
        register();
        place(first, Enclave(vouched, privateKey, second.operator, receiptOf(config)));
        refuse(abi.encodeWithSelector(VerifierEnclave.NotNitro.selector, vouched, TDX, 2));
    }

    function test_removedReleasesAndOperatorsDoNotCount() public {
        vm.startPrank(owner);
        quorum.removeRelease(releaseId);
        vm.stopPrank();
        refuse(abi.encodeWithSelector(VerifierEnclave.ReleaseNotAccepted.selector, releaseId));
        vm.startPrank(owner);
        quorum.acceptRelease(releaseId);
        quorum.removeOperator(second.operator);
        vm.stopPrank();
        refuse(abi.encodeWithSelector(VerifierEnclave.OperatorNotAccepted.selector, second.operator));
    }

    function test_keysThatTheRegistryRefusesDoNotCount() public {
        bytes memory evidence_ = evidence();
        uint256 before = vm.snapshotState();
        vm.prank(second.operator);
        registry.revokeKey(second.key, releaseId, second.receipt.configHash);
        refuse(evidence_, abi.encodeWithSelector(IEnclaveRegistry.RevokedKey.selector, second.key));

        vm.revertToState(before);
        vm.prank(publisher);
        releases.revoke(releaseId);
        refuse(evidence_, abi.encodeWithSelector(IEnclaveRegistry.ReceiptReleaseRevoked.selector, releaseId));

        vm.revertToState(before);
        vm.warp(NOW + LIFETIME);
        statement.time = NOW + LIFETIME;
        refuse(abi.encodeWithSelector(IEnclaveRegistry.ExpiredKey.selector, first.key, NOW + LIFETIME));
    }

    function test_keysThatAreNotRegisteredDoNotCount() public {
        Enclave memory unknown = second;
        (unknown.key, unknown.privateKey) = makeKey("unknown");
        place(first, unknown);
        bytes memory error_ = abi.encodeWithSelector(
            IEnclaveRegistry.UnknownKey.selector, unknown.key, releaseId, unknown.receipt.configHash
        );
        refuse(error_);
    }

    // Every byte

    function test_noByteOfTheEvidenceCanBeAnother() public view {
        bytes memory evidence_ = evidence();
        for (uint256 i = 0; i < evidence_.length; ++i) {
            evidence_[i] ^= 0x01;
            assertFalse(accepts(evidence_), vm.toString(i));
            evidence_[i] ^= 0x01;
        }
        assertTrue(accepts(evidence_), "the evidence itself");
    }

    function testFuzz_noFieldCanBeAnother(uint256 index, bytes32 value) public view {
        bytes memory evidence_ = evidence();
        index = bound(index, 0, 36);
        // Words of the statement, then of the receipts; each receipt is followed by 65 bytes of signature.
        uint256 offset = 32 * index + (index >= 22 ? 65 : 0);
        bytes32 old;
        assembly {
            let word := add(add(evidence_, 32), offset)
            old := mload(word)
            mstore(word, value)
        }
        assertEq(accepts(evidence_), value == old, vm.toString(index));
    }

    // The owner

    function test_onlyTheOwnerNamesWhoCounts() public {
        bytes[4] memory calls = [
            abi.encodeCall(quorum.acceptRelease, (releaseId)),
            abi.encodeCall(quorum.removeRelease, (releaseId)),
            abi.encodeCall(quorum.acceptOperator, (address(1))),
            abi.encodeCall(quorum.removeOperator, (address(1)))
        ];
        for (uint256 i = 0; i < calls.length; ++i) {
            (bool ok, bytes memory error_) = address(quorum).call(calls[i]);
            assertFalse(ok, "anybody");
            assertEq(error_, abi.encodeWithSelector(VerifierEnclave.NotOwner.selector, address(this)), "the error");
        }
    }

    function test_everyChangeIsAnEvent() public {
        vm.startPrank(owner);
        vm.expectEmit(address(quorum));
        emit VerifierEnclave.ReleaseAccepted(releaseId);
        quorum.acceptRelease(releaseId);
        vm.expectEmit(address(quorum));
        emit VerifierEnclave.ReleaseRemoved(releaseId);
        quorum.removeRelease(releaseId);
        vm.expectEmit(address(quorum));
        emit VerifierEnclave.OperatorAccepted(address(7));
        quorum.acceptOperator(address(7));
        assertTrue(quorum.acceptsOperator(address(7)), "accepted");
        vm.expectEmit(address(quorum));
        emit VerifierEnclave.OperatorRemoved(address(7));
        quorum.removeOperator(address(7));
        assertFalse(quorum.acceptsOperator(address(7)), "removed");
        vm.stopPrank();
        vm.expectEmit(address(quorum));
        emit VerifierEnclave.KeyClaimed(address(this), address(8));
        quorum.claimKey(address(8));
        assertTrue(quorum.isClaimed(address(this), address(8)), "claimed");
    }

    // Vectors

    /// @dev Statements of ../vectors/statements, signed by this test's enclaves.
    function test_vectors() public {
        Vm.DirEntry[] memory entries = vm.readDir("../vectors/statements");
        uint256 read;
        for (uint256 i = 0; i < entries.length; ++i) {
            if (vm.indexOf(entries[i].path, ".json") == type(uint256).max) continue;
            string memory vector = vm.readFile(entries[i].path);
            if (!vm.keyExistsJson(vector, ".statement")) continue;
            ++read;
            if (vm.keyExistsJson(vector, ".revert")) _checkInvalid(vector, entries[i].path);
            else _checkValid(vector, entries[i].path);
        }
        assertEq(read, 14, "four statements, and ten that are none");
    }

    function _checkValid(string memory vector, string memory name) private {
        uint256 time = vm.parseJsonUint(vector, ".time");
        VerifierEnclave verifier = _verifierAt(vector, time);
        bytes memory stated = vm.parseJsonBytes(vector, ".statement");
        assertEq(keccak256(stated), vm.parseJsonBytes32(vector, ".hash"), name);
        IEvidenceVerifier.Attestation memory attestation = verifier.verify(evidence(stated), "");
        assertEq(attestation.measurement, vm.parseJsonBytes32(vector, ".measurement"), name);
        assertEq(attestation.userData, vm.parseJsonBytes32(vector, ".userData"), name);
        assertEq(attestation.nonce, vm.parseJsonBytes32(vector, ".nonce"), name);
        assertEq(attestation.timestamp, time, name);
    }

    function _checkInvalid(string memory vector, string memory name) private {
        VerifierEnclave verifier = _verifierAt(vector, 1_790_000_000);
        bytes memory evidence_ = evidence(vm.parseJsonBytes(vector, ".statement"));
        try verifier.verify(evidence_, "") {
            fail(string.concat(name, ": accepted"));
        } catch (bytes memory error_) {
            string memory wanted = vm.parseJsonString(vector, ".revert");
            string memory arguments =
                keccak256(bytes(wanted)) == keccak256("EvidenceLength") ? "(uint256,uint256)" : "(uint256)";
            assertEq(bytes4(error_), bytes4(keccak256(bytes(string.concat(wanted, arguments)))), name);
        }
    }

    /// @dev For the vector's kind; the enclaves sign in the registry's domain, so that their keys stay usable.
    function _verifierAt(string memory vector, uint256 time) private returns (VerifierEnclave verifier) {
        vm.warp(time);
        uint8 kind = uint8(vm.parseJsonUint(vector, ".kind"));
        verifier = new VerifierEnclave(registry, kind, POLICY, owner);
        accept(verifier);
    }
}
