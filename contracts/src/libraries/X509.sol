// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Der} from "./Der.sol";

/// @title Strict reader of X.509 version 3 certificates (RFC 5280) as attestation chains have them
/// @notice It reads and checks the form; signatures, validity, names and constraints are for the caller to compare.
/// Unknown critical extensions, repeated extensions and unique identifiers are errors.
library X509 {
    /// @param signed the signed part, tag and length included
    /// @param signatureAlgorithm, keyAlgorithm hashes of the AlgorithmIdentifiers, tag and length included
    /// @param r, s the digits of the ECDSA signature
    /// @param issuer, subject hashes of the names' content
    /// @param publicKey what the key's bit string holds
    /// @param keyUsage the first byte of the bit string, most significant bit first; 0 without the extension
    /// @param pathLength of a CA; type(uint256).max without one
    struct Certificate {
        bytes signed;
        bytes32 signatureAlgorithm;
        bytes r;
        bytes s;
        bytes32 issuer;
        bytes32 subject;
        uint64 notBefore;
        uint64 notAfter;
        bytes32 keyAlgorithm;
        bytes publicKey;
        bool ca;
        uint256 pathLength;
        uint8 keyUsage;
    }

    uint8 internal constant DIGITAL_SIGNATURE = 0x80;
    uint8 internal constant KEY_CERT_SIGN = 0x04;

    uint256 internal constant NO_PATH_LENGTH = type(uint256).max;

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

    function parse(bytes calldata der) internal pure returns (Certificate memory certificate) {
        bytes calldata body = Der.only(der, Der.SEQUENCE);
        (bytes calldata tbs, uint256 offset) = Der.element(body, 0, Der.SEQUENCE);
        certificate.signed = body[:offset];

        uint256 start = offset;
        (, offset) = Der.element(body, offset, Der.SEQUENCE);
        certificate.signatureAlgorithm = keccak256(body[start:offset]);
        (bytes calldata signature, uint256 next) = Der.element(body, offset, Der.BIT_STRING);
        Der.end(body, next);
        (certificate.r, certificate.s) = Der.signature(_wholeBytes(signature));
        _parseSigned(certificate, tbs);
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
        certificate.subject = keccak256(content);
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
        if (content.length > 20 || Der.toUint(content) == 0) revert X509Serial();
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
        certificate.publicKey = _wholeBytes(key);
    }

    function _parseExtensions(Certificate memory certificate, bytes calldata extensions) private pure {
        (bool constrained, bool used) = (false, false);
        certificate.pathLength = NO_PATH_LENGTH;
        for (uint256 offset = 0; offset < extensions.length;) {
            bytes calldata extension;
            (extension, offset) = Der.element(extensions, offset, Der.SEQUENCE);
            (bytes calldata id, bool critical, bytes calldata value) = _parseExtension(extension);
            if (id.length == 3 && bytes3(id) == BASIC_CONSTRAINTS) {
                if (constrained) revert X509RepeatedExtension();
                constrained = true;
                _parseBasicConstraints(certificate, Der.only(value, Der.SEQUENCE));
            } else if (id.length == 3 && bytes3(id) == KEY_USAGE) {
                if (used) revert X509RepeatedExtension();
                used = true;
                certificate.keyUsage = _parseKeyUsage(Der.only(value, Der.BIT_STRING));
            } else if (critical) {
                revert X509UnknownCriticalExtension();
            }
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
        }
        Der.end(content, offset);
    }

    /// @dev All usages but decipherOnly are in the first byte.
    function _parseKeyUsage(bytes calldata bits) private pure returns (uint8) {
        if (bits.length < 2 || bits.length > 3 || uint8(bits[0]) > 7) revert X509BitString();
        uint8 last = uint8(bits[bits.length - 1]);
        if (last & ((1 << uint8(bits[0])) - 1) != 0) revert X509BitString();
        return uint8(bits[1]);
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
