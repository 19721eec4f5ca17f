// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SimulatedVerifier} from "../../src/attest/SimulatedVerifier.sol";
import {Test} from "./Test.sol";

/// @notice Makes simulated evidence and its certificates, valid ones and, by changing one part, broken ones. Written
/// from docs/protocol.md and the RFCs, apart from the readers under test and from the simulator's own writers.
abstract contract EvidenceBuilder is Test {
    /// @notice A certificate's parts, each in DER with tag and length.
    struct CertificateParts {
        bytes version;
        bytes serial;
        bytes algorithm;
        bytes issuer;
        bytes validity;
        bytes subject;
        bytes publicKey;
        bytes[] extensions;
        bytes outerAlgorithm;
        uint256 signer;
    }

    /// @notice A document's parts, in CBOR; `fields` are the payload's keys with their values.
    struct DocumentParts {
        bytes protectedHeader;
        bytes unprotectedHeader;
        bytes payloadHead;
        bytes[] fields;
        uint256 signer;
    }

    uint256 internal constant P256_ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551;
    uint256 internal constant ROOT_KEY = uint256(keccak256("root"));
    uint256 internal constant LEAF_KEY = uint256(keccak256("leaf"));
    string internal constant ROOT_NAME = "SIMULATED-NOT-FOR-PRODUCTION";

    /// @dev 2026-11-22 01:00:00 UTC; the leaf is valid from 00:30 to 03:30, the root from 2025 to 2035.
    uint256 internal constant NOW = 1_795_309_200;
    uint256 internal constant LEAF_NOT_BEFORE = NOW - 30 minutes;
    uint256 internal constant LEAF_NOT_AFTER = NOW + 150 minutes;
    uint256 internal constant ROOT_NOT_AFTER = 2_082_758_399;

    uint256 internal constant MODULE_ID = 0;
    uint256 internal constant DIGEST = 1;
    uint256 internal constant TIMESTAMP = 2;
    uint256 internal constant PCRS = 3;
    uint256 internal constant CERTIFICATE = 4;
    uint256 internal constant CABUNDLE = 5;
    uint256 internal constant PUBLIC_KEY = 6;
    uint256 internal constant USER_DATA = 7;
    uint256 internal constant NONCE = 8;

    bytes internal constant BASIC_CONSTRAINTS_CA = hex"300f0603551d130101ff040530030101ff";
    bytes internal constant BASIC_CONSTRAINTS_LEAF = hex"300c0603551d130101ff04023000";
    bytes internal constant KEY_USAGE_CERT_SIGN = hex"300e0603551d0f0101ff040403020204";
    bytes internal constant KEY_USAGE_SIGNATURE = hex"300e0603551d0f0101ff040403020780";

    function rootParts() internal view returns (CertificateParts memory parts) {
        parts = _parts(ROOT_NAME, ROOT_KEY);
        parts.validity = validity("250101000000Z", "351231235959Z");
        parts.extensions = _pair(BASIC_CONSTRAINTS_CA, KEY_USAGE_CERT_SIGN);
    }

    function leafParts() internal view returns (CertificateParts memory parts) {
        parts = _parts("simulated-enclave", LEAF_KEY);
        parts.validity = validity("261122003000Z", "261122033000Z");
        parts.extensions = _pair(BASIC_CONSTRAINTS_LEAF, KEY_USAGE_SIGNATURE);
    }

    function root() internal view returns (bytes memory) {
        return certificate(rootParts());
    }

    function leaf() internal view returns (bytes memory) {
        return certificate(leafParts());
    }

    /// @notice A verifier with the root and the leaf cached.
    function deployVerifier() internal returns (SimulatedVerifier verifier) {
        verifier = new SimulatedVerifier(sha256(root()));
        verifier.cacheCertificate(root(), verifier.rootId(), "");
        verifier.cacheCertificate(leaf(), verifier.rootId(), "");
    }

    function certificate(CertificateParts memory parts) internal pure returns (bytes memory) {
        bytes memory signed = signedPart(parts);
        return certificate(parts, derSignature(parts.signer, signed));
    }

    function certificate(CertificateParts memory parts, bytes memory signature) internal pure returns (bytes memory) {
        return der(0x30, bytes.concat(signedPart(parts), parts.outerAlgorithm, bitString(signature)));
    }

    function signedPart(CertificateParts memory parts) internal pure returns (bytes memory) {
        bytes memory names = bytes.concat(parts.issuer, parts.validity, parts.subject);
        bytes memory extensions;
        for (uint256 i = 0; i < parts.extensions.length; ++i) {
            extensions = bytes.concat(extensions, parts.extensions[i]);
        }
        bytes memory head_ = bytes.concat(parts.version, parts.serial, parts.algorithm);
        return der(0x30, bytes.concat(head_, names, parts.publicKey, der(0xa3, der(0x30, extensions))));
    }

    function documentParts(bytes32 userData, bytes32 nonce) internal view returns (DocumentParts memory parts) {
        parts.protectedHeader = hex"a10126";
        parts.unprotectedHeader = hex"a0";
        parts.payloadHead = hex"a9";
        parts.signer = LEAF_KEY;
        parts.fields = new bytes[](9);
        parts.fields[MODULE_ID] = field("module_id", text("simulated-i-0123456789abcdef0"));
        parts.fields[DIGEST] = field("digest", text("SHA384"));
        parts.fields[TIMESTAMP] = field("timestamp", head(0, block.timestamp * 1000 + 250));
        parts.fields[PCRS] = field("pcrs", pcrs(defaultRegisters()));
        parts.fields[CERTIFICATE] = field("certificate", byteString(leaf()));
        parts.fields[CABUNDLE] = field("cabundle", bytes.concat(hex"81", byteString(root())));
        parts.fields[PUBLIC_KEY] = field("public_key", hex"f6");
        parts.fields[USER_DATA] = field("user_data", byteString(abi.encode(userData)));
        parts.fields[NONCE] = field("nonce", byteString(abi.encode(nonce)));
    }

    function document(DocumentParts memory parts) internal pure returns (bytes memory) {
        bytes memory payload = payloadOf(parts);
        return document(parts, payload, rawSignature(parts.signer, sigStructure(parts.protectedHeader, payload)));
    }

    function document(DocumentParts memory parts, bytes memory payload, bytes memory signature)
        internal
        pure
        returns (bytes memory)
    {
        bytes memory headers = bytes.concat(byteString(parts.protectedHeader), parts.unprotectedHeader);
        return bytes.concat(hex"84", headers, byteString(payload), byteString(signature));
    }

    function payloadOf(DocumentParts memory parts) internal pure returns (bytes memory payload) {
        payload = parts.payloadHead;
        for (uint256 i = 0; i < parts.fields.length; ++i) {
            payload = bytes.concat(payload, parts.fields[i]);
        }
    }

    function sigStructure(bytes memory protectedHeader, bytes memory payload) internal pure returns (bytes memory) {
        return bytes.concat(hex"84", text("Signature1"), byteString(protectedHeader), hex"40", byteString(payload));
    }

    /// @dev As the simulated TEE has them: 0, 1 and 2 measure the manifest, the others are zero but for 4.
    function defaultRegisters() internal pure returns (bytes[] memory registers) {
        registers = new bytes[](16);
        for (uint256 i = 0; i < 16; ++i) {
            registers[i] = new bytes(48);
        }
        registers[0] = registers[1] = registers[2] = bytes.concat(keccak256("manifest"), bytes16(keccak256("rest")));
        registers[4] = bytes.concat(keccak256("instance"), bytes16(0));
    }

    function measurementOf(bytes[] memory registers) internal pure returns (bytes32) {
        return sha256(bytes.concat(hex"01", registers[0], registers[1], registers[2]));
    }

    function pcrs(bytes[] memory registers) internal pure returns (bytes memory map) {
        map = head(5, registers.length);
        for (uint256 i = 0; i < registers.length; ++i) {
            map = bytes.concat(map, head(0, i), byteString(registers[i]));
        }
    }

    function field(string memory key, bytes memory value) internal pure returns (bytes memory) {
        return bytes.concat(text(key), value);
    }

    function text(string memory value) internal pure returns (bytes memory) {
        return bytes.concat(head(3, bytes(value).length), bytes(value));
    }

    function byteString(bytes memory value) internal pure returns (bytes memory) {
        return bytes.concat(head(2, value.length), value);
    }

    /// @notice CBOR head in its shortest form.
    function head(uint8 major, uint256 value) internal pure returns (bytes memory) {
        bytes1 type_ = bytes1(major << 5);
        if (value < 24) return abi.encodePacked(type_ | bytes1(uint8(value)));
        if (value < 1 << 8) return abi.encodePacked(type_ | 0x18, uint8(value));
        if (value < 1 << 16) return abi.encodePacked(type_ | 0x19, uint16(value));
        if (value < 1 << 32) return abi.encodePacked(type_ | 0x1a, uint32(value));
        return abi.encodePacked(type_ | 0x1b, uint64(value));
    }

    /// @notice DER element with a minimal length.
    function der(uint8 tag, bytes memory content) internal pure returns (bytes memory) {
        uint256 size = content.length;
        if (size < 0x80) return abi.encodePacked(tag, uint8(size), content);
        if (size < 0x100) return abi.encodePacked(tag, hex"81", uint8(size), content);
        return abi.encodePacked(tag, hex"82", uint16(size), content);
    }

    function bitString(bytes memory content) internal pure returns (bytes memory) {
        return der(0x03, bytes.concat(hex"00", content));
    }

    function integer(uint256 value) internal pure returns (bytes memory) {
        uint256 size = 1;
        while (size < 32 && value >> (8 * size) != 0) ++size;
        bytes memory digits = new bytes(size);
        for (uint256 i = 0; i < size; ++i) {
            digits[i] = bytes1(uint8(value >> (8 * (size - 1 - i))));
        }
        return der(0x02, uint8(digits[0]) > 0x7f ? bytes.concat(hex"00", digits) : digits);
    }

    function name(string memory commonName) internal pure returns (bytes memory) {
        bytes memory value = bytes.concat(hex"0603550403", der(0x0c, bytes(commonName)));
        return der(0x30, der(0x31, der(0x30, value)));
    }

    function validity(string memory from, string memory to) internal pure returns (bytes memory) {
        return der(0x30, bytes.concat(der(0x17, bytes(from)), der(0x17, bytes(to))));
    }

    function publicKeyInfo(uint256 privateKey) internal view returns (bytes memory) {
        (uint256 x, uint256 y) = vm.publicKeyP256(privateKey);
        bytes memory algorithm = hex"301306072a8648ce3d020106082a8648ce3d030107";
        return der(0x30, bytes.concat(algorithm, bitString(abi.encodePacked(hex"04", x, y))));
    }

    function rawSignature(uint256 privateKey, bytes memory message) internal pure returns (bytes memory) {
        (uint256 r, uint256 s) = lowSignature(privateKey, message);
        return abi.encodePacked(r, s);
    }

    function derSignature(uint256 privateKey, bytes memory message) internal pure returns (bytes memory) {
        (uint256 r, uint256 s) = lowSignature(privateKey, message);
        return derSignature(r, s);
    }

    /// @dev ECDSA with the lower of the two s.
    function lowSignature(uint256 privateKey, bytes memory message) internal pure returns (uint256, uint256) {
        (bytes32 r, bytes32 s) = vm.signP256(privateKey, sha256(message));
        return (uint256(r), uint256(s) > P256_ORDER / 2 ? P256_ORDER - uint256(s) : uint256(s));
    }

    function derSignature(uint256 r, uint256 s) internal pure returns (bytes memory) {
        return der(0x30, bytes.concat(integer(r), integer(s)));
    }

    function _parts(string memory subject, uint256 key) private view returns (CertificateParts memory parts) {
        parts.version = hex"a003020102";
        parts.serial = integer(0x1234567890abcdef);
        parts.algorithm = parts.outerAlgorithm = hex"300a06082a8648ce3d040302";
        parts.issuer = name(ROOT_NAME);
        parts.subject = name(subject);
        parts.publicKey = publicKeyInfo(key);
        parts.signer = ROOT_KEY;
    }

    function _pair(bytes memory first, bytes memory second) private pure returns (bytes[] memory pair) {
        pair = new bytes[](2);
        (pair[0], pair[1]) = (first, second);
    }
}
