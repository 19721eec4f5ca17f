// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Der} from "../src/libraries/Der.sol";
import {EcdsaP256} from "../src/libraries/EcdsaP256.sol";
import {X509} from "../src/libraries/X509.sol";
import {IEvidenceVerifier} from "../src/interfaces/IEvidenceVerifier.sol";
import {SimulatedVerifier} from "../src/attest/SimulatedVerifier.sol";
import {EvidenceBuilder} from "./utils/EvidenceBuilder.sol";

/// @notice Certificates that the simulated verifier caches: each test but the first ones breaks one thing.
contract CertificatesTest is EvidenceBuilder {
    /// @dev A subjectKeyIdentifier, and the same marked critical.
    bytes internal constant UNKNOWN = hex"300b0603551d0e0404" hex"04020102";
    bytes internal constant UNKNOWN_CRITICAL = hex"300e0603551d0e0101ff0404" hex"04020102";

    SimulatedVerifier internal verifier;
    bytes32 internal rootId;
    CertificateParts internal parts;

    function setUp() public {
        vm.warp(NOW);
        rootId = sha256(root());
        verifier = new SimulatedVerifier(rootId);
        verifier.cacheCertificate(root(), rootId, "");
        parts = leafParts();
    }

    function test_cachesRootAndLeaf() public {
        assertTrue(verifier.isCached(rootId), "the root is cached");
        bytes32 id = sha256(leaf());
        assertFalse(verifier.isCached(id), "the leaf is cached before");
        vm.expectEmit(address(verifier));
        emit SimulatedVerifier.CertificateCached(id, rootId, uint64(LEAF_NOT_AFTER));
        assertEq(verifier.cacheCertificate(leaf(), rootId, ""), id, "id");
        assertTrue(verifier.isCached(id), "the leaf is cached after");
    }

    function test_cachingTwiceIsNoError() public {
        verifier.cacheCertificate(leaf(), rootId, "");
        vm.recordLogs();
        verifier.cacheCertificate(leaf(), rootId, "");
        assertEq(vm.getRecordedLogs().length, 0, "events of the second time");
    }

    function test_refusesHighS() public {
        (uint256 r, uint256 s) = lowSignature(ROOT_KEY, signedPart(parts));
        _refuse(
            certificate(parts, derSignature(r, P256_ORDER - s)),
            abi.encodeWithSelector(SimulatedVerifier.InvalidCertificateSignature.selector)
        );
        verifier.cacheCertificate(certificate(parts, derSignature(r, s)), rootId, "");
    }

    function test_ignoresUnknownExtensionsThatAreNotCritical() public {
        parts.extensions.push(UNKNOWN);
        verifier.cacheCertificate(certificate(parts), rootId, "");
    }

    // The chain

    function test_refusesAnotherRoot() public {
        CertificateParts memory other = rootParts();
        other.signer = LEAF_KEY;
        other.publicKey = publicKeyInfo(LEAF_KEY);
        _refuse(certificate(other), abi.encodeWithSelector(SimulatedVerifier.IsAuthority.selector));
    }

    function test_refusesAnotherParent() public {
        bytes32 leafId = verifier.cacheCertificate(leaf(), rootId, "");
        parts.serial = integer(7);
        bytes memory der_ = certificate(parts);
        vm.expectRevert(abi.encodeWithSelector(SimulatedVerifier.UnknownParent.selector, leafId));
        verifier.cacheCertificate(der_, leafId, "");
    }

    function test_refusesALeafBeforeItsRoot() public {
        verifier = new SimulatedVerifier(rootId);
        _refuse(leaf(), abi.encodeWithSelector(SimulatedVerifier.CertificateNotCached.selector, rootId));
    }

    function test_refusesALeafUnderAnExpiredRoot() public {
        vm.warp(ROOT_NOT_AFTER + 1);
        parts.validity = validity("350101000000Z", "370101000000Z");
        _refuseParts(
            abi.encodeWithSelector(
                SimulatedVerifier.OutsideValidity.selector, rootId, 1_735_689_600, ROOT_NOT_AFTER, ROOT_NOT_AFTER + 1
            )
        );
    }

    function test_refusesAnotherKeysSignature() public {
        parts.signer = LEAF_KEY;
        _refuseParts(abi.encodeWithSelector(SimulatedVerifier.InvalidCertificateSignature.selector));
    }

    function test_refusesAnotherIssuer() public {
        parts.issuer = name("SIMULATED-NOT-FOR-PRODUCTIOM");
        bytes memory der_ = certificate(parts);
        vm.expectPartialRevert(SimulatedVerifier.WrongIssuer.selector);
        verifier.cacheCertificate(der_, rootId, "");
    }

    function test_refusesALeafThatIsAnAuthority() public {
        parts.extensions[0] = BASIC_CONSTRAINTS_CA;
        _refuseParts(abi.encodeWithSelector(SimulatedVerifier.IsAuthority.selector));
    }

    function test_refusesALeafThatMayNotSignOrMaySignCertificates() public {
        parts.extensions[1] = KEY_USAGE_CERT_SIGN;
        _refuseParts(abi.encodeWithSelector(SimulatedVerifier.WrongKeyUsage.selector, 0x04));
        parts.extensions[1] = hex"300e0603551d0f0101ff040403020284";
        _refuseParts(abi.encodeWithSelector(SimulatedVerifier.WrongKeyUsage.selector, 0x84));
        parts.extensions.pop();
        _refuseParts(abi.encodeWithSelector(SimulatedVerifier.WrongKeyUsage.selector, 0));
    }

    function test_refusesExpiredAndEarlyLeaves() public {
        bytes32 id = sha256(leaf());
        vm.warp(LEAF_NOT_AFTER + 1);
        _refuseParts(_outside(id, LEAF_NOT_AFTER + 1));
        vm.warp(LEAF_NOT_BEFORE - 1);
        _refuseParts(_outside(id, LEAF_NOT_BEFORE - 1));
    }

    function test_refusesHintsAndSize() public {
        bytes memory der_ = leaf();
        vm.expectRevert(SimulatedVerifier.HintsNotUsed.selector);
        verifier.cacheCertificate(der_, rootId, hex"00");
        _refuse(new bytes(1025), abi.encodeWithSelector(SimulatedVerifier.CertificateTooLarge.selector, 1025));
        _refuse(new bytes(1024), abi.encodeWithSelector(Der.DerUnexpectedTag.selector, 0, 0x30, 0));
    }

    // The root itself

    function test_refusesARootWithAnotherName() public {
        CertificateParts memory other = rootParts();
        other.subject = other.issuer = name("Some authority");
        _refuseRoot(other, SimulatedVerifier.WrongName.selector);
    }

    function test_refusesARootThatIsNotSelfIssued() public {
        CertificateParts memory other = rootParts();
        other.issuer = name("Some authority");
        _refuseRoot(other, SimulatedVerifier.WrongIssuer.selector);
    }

    function test_refusesARootThatIsNotSelfSigned() public {
        CertificateParts memory other = rootParts();
        other.signer = LEAF_KEY;
        _refuseRoot(other, SimulatedVerifier.InvalidCertificateSignature.selector);
    }

    function test_refusesARootThatIsNoAuthority() public {
        CertificateParts memory other = rootParts();
        other.extensions[0] = BASIC_CONSTRAINTS_LEAF;
        _refuseRoot(other, SimulatedVerifier.NotAuthority.selector);
    }

    function test_refusesARootThatMayNotSignCertificates() public {
        CertificateParts memory other = rootParts();
        other.extensions[1] = KEY_USAGE_SIGNATURE;
        _refuseRoot(other, SimulatedVerifier.WrongKeyUsage.selector);
    }

    // Algorithms and keys

    function test_refusesOtherAlgorithms() public {
        parts.algorithm = parts.outerAlgorithm = hex"300a06082a8648ce3d040303";
        _refuseParts(abi.encodeWithSelector(SimulatedVerifier.UnsupportedAlgorithm.selector));
        parts.outerAlgorithm = hex"300a06082a8648ce3d040302";
        _refuseParts(abi.encodeWithSelector(X509.X509SignatureAlgorithm.selector));
        parts = leafParts();
        parts.publicKey = _withKey(hex"301306072a8648ce3d020106082a8648ce3d030101", _point(LEAF_KEY));
        _refuseParts(abi.encodeWithSelector(SimulatedVerifier.UnsupportedAlgorithm.selector));
    }

    function test_refusesPointsOffTheCurve() public {
        bytes memory algorithm = hex"301306072a8648ce3d020106082a8648ce3d030107";
        bytes memory error_ = abi.encodeWithSelector(EcdsaP256.InvalidPublicKey.selector);
        bytes memory point = _point(LEAF_KEY);
        point[64] ^= 0x01;
        parts.publicKey = _withKey(algorithm, point);
        _refuseParts(error_);
        parts.publicKey = _withKey(algorithm, abi.encodePacked(hex"04", new bytes(64)));
        _refuseParts(error_);
        point = _point(LEAF_KEY);
        point[0] = 0x02;
        parts.publicKey = _withKey(algorithm, point);
        _refuseParts(error_);
        parts.publicKey = _withKey(algorithm, bytes.concat(_point(LEAF_KEY), hex"00"));
        _refuseParts(error_);
    }

    // The form

    function test_refusesOtherVersions() public {
        parts.version = hex"a003020101";
        _refuseParts(abi.encodeWithSelector(X509.X509Version.selector));
        parts.version = "";
        _refuseParts(abi.encodeWithSelector(Der.DerUnexpectedTag.selector, 0, 0xa0, 0x02));
    }

    function test_refusesOddSerials() public {
        parts.serial = der(0x02, abi.encodePacked(hex"01", new bytes(20)));
        _refuseParts(abi.encodeWithSelector(X509.X509Serial.selector));
        parts.serial = hex"0201ff";
        _refuseParts(abi.encodeWithSelector(Der.DerInvalidInteger.selector));
        parts.serial = hex"02020001";
        _refuseParts(abi.encodeWithSelector(Der.DerInvalidInteger.selector));
    }

    function test_serialsOfTwentyBytesAndZero() public {
        parts.serial = der(0x02, abi.encodePacked(hex"00ff", new bytes(19)));
        verifier.cacheCertificate(certificate(parts), rootId, "");
        parts.serial = hex"020100";
        verifier.cacheCertificate(certificate(parts), rootId, "");
    }

    function test_refusesOddTimes() public {
        string[7] memory times = [
            "261322000000Z", // month
            "260229000000Z", // no leap year
            "260431000000Z", // day
            "260430240000Z", // hour
            "260430006000Z", // minute
            "2604300000000", // zone
            "26043000000Z" // size
        ];
        for (uint256 i = 0; i < times.length; ++i) {
            parts.validity = validity(times[i], "351231235959Z");
            _refuseParts(abi.encodeWithSelector(Der.DerInvalidTime.selector));
        }
    }

    function test_refusesUnknownCriticalExtensions() public {
        parts.extensions.push(UNKNOWN_CRITICAL);
        _refuseParts(abi.encodeWithSelector(X509.X509UnknownCriticalExtension.selector));
    }

    function test_refusesRepeatedExtensions() public {
        parts.extensions.push(BASIC_CONSTRAINTS_LEAF);
        _refuseParts(abi.encodeWithSelector(X509.X509RepeatedExtension.selector));
        parts.extensions[2] = KEY_USAGE_SIGNATURE;
        _refuseParts(abi.encodeWithSelector(X509.X509RepeatedExtension.selector));
        bytes memory unknown = hex"300906032a0304" hex"04023000";
        parts.extensions[2] = unknown;
        verifier.cacheCertificate(certificate(parts), rootId, "");
        parts.extensions.push(unknown);
        _refuseParts(abi.encodeWithSelector(X509.X509RepeatedExtension.selector));
    }

    function test_refusesOddExtensions() public {
        parts.extensions[0] = hex"300c0603551d1301010104023000";
        _refuseParts(abi.encodeWithSelector(X509.X509Boolean.selector));
        parts.extensions[0] = hex"300f0603551d130101ff04053003020100";
        _refuseParts(abi.encodeWithSelector(X509.X509PathLength.selector));
        parts.extensions[0] = hex"30130603551d130101ff0409300701" hex"01ff02020100";
        _refuseParts(abi.encodeWithSelector(X509.X509PathLength.selector));
        parts.extensions[0] = hex"300e0603551d130101ff040430000500";
        _refuseParts(abi.encodeWithSelector(Der.DerTrailingBytes.selector, 2));
        parts = leafParts();
        parts.extensions[1] = hex"300e0603551d0f0101ff040403020781";
        _refuseParts(abi.encodeWithSelector(X509.X509BitString.selector));
        parts.extensions[1] = hex"300e0603551d0f0101ff040403020880";
        _refuseParts(abi.encodeWithSelector(X509.X509BitString.selector));
        parts.extensions[1] = hex"300f0603551d0f0101ff04050303078080";
        _refuseParts(abi.encodeWithSelector(X509.X509BitString.selector));
        parts.extensions[1] = hex"300c0603551d0f0101ff04020300";
        _refuseParts(abi.encodeWithSelector(X509.X509BitString.selector));
        parts.extensions[1] = hex"300d0603551d0f0101ff0403030100";
        _refuseParts(abi.encodeWithSelector(SimulatedVerifier.WrongKeyUsage.selector, 0));
    }

    function test_refusesOddSignatures() public {
        bytes memory error_ = abi.encodeWithSelector(SimulatedVerifier.InvalidCertificateSignature.selector);
        _refuse(certificate(parts, derSignature(0, 1)), error_);
        _refuse(certificate(parts, derSignature(1, 0)), error_);
        _refuse(certificate(parts, derSignature(P256_ORDER, 1)), error_);
        bytes memory long = der(0x02, abi.encodePacked(hex"01", new bytes(32)));
        _refuse(certificate(parts, der(0x30, bytes.concat(long, hex"020101"))), error_);
        _refuse(
            certificate(parts, der(0x30, hex"020101020101020101")),
            abi.encodeWithSelector(Der.DerTrailingBytes.selector, 6)
        );
        _refuse(certificate(parts, hex"3003020101"), abi.encodeWithSelector(Der.DerTruncated.selector, 3));
    }

    function test_refusesTrailingBytes() public {
        bytes memory der_ = leaf();
        _refuse(bytes.concat(der_, hex"00"), abi.encodeWithSelector(Der.DerTrailingBytes.selector, der_.length));
    }

    /// @dev Signed as they are, so that only the form is wrong.
    function test_refusesTrailingBytesInEachPart() public {
        bytes memory more = hex"0500";
        bytes memory times = bytes.concat(der(0x17, "261122003000Z"), der(0x17, "261122033000Z"));
        parts.validity = der(0x30, bytes.concat(times, more));
        _refuseTrailing(certificate(parts));

        parts = leafParts();
        bytes memory algorithm = hex"301306072a8648ce3d020106082a8648ce3d030107";
        parts.publicKey = der(0x30, bytes.concat(algorithm, bitString(_point(LEAF_KEY)), more));
        _refuseTrailing(certificate(parts));

        parts = leafParts();
        parts.extensions[0] = hex"300e0603551d130101ff04023000" hex"0500";
        _refuseTrailing(certificate(parts));

        parts = leafParts();
        bytes memory signed = signedPart(parts);
        uint256 header = signed[1] == 0x81 ? 3 : 4;
        bytes memory longer = new bytes(signed.length - header);
        for (uint256 i = 0; i < longer.length; ++i) {
            longer[i] = signed[header + i];
        }
        longer = der(0x30, bytes.concat(longer, more));
        bytes memory signature = bitString(derSignature(ROOT_KEY, longer));
        _refuseTrailing(der(0x30, bytes.concat(longer, parts.outerAlgorithm, signature)));

        signature = bitString(derSignature(ROOT_KEY, signed));
        _refuseTrailing(der(0x30, bytes.concat(signed, parts.outerAlgorithm, signature, more)));
        verifier.cacheCertificate(der(0x30, bytes.concat(signed, parts.outerAlgorithm, signature)), rootId, "");
    }

    function test_refusesEveryTruncation() public {
        bytes memory der_ = leaf();
        for (uint256 size = der_.length - 1; size > 0; --size) {
            assembly ("memory-safe") {
                mstore(der_, size)
            }
            assertFalse(_accepts(der_), "a truncated certificate is accepted");
        }
    }

    function test_refusesAFlipOfEveryBit() public {
        bytes memory der_ = leaf();
        for (uint256 i = 0; i < der_.length * 8; ++i) {
            der_[i / 8] ^= bytes1(uint8(1 << (i % 8)));
            assertFalse(_accepts(der_), "a flipped certificate is accepted");
            der_[i / 8] ^= bytes1(uint8(1 << (i % 8)));
        }
        assertTrue(_accepts(der_), "the certificate itself");
    }

    function testFuzz_refusesAnyBytes(bytes calldata der_) public {
        assertFalse(_accepts(der_), "arbitrary bytes are accepted");
    }

    function _refuseParts(bytes memory error_) private {
        _refuse(certificate(parts), error_);
    }

    function _refuse(bytes memory der_, bytes memory error_) private {
        vm.expectRevert(error_);
        verifier.cacheCertificate(der_, rootId, "");
    }

    function _refuseTrailing(bytes memory der_) private {
        vm.expectPartialRevert(Der.DerTrailingBytes.selector);
        verifier.cacheCertificate(der_, rootId, "");
    }

    function _refuseRoot(CertificateParts memory other, bytes4 selector) private {
        bytes memory der_ = certificate(other);
        bytes32 id = sha256(der_);
        SimulatedVerifier pinned = new SimulatedVerifier(id);
        vm.expectPartialRevert(selector);
        pinned.cacheCertificate(der_, id, "");
    }

    function _accepts(bytes memory der_) private returns (bool) {
        try verifier.cacheCertificate(der_, rootId, "") {
            return true;
        } catch {
            return false;
        }
    }

    function _outside(bytes32 id, uint256 time) private pure returns (bytes memory) {
        return
            abi.encodeWithSelector(
                SimulatedVerifier.OutsideValidity.selector, id, LEAF_NOT_BEFORE, LEAF_NOT_AFTER, time
            );
    }

    function _point(uint256 privateKey) private view returns (bytes memory) {
        (uint256 x, uint256 y) = vm.publicKeyP256(privateKey);
        return abi.encodePacked(hex"04", x, y);
    }

    function _withKey(bytes memory algorithm, bytes memory point) private pure returns (bytes memory) {
        return der(0x30, bytes.concat(algorithm, bitString(point)));
    }
}
