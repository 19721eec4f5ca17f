// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Cbor} from "./Cbor.sol";
import {Span, spanOf} from "./Span.sol";

/// @title Reader of AWS Nitro's attestation document, an untagged COSE_Sign1 (RFC 9052) over a CBOR map
/// @notice Form only: who signed it, when, and what it must contain are for the verifier. It copies nothing: spans are of
/// the calldata that was parsed. Source: aws-nitro-enclaves-nsm-api, docs/attestation_process.md.
library AttestationDocument {
    /// @param payloadItem the payload, a byte string, with its head
    /// @param moduleId empty where it is missing, as all that may be missing or null
    /// @param timestamp milliseconds
    /// @param registers PCR0, PCR1 and PCR2, 48 bytes each or empty
    struct Document {
        Span payloadItem;
        Span signature;
        Span moduleId;
        uint64 timestamp;
        Span[3] registers;
        Span certificate;
        Span[] cabundle;
        Span userData;
        Span nonce;
    }

    /// @notice What a verifier takes.
    /// @param protectedHeader the only one accepted: it names the signature's algorithm
    /// @param exact of the simulated TEE: a map of definite length with each of the nine keys, a null public key, and
    /// registers 0 to 15. Of AWS's: a map of indefinite length too, optional fields null or missing, any registers of 32.
    struct Form {
        bytes protectedHeader;
        bool exact;
    }

    /// @notice Bytes.
    uint256 internal constant MAX_PAYLOAD = 16_384;
    uint256 internal constant MAX_CERTIFICATE = 1024;

    uint256 private constant FIELDS = 9;
    uint256 private constant EXACT_REGISTERS = 16;
    uint256 private constant MAX_REGISTERS = 32;
    uint256 private constant REGISTER_SIZE = 48;
    uint256 private constant MAX_CABUNDLE = 8;
    uint256 private constant MAX_MODULE_ID = 128;
    uint256 private constant MAX_PUBLIC_KEY = 1024;
    uint256 private constant MAX_DATA = 512;

    /// @dev 1 in each byte.
    uint256 private constant ONES = 0x0101010101010101010101010101010101010101010101010101010101010101;

    bytes1 private constant INDEFINITE_MAP = 0xbf;
    bytes1 private constant BREAK = 0xff;

    // A bit for each key, in the order of AWS's documents; public_key, user_data and nonce may be missing.
    uint256 private constant MODULE_ID = 1;
    uint256 private constant DIGEST = 2;
    uint256 private constant TIMESTAMP = 4;
    uint256 private constant PCRS = 8;
    uint256 private constant CERTIFICATE = 16;
    uint256 private constant CABUNDLE = 32;
    uint256 private constant PUBLIC_KEY = 64;
    uint256 private constant USER_DATA = 128;
    uint256 private constant NONCE = 256;
    uint256 private constant REQUIRED = 63;

    error ProtectedHeader(bytes header);
    error NotSign1(uint256 entries);
    error UnprotectedHeader(uint256 entries);
    error TrailingBytes(uint256 offset);
    error PayloadTooLarge(uint256 size);
    error FieldCount(uint256 fields);
    error UnknownField(bytes key);
    error RepeatedField(bytes key);
    error MissingField(uint256 present);
    error FieldSize(uint256 offset, uint256 size);
    error EndlessMap();
    error InvalidModuleId();
    error UnknownDigest(bytes digest);
    error ZeroTimestamp();
    error RegisterCount(uint256 registers);
    error RegisterIndex(uint256 index);
    error RegisterSize(uint256 index, uint256 size);
    error CabundleSize(uint256 certificates);

    function parse(bytes calldata data, Form memory form) internal pure returns (Document memory document) {
        (uint256 entries, uint256 offset) = Cbor.head(data, 0, Cbor.ARRAY);
        if (entries != 4) revert NotSign1(entries);
        bytes calldata value;
        (value, offset) = Cbor.byteString(data, offset);
        if (keccak256(value) != keccak256(form.protectedHeader)) revert ProtectedHeader(value);
        (entries, offset) = Cbor.head(data, offset, Cbor.MAP);
        if (entries != 0) revert UnprotectedHeader(entries);

        uint256 start = offset;
        (value, offset) = Cbor.byteString(data, offset);
        if (value.length > MAX_PAYLOAD) revert PayloadTooLarge(value.length);
        document.payloadItem = spanOf(data[start:offset]);
        _parsePayload(document, value, form.exact);
        (value, offset) = Cbor.byteString(data, offset);
        document.signature = spanOf(value);
        if (offset != data.length) revert TrailingBytes(offset);
    }

    /// @notice What is signed, the Sig_structure (RFC 9052, 4.4): ["Signature1", protected, h'', payload].
    function toBeSigned(Document memory document, Form memory form) internal pure returns (bytes memory) {
        // forge-lint: disable-next-line(unsafe-typecast) headers are constants of a few bytes
        bytes1 size = bytes1(uint8(0x40 + form.protectedHeader.length));
        bytes calldata payload = document.payloadItem.slice();
        return abi.encodePacked(hex"846a", "Signature1", size, form.protectedHeader, hex"40", payload);
    }

    function _parsePayload(Document memory document, bytes calldata payload, bool exact) private pure {
        if (!exact && payload.length > 0 && payload[0] == INDEFINITE_MAP) {
            if (payload[payload.length - 1] != BREAK) revert EndlessMap();
            _parseFields(document, payload[:payload.length - 1], 1, type(uint256).max, exact);
            return;
        }
        (uint256 fields, uint256 offset) = Cbor.head(payload, 0, Cbor.MAP);
        if (exact ? fields != FIELDS : fields > FIELDS) revert FieldCount(fields);
        _parseFields(document, payload, offset, fields, exact);
    }

    /// @param fields how many there must be; the largest number for as many as there are
    function _parseFields(Document memory document, bytes calldata payload, uint256 offset, uint256 fields, bool exact)
        private
        pure
    {
        uint256 seen;
        bool endless = fields == type(uint256).max;
        for (uint256 i = 0; endless ? offset < payload.length : i < fields; ++i) {
            bytes calldata key;
            (key, offset) = Cbor.text(payload, offset);
            uint256 bit = _bitOf(key);
            if (bit == 0) revert UnknownField(key);
            if (seen & bit != 0) revert RepeatedField(key);
            seen |= bit;
            offset = bit & REQUIRED != 0
                ? _parseRequired(document, bit, payload, offset, exact)
                : _parseOptional(document, bit, payload, offset, exact);
        }
        if (offset != payload.length) revert TrailingBytes(offset);
        if (seen & REQUIRED != REQUIRED) revert MissingField(seen);
    }

    /// @return one bit for each known key, zero for an unknown one
    function _bitOf(bytes calldata key) private pure returns (uint256) {
        bytes32 hash = keccak256(key);
        if (hash == keccak256("module_id")) return MODULE_ID;
        if (hash == keccak256("digest")) return DIGEST;
        if (hash == keccak256("timestamp")) return TIMESTAMP;
        if (hash == keccak256("pcrs")) return PCRS;
        if (hash == keccak256("certificate")) return CERTIFICATE;
        if (hash == keccak256("cabundle")) return CABUNDLE;
        if (hash == keccak256("public_key")) return PUBLIC_KEY;
        if (hash == keccak256("user_data")) return USER_DATA;
        return hash == keccak256("nonce") ? NONCE : 0;
    }

    function _parseRequired(Document memory document, uint256 bit, bytes calldata payload, uint256 offset, bool exact)
        private
        pure
        returns (uint256 next)
    {
        bytes calldata value;
        if (bit == MODULE_ID) {
            (value, next) = Cbor.text(payload, offset);
            if (!exact && !_isModuleId(value)) revert InvalidModuleId();
            document.moduleId = spanOf(value);
        } else if (bit == DIGEST) {
            (value, next) = Cbor.text(payload, offset);
            if (keccak256(value) != keccak256("SHA384")) revert UnknownDigest(value);
        } else if (bit == TIMESTAMP) {
            (document.timestamp, next) = Cbor.unsigned(payload, offset);
            if (document.timestamp == 0) revert ZeroTimestamp();
        } else if (bit == PCRS) {
            next = _parseRegisters(document, payload, offset, exact);
        } else if (bit == CERTIFICATE) {
            (document.certificate, next) = _bytes(payload, offset, 1, MAX_CERTIFICATE);
        } else {
            next = _parseCabundle(document, payload, offset);
        }
    }

    function _parseOptional(Document memory document, uint256 bit, bytes calldata payload, uint256 offset, bool exact)
        private
        pure
        returns (uint256 next)
    {
        if (exact && bit == PUBLIC_KEY) return Cbor.nil(payload, offset);
        if (!exact && Cbor.isNil(payload, offset)) return offset + 1;
        if (bit == PUBLIC_KEY) (, next) = _bytes(payload, offset, 1, MAX_PUBLIC_KEY);
        else if (bit == USER_DATA) (document.userData, next) = _bytes(payload, offset, 0, MAX_DATA);
        else (document.nonce, next) = _bytes(payload, offset, 0, MAX_DATA);
    }

    /// @dev Each at most once, in any order.
    function _parseRegisters(Document memory document, bytes calldata payload, uint256 offset, bool exact)
        private
        pure
        returns (uint256)
    {
        uint256 count;
        (count, offset) = Cbor.head(payload, offset, Cbor.MAP);
        uint256 limit = exact ? EXACT_REGISTERS : MAX_REGISTERS;
        if (count == 0 || count > limit || (exact && count != limit)) revert RegisterCount(count);
        uint256 seen;
        for (uint256 i = 0; i < count; ++i) {
            uint256 index;
            bytes calldata value;
            (index, offset) = Cbor.head(payload, offset, Cbor.UNSIGNED);
            if (index >= limit || seen & (1 << index) != 0) revert RegisterIndex(index);
            seen |= 1 << index;
            (value, offset) = Cbor.byteString(payload, offset);
            if (value.length != REGISTER_SIZE) revert RegisterSize(index, value.length);
            if (index < 3) document.registers[index] = spanOf(value);
        }
        return offset;
    }

    function _parseCabundle(Document memory document, bytes calldata payload, uint256 offset)
        private
        pure
        returns (uint256)
    {
        uint256 count;
        (count, offset) = Cbor.head(payload, offset, Cbor.ARRAY);
        if (count == 0 || count > MAX_CABUNDLE) revert CabundleSize(count);
        document.cabundle = new Span[](count);
        for (uint256 i = 0; i < count; ++i) {
            (document.cabundle[i], offset) = _bytes(payload, offset, 1, MAX_CERTIFICATE);
        }
        return offset;
    }

    function _bytes(bytes calldata payload, uint256 offset, uint256 min, uint256 max)
        private
        pure
        returns (Span span, uint256 next)
    {
        bytes calldata value;
        (value, next) = Cbor.byteString(payload, offset);
        if (value.length < min || value.length > max) revert FieldSize(offset, value.length);
        return (spanOf(value), next);
    }

    /// @dev 1 to 128 printable characters, "!" (0x21) to "~" (0x7e); 32 at a time.
    function _isModuleId(bytes calldata text) private pure returns (bool) {
        if (text.length == 0 || text.length > MAX_MODULE_ID) return false;
        for (uint256 i = 0; i < text.length; i += 32) {
            uint256 word = uint256(bytes32(text[i:]));
            // What is behind the end counts as "!".
            if (text.length - i < 32) word |= (ONES * 0x21) >> (8 * (text.length - i));
            // In each byte, bit 7 says: beyond ASCII; 0x7f; at least 0x21. No sum runs into the next byte.
            uint256 ascii = word & (ONES * 0x7f);
            uint256 wrong = word | (ascii + ONES) | ~(ascii + ONES * 0x5f);
            if (wrong & (ONES * 0x80) != 0) return false;
        }
        return true;
    }
}
