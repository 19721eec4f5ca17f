// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Strict reader of DER (X.690) for certificates and signatures
/// @notice Every function reads one element at `offset` and returns the offset behind it. Lengths are definite, minimal
/// and at most 65,535 bytes; tags are one byte.
library Der {
    uint8 internal constant BOOLEAN = 0x01;
    uint8 internal constant INTEGER = 0x02;
    uint8 internal constant BIT_STRING = 0x03;
    uint8 internal constant OCTET_STRING = 0x04;
    uint8 internal constant OID = 0x06;
    uint8 internal constant UTC_TIME = 0x17;
    uint8 internal constant GENERALIZED_TIME = 0x18;
    uint8 internal constant SEQUENCE = 0x30;

    // Of each byte, of 14: "0"; what brings 10 to bit 7; bit 7. And of every other byte all bits.
    uint256 private constant ZEROS = 0x3030303030303030303030303030;
    uint256 private constant TO_BIT_7 = 0x7676767676767676767676767676;
    uint256 private constant BITS_7 = 0x8080808080808080808080808080;
    uint256 private constant EVEN = 0x00ff00ff00ff00ff00ff00ff00ff;

    error DerTruncated(uint256 offset);
    error DerUnexpectedTag(uint256 offset, uint8 expected, uint8 actual);
    error DerNotCanonical(uint256 offset);
    error DerTrailingBytes(uint256 offset);
    error DerInvalidInteger();
    error DerInvalidTime();

    /// @notice The content of the element at `offset`, which must have this tag.
    function element(bytes calldata der, uint256 offset, uint8 tag)
        internal
        pure
        returns (bytes calldata content, uint256 next)
    {
        uint256 wrong;
        assembly ("memory-safe") {
            // What lies behind the data is found by the check of its end.
            let word := calldataload(add(der.offset, offset))
            let size := and(shr(240, word), 0xff)
            let start := add(offset, 2)
            wrong := sub(shr(248, word), tag)
            if gt(size, 0x7f) {
                // One or two bytes of length, which needs them.
                let bytes_ := sub(size, 0x80)
                wrong := or(wrong, gt(sub(bytes_, 1), 1))
                size := shr(sub(256, shl(3, bytes_)), shl(16, word))
                wrong := or(wrong, lt(size, shl(sub(bytes_, 1), 0x80)))
                start := add(start, bytes_)
            }
            next := add(start, size)
            wrong := or(wrong, gt(next, der.length))
            content.offset := add(der.offset, start)
            content.length := size
        }
        if (wrong != 0) _explain(der, offset, tag);
    }

    /// @notice The content of an element with nothing behind it.
    function only(bytes calldata der, uint8 tag) internal pure returns (bytes calldata content) {
        uint256 next;
        (content, next) = element(der, 0, tag);
        end(der, next);
    }

    function end(bytes calldata der, uint256 offset) internal pure {
        if (offset != der.length) revert DerTrailingBytes(offset);
    }

    /// @notice Whether an optional element with this tag comes next.
    function has(bytes calldata der, uint256 offset, uint8 tag) internal pure returns (bool) {
        return offset < der.length && uint8(der[offset]) == tag;
    }

    /// @notice The digits of an INTEGER's content that is not negative, without the padding that keeps it so.
    function digits(bytes calldata content) internal pure returns (bytes calldata) {
        if (content.length == 0 || uint8(content[0]) > 0x7f) revert DerInvalidInteger();
        if (content[0] != 0 || content.length == 1) return content;
        if (uint8(content[1]) < 0x80) revert DerInvalidInteger();
        return content[1:];
    }

    /// @notice An INTEGER's content as a number that is not negative and fits 256 bits.
    function toUint(bytes calldata content) internal pure returns (uint256) {
        bytes calldata value = digits(content);
        if (value.length > 32) revert DerInvalidInteger();
        return uint256(bytes32(value)) >> (8 * (32 - value.length));
    }

    /// @notice The digits of an ECDSA signature's two numbers (RFC 3279, 2.2.3), of any curve.
    function signature(bytes calldata der) internal pure returns (bytes calldata r, bytes calldata s) {
        bytes calldata pair = only(der, SEQUENCE);
        (bytes calldata first, uint256 offset) = element(pair, 0, INTEGER);
        (bytes calldata second, uint256 next) = element(pair, offset, INTEGER);
        end(pair, next);
        return (digits(first), digits(second));
    }

    /// @notice Seconds since 1970 of a UTCTime or GeneralizedTime in the forms of RFC 5280, 4.1.2.5; 0 for what was
    /// before. That GeneralizedTime is for years from 2050 only, it leaves to who issues.
    function time(bytes calldata der, uint256 offset) internal pure returns (uint64 timestamp, uint256 next) {
        bool short = has(der, offset, UTC_TIME);
        bytes calldata form;
        (form, next) = element(der, offset, short ? UTC_TIME : GENERALIZED_TIME);
        if (form.length != (short ? 13 : 15)) revert DerInvalidTime();
        uint256 pairs = _pairs(form);
        uint256 year = (pairs >> 80) & 0xff;
        if (short) year += year < 50 ? 2000 : 1900;
        else year += 100 * (pairs >> 96);
        return (_timestamp(year, pairs), next);
    }

    /// @dev The decimal digits in front of a Z, two by two, as numbers of 16 bits; at most seven pairs.
    function _pairs(bytes calldata form) private pure returns (uint256) {
        unchecked {
            uint256 text = uint256(bytes32(form)) >> (8 * (32 - form.length));
            // In each byte a digit; the two that UTCTime lacks, of the century, are 0.
            uint256 values = (text >> 8) ^ (ZEROS >> (8 * (15 - form.length)));
            if (text & 0xff != 0x5a || (values | (values + TO_BIT_7)) & BITS_7 != 0) revert DerInvalidTime();
            return ((values >> 8) & EVEN) * 10 + (values & EVEN);
        }
    }

    /// @param pairs month, day, hour, minute and second, the last one lowest
    function _timestamp(uint256 year, uint256 pairs) private pure returns (uint64) {
        unchecked {
            (uint256 month, uint256 day) = ((pairs >> 64) & 0xff, (pairs >> 48) & 0xff);
            (uint256 hour, uint256 minute, uint256 second) = ((pairs >> 32) & 0xff, (pairs >> 16) & 0xff, pairs & 0xff);
            bool isDate = month > 0 && month < 13 && day > 0 && day <= _daysIn(year, month);
            if (!isDate || hour > 23 || minute > 59 || second > 59) revert DerInvalidTime();
            if (year < 1970) return 0;

            // Days of the proleptic Gregorian calendar, with years that begin in March so that leap days come last.
            (uint256 y, uint256 m) = month > 2 ? (year, month - 3) : (year - 1, month + 9);
            uint256 dayNumber = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1;
            // forge-lint: disable-next-line(unsafe-typecast) the year has four digits
            return uint64((dayNumber - 719_468) * 1 days + hour * 3600 + minute * 60 + second);
        }
    }

    function _daysIn(uint256 year, uint256 month) private pure returns (uint256) {
        if (month == 2) return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28;
        return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
    }

    /// @dev What is wrong with an element.
    function _explain(bytes calldata der, uint256 offset, uint8 tag) private pure {
        if (offset >= der.length || der.length - offset < 2) revert DerTruncated(offset);
        if (uint8(der[offset]) != tag) revert DerUnexpectedTag(offset, tag, uint8(der[offset]));
        uint8 first = uint8(der[offset + 1]);
        if (first < 0x80) revert DerTruncated(offset);
        if (first != 0x81 && first != 0x82) revert DerNotCanonical(offset);
        uint256 header = 2 + (first & 0x7f);
        if (header > der.length - offset) revert DerTruncated(offset);
        uint256 size = first == 0x81 ? uint8(der[offset + 2]) : uint16(bytes2(der[offset + 2:]));
        if (size < (first == 0x81 ? 0x80 : 0x100)) revert DerNotCanonical(offset);
        revert DerTruncated(offset);
    }
}
