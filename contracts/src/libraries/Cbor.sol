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
        if (offset >= data.length) revert CborTruncated(offset);
        uint256 word;
        // What lies behind the data is shifted out, or found by the next check of its length.
        assembly ("memory-safe") {
            word := calldataload(add(data.offset, offset))
        }
        uint256 initial = word >> 248;
        // forge-lint: disable-next-line(unsafe-typecast) three bits
        if (initial >> 5 != major) revert CborUnexpectedType(offset, major, uint8(initial >> 5));
        unchecked {
            uint256 info = initial & 0x1f;
            if (info < 24) return (info, offset + 1);
            if (info > 27) revert CborNotCanonical(offset);

            uint256 size = 1 << (info - 24);
            next = offset + 1 + size;
            if (next > data.length) revert CborTruncated(offset);
            value = (word << 8) >> (256 - 8 * size);
            if (value < (size == 1 ? 24 : 1 << (4 * size))) revert CborNotCanonical(offset);
            if (value > MAX_INTEGER) revert CborTooLarge(offset);
        }
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
            if (size > data.length - start) revert CborTruncated(offset);
            next = start + size;
        }
        assembly ("memory-safe") {
            value.offset := add(data.offset, start)
            value.length := size
        }
    }
}
