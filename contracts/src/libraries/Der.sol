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
        if (offset >= der.length || der.length - offset < 2) revert DerTruncated(offset);
        uint256 word;
        // What lies behind the data is shifted out, or found by the checks of lengths.
        assembly ("memory-safe") {
            word := calldataload(add(der.offset, offset))
        }
        // forge-lint: disable-next-line(unsafe-typecast) the first byte of a word
        if (word >> 248 != tag) revert DerUnexpectedTag(offset, tag, uint8(word >> 248));
        unchecked {
            (uint256 size, uint256 header) = _length(word, offset, der.length - offset);
            if (size > der.length - offset - header) revert DerTruncated(offset);
            next = offset + header + size;
            assembly ("memory-safe") {
                content.offset := add(der.offset, add(offset, header))
                content.length := size
            }
        }
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
        if (form.length != (short ? 13 : 15) || form[form.length - 1] != "Z") revert DerInvalidTime();

        uint256 year = short ? _two(form, 0, 0, 99) : _two(form, 0, 0, 99) * 100 + _two(form, 2, 0, 99);
        if (short) year += year < 50 ? 2000 : 1900;
        return (_timestamp(year, form[short ? 2 : 4:]), next);
    }

    /// @param rest MMDDHHMMSSZ
    function _timestamp(uint256 year, bytes calldata rest) private pure returns (uint64) {
        uint256 month = _two(rest, 0, 1, 12);
        uint256 day = _two(rest, 2, 1, _daysIn(year, month));
        uint256 second = _two(rest, 4, 0, 23) * 3600 + _two(rest, 6, 0, 59) * 60 + _two(rest, 8, 0, 59);

        if (year < 1970) return 0;

        // Days of the proleptic Gregorian calendar, with years that begin in March so that leap days come last.
        (uint256 y, uint256 m) = month > 2 ? (year, month - 3) : (year - 1, month + 9);
        uint256 dayNumber = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1;
        // forge-lint: disable-next-line(unsafe-typecast) the year has four digits
        return uint64((dayNumber - 719_468) * 1 days + second);
    }

    function _daysIn(uint256 year, uint256 month) private pure returns (uint256) {
        if (month == 2) return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28;
        return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
    }

    /// @dev Two decimal digits within min..max; the caller has checked that the form is long enough.
    function _two(bytes calldata form, uint256 offset, uint256 min, uint256 max) private pure returns (uint256 value) {
        uint256 word;
        assembly ("memory-safe") {
            word := shr(240, calldataload(add(form.offset, offset)))
        }
        unchecked {
            (uint256 tens, uint256 ones) = ((word >> 8) ^ 0x30, (word & 0xff) ^ 0x30);
            value = tens * 10 + ones;
            if (tens > 9 || ones > 9 || value < min || value > max) revert DerInvalidTime();
        }
    }

    /// @param word begins with the tag
    /// @param rest how many bytes there are, two at least
    /// @return size of the content, and of the header: the tag and the length
    function _length(uint256 word, uint256 offset, uint256 rest) private pure returns (uint256 size, uint256 header) {
        size = (word >> 240) & 0xff;
        if (size < 0x80) return (size, 2);
        uint256 least;
        if (size == 0x81) (size, header, least) = ((word >> 232) & 0xff, 3, 0x80);
        else if (size == 0x82) (size, header, least) = ((word >> 224) & 0xffff, 4, 0x100);
        else revert DerNotCanonical(offset);
        if (header > rest) revert DerTruncated(offset);
        if (size < least) revert DerNotCanonical(offset);
    }
}
