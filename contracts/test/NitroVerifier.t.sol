// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {NitroCertificates} from "../src/attest/NitroCertificates.sol";
import {NitroVerifier} from "../src/attest/NitroVerifier.sol";
import {IEnclaveRegistry} from "../src/interfaces/IEnclaveRegistry.sol";
import {IEvidenceVerifier} from "../src/interfaces/IEvidenceVerifier.sol";
import {IP384} from "../src/interfaces/IP384.sol";
import {ISha384} from "../src/interfaces/ISha384.sol";
import {X509} from "../src/libraries/X509.sol";
import {NitroFixture} from "./utils/NitroFixture.sol";

contract SignedPart {
    function hashOf(bytes calldata der) external pure returns (bytes32) {
        return keccak256(X509.signedPart(der));
    }
}

/// @notice Certificates that are kept, hints, revocation and registration. What makes evidence wrong by itself is in
/// nitroDifferential.test.ts.
contract NitroVerifierTest is NitroFixture {
    uint256 internal constant MIDSTATE = 64;
    uint256 internal constant ZONAL = 2;

    /// @dev Of the leaf: 3 seconds before the document to 3 hours after it.
    uint256 internal constant LIFE = 10_800;

    SignedPart internal signedPart = new SignedPart();

    // What is deployed

    function test_kindAssuranceRootOwner() public view {
        assertEq(uint256(verifier.kind()), 2, "kind");
        assertEq(uint256(verifier.assurance()), 2, "assurance");
        assertEq(verifier.ROOT(), sha256(chain[0]), "root");
        assertEq(verifier.OWNER(), owner, "owner");
    }

    function test_refusesToBeDeployedWithoutTheContractsThatCompute() public {
        bytes32 root = verifier.ROOT();
        address nobody = makeAddr("no code");
        vm.expectRevert(abi.encodeWithSelector(NitroCertificates.NoCode.selector, nobody));
        new NitroVerifier(root, owner, IP384(nobody), hasher);
        vm.expectRevert(abi.encodeWithSelector(NitroCertificates.NoCode.selector, nobody));
        new NitroVerifier(root, owner, p384, ISha384(nobody));
    }

    // Registration

    function test_registersWithAColdChainInOneTransaction() public {
        for (uint256 i = 1; i < CERTIFICATES; ++i) {
            vm.expectEmit(address(verifier));
            emit NitroCertificates.CertificateCached(_id(i), _id(i - 1), _notAfter(i));
        }
        _register(0);
        _expectRegistered(true);
        _expectCached(CERTIFICATES);
    }

    function test_registersAfterCachingInSeveralTransactions() public {
        for (uint256 i = 1; i < CERTIFICATES; ++i) {
            assertEq(verifier.cacheCertificates(_chain(i + 1), _hints(i - 1, i)), _id(i), "id");
            _expectCached(i + 1);
        }
        _register(CERTIFICATES - 1);
        _expectRegistered(true);
    }

    function test_tellsWhatTheDocumentSays() public {
        IEvidenceVerifier.Attestation memory attestation = verifier.verify(evidence, _hints(0, CERTIFICATES));
        assertEq(attestation.measurement, _word(".measurement"), "measurement");
        assertEq(attestation.userData, _word(".userData"), "user data");
        assertEq(attestation.nonce, _word(".anchor.hash"), "nonce");
        assertEq(uint256(attestation.timestamp), vm.parseJsonUint(vector, ".time"), "time");
    }

    function test_refusesAReplayedRegistration() public {
        _register(0);
        bytes memory all = _hints(CERTIFICATES - 1, CERTIFICATES);
        vm.expectRevert(abi.encodeWithSelector(IEnclaveRegistry.KeyAlreadyRegistered.selector, identity.receiptKey));
        registry.register(KIND, evidence, all, identity, config, anchor);
    }

    function test_refusesUserDataThatDoesNotBindTheKey() public {
        identity.receiptKey = makeAddr("another key");
        bytes memory all = _hints(0, CERTIFICATES);
        vm.expectPartialRevert(IEnclaveRegistry.UserDataMismatch.selector);
        registry.register(KIND, evidence, all, identity, config, anchor);
        _expectNothingKept();
    }

    // Hints

    function test_doesNotLookAtHintsOfKeptCertificates() public {
        verifier.cacheCertificates(_chain(CERTIFICATES), _hints(0, CERTIFICATES - 1));
        for (uint256 i = 0; i < CERTIFICATES - 1; ++i) {
            hints[i] = i % 2 == 0 ? bytes("") : bytes(hex"1234");
        }
        _register(0);
        _expectRegistered(true);
    }

    function test_cachingTwiceIsNoError() public {
        verifier.cacheCertificates(_chain(3), _hints(0, 2));
        assertEq(verifier.cacheCertificates(_chain(3), _hints(2, 2)), _id(2), "id");
        assertEq(verifier.cacheCertificates(_chain(2), _hints(1, 1)), _id(1), "id of one above");
    }

    function test_refusesACertificateWithoutAHint() public {
        for (uint256 i = 0; i < CERTIFICATES - 1; ++i) {
            bytes memory hint = hints[i];
            hints[i] = "";
            _refuse(abi.encodeWithSelector(NitroCertificates.CertificateNotCached.selector, i + 1, _id(i + 1)));
            hints[i] = hint;
        }
        hints[CERTIFICATES - 1] = "";
        _refuse(abi.encodeWithSelector(NitroVerifier.DocumentHintMissing.selector));
    }

    function test_refusesHintsOfAnotherCount() public {
        bytes memory all = bytes.concat(_hints(0, CERTIFICATES), hex"0000");
        _refuseBytes(all, abi.encodeWithSelector(NitroCertificates.HintsTrailing.selector, 2));
        all = _hints(0, CERTIFICATES - 1);
        _refuseBytes(all, abi.encodeWithSelector(NitroCertificates.HintTruncated.selector, all.length));
        _refuseBytes("", abi.encodeWithSelector(NitroCertificates.HintTruncated.selector, 0));
        _refuseBytes(hex"00", abi.encodeWithSelector(NitroCertificates.HintTruncated.selector, 0));
    }

    function test_refusesHintsCutShort() public {
        bytes memory all = _hints(0, CERTIFICATES);
        uint256 last = _hints(0, CERTIFICATES - 1).length;
        assembly ("memory-safe") {
            mstore(all, sub(mload(all), 1))
        }
        _refuseBytes(all, abi.encodeWithSelector(NitroCertificates.HintTruncated.selector, last));
    }

    function test_refusesHintsOfOtherSizes() public {
        for (uint256 i = 0; i < CERTIFICATES; ++i) {
            bytes memory hint = hints[i];
            hints[i] = _firstOf(hint, MIDSTATE - 1);
            _refuse(abi.encodeWithSelector(NitroCertificates.HintTooShort.selector, MIDSTATE - 1));
            hints[i] = _firstOf(hint, MIDSTATE);
            _refuseAny();
            hints[i] = _firstOf(hint, hint.length - 1);
            _refuseAny();
            hints[i] = bytes.concat(hint, hex"00");
            _refuseAny();
            hints[i] = hint;
        }
    }

    function test_refusesHintsInAnotherOrder() public {
        for (uint256 i = 0; i + 1 < CERTIFICATES; ++i) {
            (bytes memory first, bytes memory second) = (hints[i], hints[i + 1]);
            (hints[i], hints[i + 1]) = (second, first);
            _refuseAny();
            (hints[i], hints[i + 1]) = (first, second);
        }
    }

    /// @dev Of a hint each bit matters: docs/p384-soundness.md. Here, that neither part of it is passed over.
    function test_refusesFlippedHints() public {
        for (uint256 i = 0; i < CERTIFICATES; ++i) {
            bytes memory hint = hints[i];
            for (uint256 place = 0; place < hint.length; place += 1 + hint.length / 8) {
                hint[place] ^= 0x01;
                hints[i] = hint;
                _refuseAny();
                hint[place] ^= 0x01;
            }
            hints[i] = hint;
        }
        _register(0);
    }

    // Documents

    function test_refusesTooLargeEvidence() public {
        bytes memory all = _hints(0, CERTIFICATES);
        vm.expectRevert(abi.encodeWithSelector(NitroVerifier.EvidenceTooLarge.selector, 16_513));
        verifier.verify(new bytes(16_513), all);
    }

    function test_refusesTruncatedDocuments() public {
        verifier.cacheCertificates(_chain(CERTIFICATES), _hints(0, CERTIFICATES - 1));
        bytes memory all = _hints(CERTIFICATES - 1, CERTIFICATES);
        bytes memory document = evidence;
        for (uint256 size = document.length - 1; size > 64; size -= 61) {
            assembly ("memory-safe") {
                mstore(document, size)
            }
            assertFalse(_accepts(document, all), "a truncated document is accepted");
        }
    }

    function test_refusesFlippedDocuments() public {
        verifier.cacheCertificates(_chain(CERTIFICATES), _hints(0, CERTIFICATES - 1));
        bytes memory all = _hints(CERTIFICATES - 1, CERTIFICATES);
        bytes memory document = evidence;
        for (uint256 i = 0; i < document.length; i += 37) {
            document[i] ^= bytes1(uint8(1 << (i % 8)));
            assertFalse(_accepts(document, all), "a flipped document is accepted");
            document[i] ^= bytes1(uint8(1 << (i % 8)));
        }
        assertTrue(_accepts(document, all), "the document itself");
    }

    function test_refusesAnotherRoot() public {
        bytes32 other = keccak256("another root");
        verifier = new NitroVerifier(other, owner, p384, hasher);
        bytes memory all = _hints(0, CERTIFICATES);
        bytes memory error_ = abi.encodeWithSelector(NitroCertificates.WrongRoot.selector, other, sha256(chain[0]));
        vm.expectRevert(error_);
        verifier.verify(evidence, all);
        bytes[] memory part = _chain(2);
        vm.expectRevert(error_);
        verifier.cacheCertificates(part, all);
    }

    // Time

    function test_wantsEveryCertificateToBeValidNow() public {
        uint256 time = block.timestamp;
        for (uint256 kept = 0; kept < CERTIFICATES; kept += CERTIFICATES - 1) {
            if (kept > 0) verifier.cacheCertificates(_chain(CERTIFICATES), _hints(0, CERTIFICATES - 1));
            bytes memory all = _hints(kept, CERTIFICATES);
            _refuseAt(time - 4, all, NitroCertificates.CertificateNotYetValid.selector, time - 3);
            _refuseAt(time + LIFE + 1, all, NitroCertificates.CertificateExpired.selector, time + LIFE);
            uint256 snapshot = vm.snapshotState();
            vm.warp(time - 3);
            verifier.verify(evidence, all);
            vm.warp(time + LIFE);
            verifier.verify(evidence, _hints(CERTIFICATES - 1, CERTIFICATES));
            vm.revertToState(snapshot);
        }
    }

    function test_keepsNoCertificateThatIsNotValidNow() public {
        vm.warp(block.timestamp + 1 days + 1);
        bytes[] memory part = _chain(4);
        bytes memory all = _hints(0, 3);
        vm.expectRevert(
            abi.encodeWithSelector(NitroCertificates.CertificateExpired.selector, block.timestamp - 1, block.timestamp)
        );
        verifier.cacheCertificates(part, all);
        verifier.cacheCertificates(_chain(3), _hints(0, 2));
    }

    // Chains

    function test_refusesChainsOfOtherSizes() public {
        bytes[] memory part = _chain(1);
        vm.expectRevert(abi.encodeWithSelector(NitroCertificates.ChainLength.selector, 1));
        verifier.cacheCertificates(part, "");
        part = new bytes[](10);
        vm.expectRevert(abi.encodeWithSelector(NitroCertificates.ChainLength.selector, 10));
        verifier.cacheCertificates(part, "");
        part = _chain(2);
        part[1] = "";
        vm.expectRevert(abi.encodeWithSelector(NitroCertificates.CertificateSize.selector, 1, 0));
        verifier.cacheCertificates(part, "");
        part[1] = new bytes(1025);
        vm.expectRevert(abi.encodeWithSelector(NitroCertificates.CertificateSize.selector, 1, 1025));
        verifier.cacheCertificates(part, "");
    }

    function test_refusesTrailingHintsOfAChain() public {
        bytes[] memory part = _chain(2);
        bytes memory all = _hints(0, 2);
        vm.expectPartialRevert(NitroCertificates.HintsTrailing.selector);
        verifier.cacheCertificates(part, all);
    }

    /// @dev A leaf is kept like an authority, and issues nothing.
    function test_refusesACertificateBelowTheLeaf() public {
        verifier.cacheCertificates(_chain(CERTIFICATES), _hints(0, CERTIFICATES - 1));
        bytes[] memory longer = new bytes[](CERTIFICATES + 1);
        for (uint256 i = 0; i < CERTIFICATES; ++i) {
            longer[i] = chain[i];
        }
        longer[CERTIFICATES] = chain[CERTIFICATES - 1];
        bytes memory all = _hints(CERTIFICATES - 1, CERTIFICATES);
        vm.expectRevert(abi.encodeWithSelector(NitroCertificates.NotAuthority.selector, CERTIFICATES - 1));
        verifier.cacheCertificates(longer, all);
    }

    /// @dev Its own certificate is known, its path is not.
    function test_aKeptCertificateHoldsBelowItsOwnIssuersAlone() public {
        verifier.cacheCertificates(_chain(CERTIFICATES), _hints(0, CERTIFICATES - 1));
        bytes[] memory part = _chain(CERTIFICATES);
        part[2] = part[1];
        bytes memory all = _hints(CERTIFICATES, CERTIFICATES - 1);
        vm.expectPartialRevert(NitroCertificates.CertificateNotCached.selector);
        verifier.cacheCertificates(part, all);
    }

    // Revocation

    function test_onlyTheOwnerRevokes() public {
        vm.expectRevert(abi.encodeWithSelector(NitroCertificates.NotOwner.selector, address(this)));
        verifier.revoke(keccak256("any"));
        vm.expectEmit(address(verifier));
        emit NitroCertificates.CertificateRevoked(keccak256("any"), 1);
        _revoke(keccak256("any"));
        assertTrue(verifier.isRevoked(keccak256("any")), "revoked");
        vm.prank(owner);
        vm.expectRevert(abi.encodeWithSelector(NitroCertificates.AlreadyRevoked.selector, keccak256("any")));
        verifier.revoke(keccak256("any"));
    }

    function test_refusesEachRevokedCertificateWhetherKeptOrNot() public {
        for (uint256 i = 0; i < CERTIFICATES; ++i) {
            bytes32 signedHash = signedPart.hashOf(chain[i]);
            bytes memory error_ = abi.encodeWithSelector(NitroCertificates.RevokedCertificate.selector, signedHash);
            uint256 snapshot = vm.snapshotState();
            _revoke(signedHash);
            _refuse(error_);
            vm.revertToState(snapshot);

            verifier.cacheCertificates(_chain(CERTIFICATES), _hints(0, CERTIFICATES - 1));
            _revoke(signedHash);
            _refuse(error_);
            _refuseBytes(_hints(CERTIFICATES - 1, CERTIFICATES), error_);
            vm.revertToState(snapshot);
        }
    }

    /// @dev What is kept is compared with the revocations again, without hints, and once.
    function test_anotherRevocationCostsAComparison() public {
        verifier.cacheCertificates(_chain(CERTIFICATES), _hints(0, CERTIFICATES - 1));
        bytes memory all = _hints(CERTIFICATES - 1, CERTIFICATES);
        uint256 before = _gasOf(all);
        _revoke(keccak256("another certificate"));
        uint256 stale = _gasOf(all);
        uint256 compared = _gasOf(all);
        assertGt(stale, compared, "gas of comparing");
        assertLe(compared, before, "gas after comparing");
        _register(CERTIFICATES - 1);
        _expectRegistered(true);
    }

    function test_aNewLeafBelowStaleAuthorities() public {
        verifier.cacheCertificates(_chain(CERTIFICATES - 1), _hints(0, CERTIFICATES - 2));
        _revoke(keccak256("another certificate"));
        uint256 snapshot = vm.snapshotState();
        _register(CERTIFICATES - 2);
        _expectRegistered(true);
        vm.revertToState(snapshot);
        _revoke(signedPart.hashOf(chain[1]));
        bytes memory all = _hints(CERTIFICATES - 2, CERTIFICATES);
        _refuseBytes(
            all, abi.encodeWithSelector(NitroCertificates.RevokedCertificate.selector, signedPart.hashOf(chain[1]))
        );
    }

    // Twins: the same certificates and documents with the other signature, (r, n - s)

    function test_aTwinHoldsAndRegistersNothingTwice() public {
        _register(0);
        _takeTwin();
        bytes memory all = _hints(0, CERTIFICATES);
        verifier.verify(evidence, all);
        vm.expectRevert(abi.encodeWithSelector(IEnclaveRegistry.KeyAlreadyRegistered.selector, identity.receiptKey));
        registry.register(KIND, evidence, all, identity, config, anchor);
    }

    function test_aTwinRegistersInItsOwnRight() public {
        _takeTwin();
        _register(0);
        _expectRegistered(true);
        _expectCached(CERTIFICATES);
    }

    function test_aTwinOfAKeptCertificateNeedsItsOwnHint() public {
        verifier.cacheCertificates(_chain(CERTIFICATES), _hints(0, CERTIFICATES - 1));
        _takeTwin();
        bytes memory all = _hints(CERTIFICATES - 1, CERTIFICATES);
        _refuseBytes(all, abi.encodeWithSelector(NitroCertificates.CertificateNotCached.selector, ZONAL, _id(ZONAL)));
    }

    function test_refusesTheTwinOfARevokedCertificate() public {
        bytes32 signedHash = signedPart.hashOf(chain[ZONAL]);
        bytes memory error_ = abi.encodeWithSelector(NitroCertificates.RevokedCertificate.selector, signedHash);
        uint256 snapshot = vm.snapshotState();
        _revoke(signedHash);
        _takeTwin();
        assertEq(signedPart.hashOf(chain[ZONAL]), signedHash, "what is signed of the twin");
        _refuse(error_);
        vm.revertToState(snapshot);
        _takeTwin();
        _register(0);
        _revoke(signedHash);
        bytes memory all = _hints(CERTIFICATES - 1, CERTIFICATES);
        vm.expectRevert(error_);
        verifier.verify(evidence, all);
    }

    function _takeTwin() private {
        evidence = vm.parseJsonBytes(vector, ".twin.evidence");
        chain[ZONAL] = vm.parseJsonBytes(vector, ".twin.zonal");
        hints[ZONAL - 1] = vm.parseJsonBytes(vector, ".twin.zonalHint");
        hints[CERTIFICATES - 1] = vm.parseJsonBytes(vector, ".twin.documentHint");
    }

    function _register(uint256 kept) private {
        registry.register(KIND, evidence, _hints(kept, CERTIFICATES), identity, config, anchor);
    }

    /// @dev The registration, with the hints as they are, reverts and nothing is kept of it.
    function _refuse(bytes memory error_) private {
        _refuseBytes(_hints(0, CERTIFICATES), error_);
    }

    function _refuseBytes(bytes memory all, bytes memory error_) private {
        vm.expectRevert(error_);
        registry.register(KIND, evidence, all, identity, config, anchor);
        _expectRegistered(false);
    }

    function _refuseAny() private {
        bytes memory all = _hints(0, CERTIFICATES);
        assertFalse(_accepts(evidence, all), "wrong hints are accepted");
        _expectNothingKept();
    }

    function _refuseAt(uint256 time, bytes memory all, bytes4 selector, uint256 bound_) private {
        uint256 now_ = block.timestamp;
        vm.warp(time);
        vm.expectRevert(abi.encodeWithSelector(selector, bound_, time));
        verifier.verify(evidence, all);
        vm.warp(now_);
    }

    function _accepts(bytes memory document, bytes memory all) private returns (bool) {
        try verifier.verify(document, all) {
            return true;
        } catch {
            return false;
        }
    }

    function _gasOf(bytes memory all) private returns (uint256 gas) {
        gas = gasleft();
        verifier.verify(evidence, all);
        gas -= gasleft();
    }

    function _revoke(bytes32 signedHash) private {
        vm.prank(owner);
        verifier.revoke(signedHash);
    }

    function _expectRegistered(bool registered) private view {
        IEnclaveRegistry.Key memory key = registry.keyOf(identity.receiptKey, config.releaseId, _configHash());
        assertEq(key.operator, registered ? config.operator : address(0), "operator of the key");
    }

    function _expectNothingKept() private view {
        _expectCached(1);
        _expectRegistered(false);
    }

    /// @param count of the chain, the root included
    function _expectCached(uint256 count) private view {
        for (uint256 i = 1; i < CERTIFICATES; ++i) {
            assertEq(verifier.isCached(_id(i)), i < count, "kept");
        }
    }

    function _id(uint256 position) private view returns (bytes32 id) {
        id = keccak256(chain[0]);
        for (uint256 i = 1; i <= position; ++i) {
            id = keccak256(abi.encode(id, keccak256(chain[i])));
        }
    }

    function _notAfter(uint256 position) private view returns (uint64) {
        return uint64(vm.parseJsonUint(vector, ".time") + [0, 17 days, 5 days, 1 days, LIFE][position]);
    }

    function _firstOf(bytes memory data, uint256 size) private pure returns (bytes memory part) {
        part = new bytes(size);
        for (uint256 i = 0; i < size; ++i) {
            part[i] = data[i];
        }
    }

    function _configHash() private view returns (bytes32) {
        return keccak256(
            abi.encode(
                uint256(1),
                block.chainid,
                address(registry),
                config.operator,
                config.releaseId,
                config.maxInput,
                config.maxOutput
            )
        );
    }
}
