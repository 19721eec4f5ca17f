// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Der} from "./Der.sol";
import {Span, spanOf} from "./Span.sol";

/// @title Strict reader of X.509 version 3 certificates (RFC 5280) as attestation chains have them
/// @notice It reads and checks the form; signatures, validity, names and constraints are for the caller to compare.
/// Unknown critical extensions, extensions that are repeated, whatever they are, and unique identifiers are errors.
library X509 {
    /// @param signed the signed part, tag and length included; spans are of the calldata that was parsed
    /// @param signatureAlgorithm, keyAlgorithm hashes of the AlgorithmIdentifiers, tag and length included
    /// @param r, s the digits of the ECDSA signature
    /// @param issuer, subject hashes of the names' content
    /// @param subjectName, publicKey where the subject's content is, and what the key's bit string holds
    /// @param keyUsage the first byte of the bit string, most significant bit first; 0 without the extension
    /// @param pathLength of a CA; type(uint256).max without one
    struct Certificate {
        Span signed;
        bytes32 signatureAlgorithm;
        Span r;
        Span s;
        bytes32 issuer;
        bytes32 subject;
        uint64 notBefore;
        uint64 notAfter;
        bytes32 keyAlgorithm;
        Span subjectName;
        Span publicKey;
        bool ca;
        uint256 pathLength;
        uint8 keyUsage;
    }

    uint8 internal constant DIGITAL_SIGNATURE = 0x80;
    uint8 internal constant KEY_CERT_SIGN = 0x04;

    uint256 internal constant NO_PATH_LENGTH = type(uint256).max;

    /// @dev RFC 5280, 4.1.2.2. Zero is taken too: a serial number decides nothing here.
    uint256 private constant MAX_SERIAL = 20;

    /// @dev Of an extension in DER: a sequence of an empty identifier and an empty value.
    uint256 private constant MIN_EXTENSION = 6;

    uint8 private constant TAG_0 = 0xa0;
    uint8 private constant TAG_3 = 0xa3;
    bytes3 private constant BASIC_CONSTRAINTS = 0x551d13;
    bytes3 private constant KEY_USAGE = 0x551d0f;

    error X509Version();
    error X509Serial();
    error X509SignatureAlgorithm();
    error X509BitString();
    error X509Boolean();
    error X509RepeatedExtension();
    error X509UnknownCriticalExtension();
    error X509PathLength();

    /// @notice The signed part of a certificate whose form was checked before, tag and length included.
    function signedPart(bytes calldata der) internal pure returns (bytes calldata) {
        bytes calldata body = Der.only(der, Der.SEQUENCE);
        (, uint256 offset) = Der.element(body, 0, Der.SEQUENCE);
        return body[:offset];
    }

    function parse(bytes calldata der) internal pure returns (Certificate memory certificate) {
        bytes calldata body = Der.only(der, Der.SEQUENCE);
        (bytes calldata tbs, uint256 offset) = Der.element(body, 0, Der.SEQUENCE);
        certificate.signed = spanOf(body[:offset]);

        uint256 start = offset;
        (, offset) = Der.element(body, offset, Der.SEQUENCE);
        certificate.signatureAlgorithm = keccak256(body[start:offset]);
        (bytes calldata signature, uint256 next) = Der.element(body, offset, Der.BIT_STRING);
        Der.end(body, next);
        _parseSignature(certificate, _wholeBytes(signature));
        _parseSigned(certificate, tbs);
    }

    function _parseSignature(Certificate memory certificate, bytes calldata signature) private pure {
        (bytes calldata r, bytes calldata s) = Der.signature(signature);
        (certificate.r, certificate.s) = (spanOf(r), spanOf(s));
    }

    function _parseSigned(Certificate memory certificate, bytes calldata tbs) private pure {
        uint256 offset = _parseVersionAndSerial(tbs);
        uint256 start = offset;
        (, offset) = Der.element(tbs, offset, Der.SEQUENCE);
        if (keccak256(tbs[start:offset]) != certificate.signatureAlgorithm) revert X509SignatureAlgorithm();

        bytes calldata content;
        (content, offset) = Der.element(tbs, offset, Der.SEQUENCE);
        certificate.issuer = keccak256(content);
        (content, offset) = Der.element(tbs, offset, Der.SEQUENCE);
        _parseValidity(certificate, content);
        (content, offset) = Der.element(tbs, offset, Der.SEQUENCE);
        (certificate.subject, certificate.subjectName) = (keccak256(content), spanOf(content));
        (content, offset) = Der.element(tbs, offset, Der.SEQUENCE);
        _parseKey(certificate, content);
        (content, offset) = Der.element(tbs, offset, TAG_3);
        Der.end(tbs, offset);
        _parseExtensions(certificate, Der.only(content, Der.SEQUENCE));
    }

    function _parseVersionAndSerial(bytes calldata tbs) private pure returns (uint256 offset) {
        bytes calldata content;
        (content, offset) = Der.element(tbs, 0, TAG_0);
        if (Der.toUint(Der.only(content, Der.INTEGER)) != 2) revert X509Version();
        (content, offset) = Der.element(tbs, offset, Der.INTEGER);
        if (Der.digits(content).length > MAX_SERIAL) revert X509Serial();
    }

    function _parseValidity(Certificate memory certificate, bytes calldata validity) private pure {
        uint256 offset;
        (certificate.notBefore, offset) = Der.time(validity, 0);
        (certificate.notAfter, offset) = Der.time(validity, offset);
        Der.end(validity, offset);
    }

    function _parseKey(Certificate memory certificate, bytes calldata info) private pure {
        (, uint256 offset) = Der.element(info, 0, Der.SEQUENCE);
        certificate.keyAlgorithm = keccak256(info[:offset]);
        (bytes calldata key, uint256 next) = Der.element(info, offset, Der.BIT_STRING);
        Der.end(info, next);
        certificate.publicKey = spanOf(_wholeBytes(key));
    }

    function _parseExtensions(Certificate memory certificate, bytes calldata extensions) private pure {
        certificate.pathLength = NO_PATH_LENGTH;
        bytes32[] memory seen = new bytes32[](extensions.length / MIN_EXTENSION);
        uint256 count;
        for (uint256 offset = 0; offset < extensions.length; ++count) {
            bytes calldata extension;
            (extension, offset) = Der.element(extensions, offset, Der.SEQUENCE);
            (bytes calldata id, bool critical, bytes calldata value) = _parseExtension(extension);
            seen[count] = keccak256(id);
            _requireNew(seen, count);
            if (id.length == 3 && bytes3(id) == BASIC_CONSTRAINTS) {
                _parseBasicConstraints(certificate, Der.only(value, Der.SEQUENCE));
            } else if (id.length == 3 && bytes3(id) == KEY_USAGE) {
                certificate.keyUsage = _parseKeyUsage(Der.only(value, Der.BIT_STRING));
            } else if (critical) {
                revert X509UnknownCriticalExtension();
            }
        }
    }

    /// @dev Whether the last identifier is not among those before it.
    function _requireNew(bytes32[] memory seen, uint256 last) private pure {
        for (uint256 i = 0; i < last; ++i) {
            if (seen[i] == seen[last]) revert X509RepeatedExtension();
        }
    }

    function _parseExtension(bytes calldata extension)
        private
        pure
        returns (bytes calldata id, bool critical, bytes calldata value)
    {
        uint256 offset;
        (id, offset) = Der.element(extension, 0, Der.OID);
        (critical, offset) = _defaultFalse(extension, offset);
        (value, offset) = Der.element(extension, offset, Der.OCTET_STRING);
        Der.end(extension, offset);
    }

    function _parseBasicConstraints(Certificate memory certificate, bytes calldata content) private pure {
        uint256 offset;
        (certificate.ca, offset) = _defaultFalse(content, 0);
        if (offset < content.length) {
            if (!certificate.ca) revert X509PathLength();
            bytes calldata pathLength;
            (pathLength, offset) = Der.element(content, offset, Der.INTEGER);
            certificate.pathLength = Der.toUint(pathLength);
            if (certificate.pathLength > type(uint8).max) revert X509PathLength();
        }
        Der.end(content, offset);
    }

    /// @dev All usages but decipherOnly are in the first byte; a second byte is refused. No bits at all are no usage.
    function _parseKeyUsage(bytes calldata bits) private pure returns (uint8 usage) {
        if (bits.length == 0 || bits.length > 2 || uint8(bits[0]) > 7) revert X509BitString();
        if (bits.length == 2) usage = uint8(bits[1]);
        if (usage & ((1 << uint8(bits[0])) - 1) != 0) revert X509BitString();
    }

    /// @dev BOOLEAN DEFAULT FALSE: DER omits the default, and true is 0xff.
    function _defaultFalse(bytes calldata der, uint256 offset) private pure returns (bool value, uint256 next) {
        if (!Der.has(der, offset, Der.BOOLEAN)) return (false, offset);
        bytes calldata content;
        (content, next) = Der.element(der, offset, Der.BOOLEAN);
        if (content.length != 1 || content[0] != 0xff) revert X509Boolean();
        return (true, next);
    }

    function _wholeBytes(bytes calldata bits) private pure returns (bytes calldata) {
        if (bits.length == 0 || bits[0] != 0) revert X509BitString();
        return bits[1:];
    }
}
