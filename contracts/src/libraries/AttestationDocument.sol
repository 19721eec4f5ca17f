// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Cbor} from "./Cbor.sol";

/// @title Reader of AWS Nitro's attestation document, an untagged COSE_Sign1 (RFC 9052) over a CBOR map
/// @notice Form only: who signed it, when, and what it must contain are for the verifier. Each of the map's nine keys
/// occurs exactly once. Source: aws-nitro-enclaves-nsm-api, docs/attestation_process.md.
library AttestationDocument {
    /// @param toBeSigned the Sig_structure (RFC 9052, 4.4)
    /// @param timestamp milliseconds
    /// @param registers PCR0, PCR1 and PCR2, 48 bytes each
    struct Document {
        bytes toBeSigned;
        bytes signature;
        bytes moduleId;
        uint64 timestamp;
        bytes[3] registers;
        bytes certificate;
        bytes[] cabundle;
        bytes userData;
        bytes nonce;
    }

    uint256 private constant FIELDS = 9;
    uint256 private constant REGISTERS = 16;
    uint256 private constant REGISTER_SIZE = 48;
    uint256 private constant MAX_CABUNDLE = 8;

    error ProtectedHeader(bytes header);
    error NotSign1(uint256 entries);
    error UnprotectedHeader(uint256 entries);
    error TrailingBytes(uint256 offset);
    error FieldCount(uint256 fields);
    error UnknownField(bytes key);
    error RepeatedField(bytes key);
    error UnknownDigest(bytes digest);
    error RegisterCount(uint256 registers);
    error RegisterIndex(uint256 index);
    error RegisterSize(uint256 index, uint256 size);
    error CabundleSize(uint256 certificates);

    /// @param protectedHeader the only one accepted: it names the signature's algorithm
    function parse(bytes calldata data, bytes memory protectedHeader) internal pure returns (Document memory document) {
        (uint256 entries, uint256 offset) = Cbor.head(data, 0, Cbor.ARRAY);
        if (entries != 4) revert NotSign1(entries);
        bytes calldata value;
        (value, offset) = Cbor.byteString(data, offset);
        if (keccak256(value) != keccak256(protectedHeader)) revert ProtectedHeader(value);
        (entries, offset) = Cbor.head(data, offset, Cbor.MAP);
        if (entries != 0) revert UnprotectedHeader(entries);

        uint256 start = offset;
        (value, offset) = Cbor.byteString(data, offset);
        document.toBeSigned = _sigStructure(protectedHeader, data[start:offset]);
        _parsePayload(document, value);
        (value, offset) = Cbor.byteString(data, offset);
        document.signature = value;
        if (offset != data.length) revert TrailingBytes(offset);
    }

    /// @dev ["Signature1", protected, h'', payload]; a header is short, so that its length is one byte.
    function _sigStructure(bytes memory protectedHeader, bytes calldata payload) private pure returns (bytes memory) {
        // forge-lint: disable-next-line(unsafe-typecast) headers are constants of a few bytes
        bytes1 size = bytes1(uint8(0x40 + protectedHeader.length));
        return abi.encodePacked(hex"846a", "Signature1", size, protectedHeader, hex"40", payload);
    }

    function _parsePayload(Document memory document, bytes calldata payload) private pure {
        (uint256 fields, uint256 offset) = Cbor.head(payload, 0, Cbor.MAP);
        if (fields != FIELDS) revert FieldCount(fields);
        uint256 seen;
        for (uint256 i = 0; i < FIELDS; ++i) {
            bytes calldata key;
            (key, offset) = Cbor.text(payload, offset);
            uint256 bit;
            (bit, offset) = _parseField(document, keccak256(key), payload, offset);
            if (bit == 0) revert UnknownField(key);
            if (seen & bit != 0) revert RepeatedField(key);
            seen |= bit;
        }
        if (offset != payload.length) revert TrailingBytes(offset);
    }

    /// @return bit one for each known key, zero for an unknown one
    function _parseField(Document memory document, bytes32 key, bytes calldata payload, uint256 offset)
        private
        pure
        returns (uint256 bit, uint256 next)
    {
        bytes calldata value;
        if (key == keccak256("module_id")) {
            (value, next) = Cbor.text(payload, offset);
            (bit, document.moduleId) = (1, value);
        } else if (key == keccak256("digest")) {
            (value, next) = Cbor.text(payload, offset);
            if (keccak256(value) != keccak256("SHA384")) revert UnknownDigest(value);
            bit = 2;
        } else if (key == keccak256("timestamp")) {
            (document.timestamp, next) = Cbor.unsigned(payload, offset);
            bit = 4;
        } else if (key == keccak256("pcrs")) {
            (bit, next) = (8, _parseRegisters(document, payload, offset));
        } else if (key == keccak256("certificate")) {
            (value, next) = Cbor.byteString(payload, offset);
            (bit, document.certificate) = (16, value);
        } else if (key == keccak256("cabundle")) {
            (bit, next) = (32, _parseCabundle(document, payload, offset));
        } else if (key == keccak256("public_key")) {
            (bit, next) = (64, Cbor.nil(payload, offset));
        } else if (key == keccak256("user_data")) {
            (value, next) = Cbor.byteString(payload, offset);
            (bit, document.userData) = (128, value);
        } else if (key == keccak256("nonce")) {
            (value, next) = Cbor.byteString(payload, offset);
            (bit, document.nonce) = (256, value);
        }
    }

    /// @dev Registers 0 to 15, each once, in any order.
    function _parseRegisters(Document memory document, bytes calldata payload, uint256 offset)
        private
        pure
        returns (uint256)
    {
        uint256 count;
        (count, offset) = Cbor.head(payload, offset, Cbor.MAP);
        if (count != REGISTERS) revert RegisterCount(count);
        uint256 seen;
        for (uint256 i = 0; i < REGISTERS; ++i) {
            uint256 index;
            bytes calldata value;
            (index, offset) = Cbor.head(payload, offset, Cbor.UNSIGNED);
            if (index >= REGISTERS || seen & (1 << index) != 0) revert RegisterIndex(index);
            seen |= 1 << index;
            (value, offset) = Cbor.byteString(payload, offset);
            if (value.length != REGISTER_SIZE) revert RegisterSize(index, value.length);
            if (index < 3) document.registers[index] = value;
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
        document.cabundle = new bytes[](count);
        for (uint256 i = 0; i < count; ++i) {
            bytes calldata value;
            (value, offset) = Cbor.byteString(payload, offset);
            document.cabundle[i] = value;
        }
        return offset;
    }
}
