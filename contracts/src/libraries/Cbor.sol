// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Strict reader of the CBOR (RFC 8949) that attestation documents use
/// @notice Every function reads one item at `offset` and returns the offset behind it. Definite lengths in their shortest
/// form only (section 4.2.1); indefinite lengths, tags, floats and anything beyond the end of the data are errors.
library Cbor {
    uint8 internal constant UNSIGNED = 0;
    uint8 internal constant BYTES = 2;
    uint8 internal constant TEXT = 3;
    uint8 internal constant ARRAY = 4;
    uint8 internal constant MAP = 5;

    bytes1 private constant NULL = 0xf6;

    /// @dev 2^53 - 1, so that readers in JavaScript find the same number.
    uint256 internal constant MAX_INTEGER = 0x1fffffffffffff;

    error CborTruncated(uint256 offset);
    error CborUnexpectedType(uint256 offset, uint8 expected, uint8 actual);
    error CborNotCanonical(uint256 offset);
    error CborTooLarge(uint256 offset);
    error CborNotNull(uint256 offset);

    /// @notice The argument of an item's head: the number itself, a length in bytes, or a count of entries.
    function head(bytes calldata data, uint256 offset, uint8 major)
        internal
        pure
        returns (uint256 value, uint256 next)
    {
        uint256 wrong;
        assembly ("memory-safe") {
            // What lies behind the data is found by the check of its end.
            let word := calldataload(add(data.offset, offset))
            value := and(shr(248, word), 0x1f)
            next := add(offset, 1)
            wrong := sub(shr(253, word), major)
            if gt(value, 23) {
                let size := shl(sub(value, 24), 1)
                // The least that needs this size: 24, 2^8, 2^16 or 2^32.
                let least := or(shl(shl(2, size), 1), shl(3, eq(size, 1)))
                wrong := or(wrong, gt(value, 27))
                value := shr(sub(256, shl(3, size)), shl(8, word))
                next := add(next, size)
                wrong := or(wrong, or(lt(value, least), gt(value, MAX_INTEGER)))
            }
            wrong := or(wrong, gt(next, data.length))
        }
        if (wrong != 0) _explain(data, offset, major);
    }

    function unsigned(bytes calldata data, uint256 offset) internal pure returns (uint64 value, uint256 next) {
        uint256 argument;
        (argument, next) = head(data, offset, UNSIGNED);
        // forge-lint: disable-next-line(unsafe-typecast) an argument has at most eight bytes
        return (uint64(argument), next);
    }

    function byteString(bytes calldata data, uint256 offset)
        internal
        pure
        returns (bytes calldata value, uint256 next)
    {
        return _string(data, offset, BYTES);
    }

    /// @dev The text's UTF-8 is not checked: callers compare it with known texts.
    function text(bytes calldata data, uint256 offset) internal pure returns (bytes calldata value, uint256 next) {
        return _string(data, offset, TEXT);
    }

    /// @notice Whether null comes next, in place of an optional item.
    function isNil(bytes calldata data, uint256 offset) internal pure returns (bool) {
        return offset < data.length && data[offset] == NULL;
    }

    function nil(bytes calldata data, uint256 offset) internal pure returns (uint256 next) {
        if (offset >= data.length) revert CborTruncated(offset);
        if (data[offset] != NULL) revert CborNotNull(offset);
        return offset + 1;
    }

    function _string(bytes calldata data, uint256 offset, uint8 major)
        private
        pure
        returns (bytes calldata value, uint256 next)
    {
        (uint256 size, uint256 start) = head(data, offset, major);
        unchecked {
            next = start + size;
            if (next > data.length) revert CborTruncated(offset);
        }
        assembly ("memory-safe") {
            value.offset := add(data.offset, start)
            value.length := size
        }
    }

    /// @dev What is wrong with a head.
    function _explain(bytes calldata data, uint256 offset, uint8 major) private pure {
        if (offset >= data.length) revert CborTruncated(offset);
        uint8 initial = uint8(data[offset]);
        if (initial >> 5 != major) revert CborUnexpectedType(offset, major, initial >> 5);
        uint256 info = initial & 0x1f;
        if (info > 27) revert CborNotCanonical(offset);
        uint256 size = 1 << (info - 24);
        if (size > data.length - offset - 1) revert CborTruncated(offset);
        uint256 value = uint256(bytes32(data[offset + 1:])) >> (256 - 8 * size);
        if (value > MAX_INTEGER) revert CborTooLarge(offset);
        revert CborNotCanonical(offset);
    }
}
