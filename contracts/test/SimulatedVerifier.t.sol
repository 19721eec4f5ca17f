// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IEvidenceVerifier} from "../src/interfaces/IEvidenceVerifier.sol";
import {AttestationDocument} from "../src/libraries/AttestationDocument.sol";
import {Cbor} from "../src/libraries/Cbor.sol";
import {SimulatedVerifier} from "../src/attest/SimulatedVerifier.sol";
import {EvidenceBuilder} from "./utils/EvidenceBuilder.sol";

/// @notice Documents: each test but the first ones breaks one thing.
contract SimulatedVerifierTest is EvidenceBuilder {
    bytes32 internal constant USER_DATA_HASH = keccak256("user data");
    bytes32 internal constant NONCE_HASH = keccak256("nonce");

    SimulatedVerifier internal verifier;
    DocumentParts internal parts;

    function setUp() public {
        vm.warp(NOW);
        verifier = deployVerifier();
        parts = documentParts(USER_DATA_HASH, NONCE_HASH);
    }

    function test_validEvidence() public view {
        IEvidenceVerifier.Attestation memory attestation = verifier.verify(document(parts), "");
        assertEq(attestation.measurement, measurementOf(defaultRegisters()), "measurement");
        assertEq(attestation.userData, USER_DATA_HASH, "user data");
        assertEq(attestation.nonce, NONCE_HASH, "nonce");
        assertEq(uint256(attestation.timestamp), NOW, "time");
    }

    function test_kindAndAssuranceAreSimulated() public view {
        assertEq(uint256(verifier.kind()), 1, "kind");
        assertEq(uint256(verifier.assurance()), 1, "assurance");
    }

    function test_refusesHighS() public {
        bytes memory payload = payloadOf(parts);
        (uint256 r, uint256 s) = lowSignature(LEAF_KEY, sigStructure(parts.protectedHeader, payload));
        verifier.verify(document(parts, payload, abi.encodePacked(r, s)), "");
        _refuse(
            document(parts, payload, abi.encodePacked(r, P256_ORDER - s)),
            abi.encodeWithSelector(SimulatedVerifier.InvalidDocumentSignature.selector)
        );
    }

    function test_fieldsInAnyOrder() public {
        bytes memory first = parts.fields[MODULE_ID];
        parts.fields[MODULE_ID] = parts.fields[NONCE];
        parts.fields[NONCE] = first;
        verifier.verify(document(parts), "");
    }

    // The chain and the call

    function test_refusesOtherChains() public {
        bytes memory evidence = document(parts);
        (bytes memory der_, bytes32 rootId) = (root(), verifier.rootId());
        vm.chainId(1);
        vm.expectRevert(abi.encodeWithSelector(SimulatedVerifier.WrongChain.selector, 1));
        verifier.verify(evidence, "");
        vm.expectRevert(abi.encodeWithSelector(SimulatedVerifier.WrongChain.selector, 1));
        verifier.cacheCertificate(der_, rootId, "");
        vm.expectRevert(abi.encodeWithSelector(SimulatedVerifier.WrongChain.selector, 1));
        new SimulatedVerifier(rootId);
    }

    function test_refusesHints() public {
        bytes memory evidence = document(parts);
        vm.expectRevert(SimulatedVerifier.HintsNotUsed.selector);
        verifier.verify(evidence, hex"00");
    }

    function test_refusesTooLargeEvidence() public {
        _refuse(new bytes(8193), abi.encodeWithSelector(SimulatedVerifier.EvidenceTooLarge.selector, 8193));
        _refuse(new bytes(8192), abi.encodeWithSelector(Cbor.CborUnexpectedType.selector, 0, 4, 0));
    }

    function test_refusesEmptyEvidence() public {
        _refuse("", abi.encodeWithSelector(Cbor.CborTruncated.selector, 0));
    }

    // Signature and certificates

    function test_refusesAnotherKeysSignature() public {
        parts.signer = ROOT_KEY;
        _refuseParts(abi.encodeWithSelector(SimulatedVerifier.InvalidDocumentSignature.selector));
    }

    function test_refusesSignaturesOfOtherSizes() public {
        bytes memory payload = payloadOf(parts);
        bytes memory error_ = abi.encodeWithSelector(SimulatedVerifier.InvalidDocumentSignature.selector);
        bytes memory signature = rawSignature(LEAF_KEY, sigStructure(parts.protectedHeader, payload));
        _refuse(document(parts, payload, bytes.concat(signature, hex"00")), error_);
        _refuse(document(parts, payload, ""), error_);
        _refuse(document(parts, payload, new bytes(64)), error_);
    }

    function test_refusesSAboveTheOrder() public {
        bytes memory payload = payloadOf(parts);
        (bytes32 r,) = vm.signP256(LEAF_KEY, sha256(sigStructure(parts.protectedHeader, payload)));
        bytes memory error_ = abi.encodeWithSelector(SimulatedVerifier.InvalidDocumentSignature.selector);
        _refuse(document(parts, payload, abi.encodePacked(r, P256_ORDER)), error_);
        _refuse(document(parts, payload, abi.encodePacked(r, type(uint256).max)), error_);
    }

    function test_refusesAnotherRoot() public {
        CertificateParts memory other = rootParts();
        other.serial = integer(7);
        bytes memory otherRoot = certificate(other);
        parts.fields[CABUNDLE] = field("cabundle", bytes.concat(hex"81", byteString(otherRoot)));
        _refuseParts(abi.encodeWithSelector(SimulatedVerifier.WrongRoot.selector, verifier.rootId(), sha256(otherRoot)));
    }

    function test_refusesAnyCabundleButTheRoot() public {
        bytes memory der_ = byteString(root());
        parts.fields[CABUNDLE] = field("cabundle", bytes.concat(hex"82", der_, der_));
        _refuseParts(abi.encodeWithSelector(SimulatedVerifier.WrongRoot.selector, verifier.rootId(), verifier.rootId()));
        parts.fields[CABUNDLE] = field("cabundle", hex"80");
        _refuseParts(abi.encodeWithSelector(AttestationDocument.CabundleSize.selector, 0));
        parts.fields[CABUNDLE] = field("cabundle", bytes.concat(hex"89", new bytes(9)));
        _refuseParts(abi.encodeWithSelector(AttestationDocument.CabundleSize.selector, 9));
    }

    function test_refusesALeafThatIsNotCached() public {
        CertificateParts memory other = leafParts();
        other.serial = integer(7);
        parts.fields[CERTIFICATE] = field("certificate", byteString(certificate(other)));
        _refuseParts(
            abi.encodeWithSelector(SimulatedVerifier.CertificateNotCached.selector, sha256(certificate(other)))
        );
    }

    function test_refusesARootThatIsNotCached() public {
        verifier = new SimulatedVerifier(sha256(root()));
        _refuseParts(abi.encodeWithSelector(SimulatedVerifier.CertificateNotCached.selector, sha256(root())));
    }

    function test_refusesTheRootAsLeaf() public {
        parts.fields[CERTIFICATE] = field("certificate", byteString(root()));
        parts.signer = ROOT_KEY;
        _refuseParts(abi.encodeWithSelector(SimulatedVerifier.IsAuthority.selector));
    }

    function test_refusesAnExpiredLeaf() public {
        bytes memory evidence = document(parts);
        vm.warp(LEAF_NOT_AFTER);
        verifier.verify(evidence, "");
        vm.warp(LEAF_NOT_AFTER + 1);
        _refuse(evidence, _outside(sha256(leaf()), LEAF_NOT_BEFORE, LEAF_NOT_AFTER, LEAF_NOT_AFTER + 1));
    }

    function test_refusesALeafThatIsNotYetValid() public {
        bytes memory evidence = document(parts);
        vm.warp(LEAF_NOT_BEFORE - 1);
        _refuse(evidence, _outside(sha256(leaf()), LEAF_NOT_BEFORE, LEAF_NOT_AFTER, LEAF_NOT_BEFORE - 1));
    }

    function test_refusesAnExpiredRoot() public {
        bytes memory evidence = document(parts);
        vm.warp(ROOT_NOT_AFTER + 1);
        _refuse(evidence, _outside(sha256(root()), 1_735_689_600, ROOT_NOT_AFTER, ROOT_NOT_AFTER + 1));
    }

    function test_refusesADocumentTimeOutsideTheLeafsValidity() public {
        parts.fields[TIMESTAMP] = field("timestamp", head(0, (LEAF_NOT_BEFORE - 1) * 1000));
        _refuseParts(_outside(sha256(leaf()), LEAF_NOT_BEFORE, LEAF_NOT_AFTER, LEAF_NOT_BEFORE - 1));
        parts.fields[TIMESTAMP] = field("timestamp", head(0, (LEAF_NOT_AFTER + 1) * 1000));
        _refuseParts(_outside(sha256(leaf()), LEAF_NOT_BEFORE, LEAF_NOT_AFTER, LEAF_NOT_AFTER + 1));
    }

    // What the document says

    function test_refusesEachZeroRegister() public {
        for (uint256 i = 0; i < 3; ++i) {
            bytes[] memory registers = defaultRegisters();
            registers[i] = new bytes(48);
            parts.fields[PCRS] = field("pcrs", pcrs(registers));
            _refuseParts(abi.encodeWithSelector(SimulatedVerifier.ZeroRegister.selector, i));
        }
    }

    function test_eachOfTheThreeRegistersIsMeasured() public {
        for (uint256 i = 0; i < 3; ++i) {
            bytes[] memory registers = defaultRegisters();
            registers[i] = bytes.concat(keccak256("other"), bytes16(0));
            parts.fields[PCRS] = field("pcrs", pcrs(registers));
            bytes32 measured = verifier.verify(document(parts), "").measurement;
            assertEq(measured, measurementOf(registers), "measurement");
            assertNotEq(measured, measurementOf(defaultRegisters()), "measurement of other registers");
        }
    }

    function test_refusesAModuleThatDoesNotSaySimulated() public {
        parts.fields[MODULE_ID] = field("module_id", text("i-0123456789abcdef0"));
        _refuseParts(abi.encodeWithSelector(SimulatedVerifier.NotSimulated.selector, "i-0123456789abcdef0"));
        parts.fields[MODULE_ID] = field("module_id", text(""));
        _refuseParts(abi.encodeWithSelector(SimulatedVerifier.NotSimulated.selector, ""));
    }

    function test_refusesUserDataOfOtherSizes() public {
        parts.fields[USER_DATA] = field("user_data", byteString(new bytes(31)));
        _refuseParts(abi.encodeWithSelector(SimulatedVerifier.UserDataSize.selector, 31));
        parts.fields[USER_DATA] = field("user_data", byteString(new bytes(33)));
        _refuseParts(abi.encodeWithSelector(SimulatedVerifier.UserDataSize.selector, 33));
        parts.fields[USER_DATA] = field("user_data", hex"f6");
        _refuseParts(_unexpectedType(_valueOffset(USER_DATA), 2, 7));
    }

    function test_refusesNoncesOfOtherSizes() public {
        parts.fields[NONCE] = field("nonce", byteString(new bytes(31)));
        _refuseParts(abi.encodeWithSelector(SimulatedVerifier.NonceSize.selector, 31));
        parts.fields[NONCE] = field("nonce", byteString(new bytes(64)));
        _refuseParts(abi.encodeWithSelector(SimulatedVerifier.NonceSize.selector, 64));
        parts.fields[NONCE] = field("nonce", hex"f6");
        _refuseParts(_unexpectedType(_valueOffset(NONCE), 2, 7));
    }

    // The document's form

    function test_refusesAnotherAlgorithm() public {
        parts.protectedHeader = hex"a1013822";
        _refuseParts(abi.encodeWithSelector(AttestationDocument.ProtectedHeader.selector, hex"a1013822"));
        parts.protectedHeader = "";
        _refuseParts(abi.encodeWithSelector(AttestationDocument.ProtectedHeader.selector, ""));
    }

    function test_refusesUnprotectedHeaders() public {
        parts.unprotectedHeader = hex"a10126";
        _refuseParts(abi.encodeWithSelector(AttestationDocument.UnprotectedHeader.selector, 1));
    }

    function test_refusesTags() public {
        _refuse(bytes.concat(hex"d2", document(parts)), _unexpectedType(0, 4, 6));
    }

    function test_refusesOtherArrays() public {
        bytes memory evidence = document(parts);
        evidence[0] = 0x83;
        _refuse(evidence, abi.encodeWithSelector(AttestationDocument.NotSign1.selector, 3));
    }

    function test_refusesTrailingBytes() public {
        bytes memory evidence = document(parts);
        _refuse(
            bytes.concat(evidence, hex"00"),
            abi.encodeWithSelector(AttestationDocument.TrailingBytes.selector, evidence.length)
        );
        uint256 end = payloadOf(parts).length;
        parts.fields.push(hex"f6");
        _refuseParts(abi.encodeWithSelector(AttestationDocument.TrailingBytes.selector, end));
    }

    function test_refusesEveryTruncation() public view {
        bytes memory evidence = document(parts);
        for (uint256 size = evidence.length - 1; size > 0; --size) {
            assembly ("memory-safe") {
                mstore(evidence, size)
            }
            assertFalse(_accepts(evidence), "truncated evidence is accepted");
        }
    }

    /// @dev Every bit of every region is covered by the form or by the signature.
    function test_refusesAFlipOfEveryByte() public view {
        bytes memory evidence = document(parts);
        assertTrue(_accepts(evidence), "the evidence before any flip");
        for (uint256 i = 0; i < evidence.length; ++i) {
            bytes1 before = evidence[i];
            evidence[i] = before ^ bytes1(uint8(1 << (i % 8)));
            assertFalse(_accepts(evidence), "flipped evidence is accepted");
            evidence[i] = before;
        }
    }

    function testFuzz_refusesMutations(uint256 offset, bytes1 flips, uint256 other, bytes1 more) public view {
        bytes memory evidence = document(parts);
        (offset, other) = (bound(offset, 0, evidence.length - 1), bound(other, 0, evidence.length - 1));
        bytes32 before = keccak256(evidence);
        evidence[offset] ^= flips;
        evidence[other] ^= more;
        assertEq(_accepts(evidence), keccak256(evidence) == before, "only the evidence itself is accepted");
    }

    function testFuzz_refusesAnyBytes(bytes calldata evidence) public view {
        assertFalse(_accepts(evidence), "arbitrary bytes are accepted");
    }

    function test_refusesMissingFields() public {
        parts.fields.pop();
        _refuseParts(abi.encodeWithSelector(Cbor.CborTruncated.selector, payloadOf(parts).length));
        parts.payloadHead = hex"a8";
        _refuseParts(abi.encodeWithSelector(AttestationDocument.FieldCount.selector, 8));
    }

    function test_refusesAdditionalFields() public {
        parts.fields.push(field("more", hex"f6"));
        parts.payloadHead = hex"aa";
        _refuseParts(abi.encodeWithSelector(AttestationDocument.FieldCount.selector, 10));
    }

    function test_refusesUnknownFields() public {
        parts.fields[PUBLIC_KEY] = field("public_kez", hex"f6");
        _refuseParts(abi.encodeWithSelector(AttestationDocument.UnknownField.selector, "public_kez"));
    }

    function test_refusesRepeatedFields() public {
        string[9] memory keys =
            ["module_id", "digest", "timestamp", "pcrs", "certificate", "cabundle", "public_key", "user_data", "nonce"];
        for (uint256 i = 0; i < 9; ++i) {
            parts = documentParts(USER_DATA_HASH, NONCE_HASH);
            parts.fields[i == 8 ? 0 : 8] = parts.fields[i];
            _refuseParts(abi.encodeWithSelector(AttestationDocument.RepeatedField.selector, bytes(keys[i])));
        }
    }

    function test_refusesIndefiniteLengths() public {
        parts.payloadHead = hex"bf";
        parts.fields.push(hex"ff");
        _refuseParts(abi.encodeWithSelector(Cbor.CborNotCanonical.selector, 0));
    }

    function test_refusesLongForms() public {
        parts.payloadHead = hex"b809";
        _refuseParts(abi.encodeWithSelector(Cbor.CborNotCanonical.selector, 0));
    }

    function test_refusesAnotherDigest() public {
        parts.fields[DIGEST] = field("digest", text("SHA256"));
        _refuseParts(abi.encodeWithSelector(AttestationDocument.UnknownDigest.selector, "SHA256"));
    }

    function test_refusesAPublicKey() public {
        parts.fields[PUBLIC_KEY] = field("public_key", byteString("key"));
        _refuseParts(abi.encodeWithSelector(Cbor.CborNotNull.selector, _valueOffset(PUBLIC_KEY)));
    }

    function test_refusesOtherRegisters() public {
        bytes[] memory registers = new bytes[](15);
        parts.fields[PCRS] = field("pcrs", pcrs(registers));
        _refuseParts(abi.encodeWithSelector(AttestationDocument.RegisterCount.selector, 15));
        parts.fields[PCRS] = field("pcrs", pcrs(new bytes[](17)));
        _refuseParts(abi.encodeWithSelector(AttestationDocument.RegisterCount.selector, 17));

        registers = defaultRegisters();
        registers[15] = new bytes(47);
        parts.fields[PCRS] = field("pcrs", pcrs(registers));
        _refuseParts(abi.encodeWithSelector(AttestationDocument.RegisterSize.selector, 15, 47));
    }

    function test_refusesRepeatedRegisters() public {
        bytes memory map = pcrs(defaultRegisters());
        map[1 + 51] = 0x00;
        parts.fields[PCRS] = field("pcrs", map);
        _refuseParts(abi.encodeWithSelector(AttestationDocument.RegisterIndex.selector, 0));
        map[1 + 51] = 0x10;
        parts.fields[PCRS] = field("pcrs", map);
        _refuseParts(abi.encodeWithSelector(AttestationDocument.RegisterIndex.selector, 16));
    }

    function _refuseParts(bytes memory error_) private {
        _refuse(document(parts), error_);
    }

    function _refuse(bytes memory evidence, bytes memory error_) private {
        vm.expectRevert(error_);
        verifier.verify(evidence, "");
    }

    function _accepts(bytes memory evidence) private view returns (bool) {
        try verifier.verify(evidence, "") {
            return true;
        } catch {
            return false;
        }
    }

    function _outside(bytes32 id, uint256 notBefore, uint256 notAfter, uint256 time)
        private
        pure
        returns (bytes memory)
    {
        return abi.encodeWithSelector(SimulatedVerifier.OutsideValidity.selector, id, notBefore, notAfter, time);
    }

    function _unexpectedType(uint256 offset, uint8 expected, uint8 actual) private pure returns (bytes memory) {
        return abi.encodeWithSelector(Cbor.CborUnexpectedType.selector, offset, expected, actual);
    }

    /// @dev Where the value of the field begins in the payload.
    function _valueOffset(uint256 index) private view returns (uint256 offset) {
        offset = parts.payloadHead.length;
        for (uint256 i = 0; i < index; ++i) {
            offset += parts.fields[i].length;
        }
        return offset + 1 + (uint8(parts.fields[index][0]) & 0x1f);
    }
}
