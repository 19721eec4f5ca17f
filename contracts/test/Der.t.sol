// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Der} from "../src/libraries/Der.sol";
import {Test} from "./utils/Test.sol";

contract DerReader {
    function element(bytes calldata der, uint256 offset, uint8 tag) external pure returns (bytes memory, uint256) {
        return Der.element(der, offset, tag);
    }

    function toUint(bytes calldata content) external pure returns (uint256) {
        return Der.toUint(content);
    }

    function signature(bytes calldata der) external pure returns (bytes memory, bytes memory) {
        return Der.signature(der);
    }

    function time(bytes calldata der) external pure returns (uint64 timestamp) {
        (timestamp,) = Der.time(der, 0);
    }
}

contract DerTest is Test {
    DerReader internal reader = new DerReader();

    function test_lengths() public view {
        uint256[7] memory sizes = [uint256(0), 1, 127, 128, 255, 256, 65_535];
        for (uint256 i = 0; i < sizes.length; ++i) {
            bytes memory der = _element(0x04, new bytes(sizes[i]));
            (bytes memory content, uint256 next) = reader.element(der, 0, 0x04);
            assertEq(content.length, sizes[i], "size");
            assertEq(next, der.length, "offset behind the element");
        }
    }

    function test_refusesOtherLengths() public {
        bytes memory padding = new bytes(300);
        _refuses(bytes.concat(hex"0480", padding), Der.DerNotCanonical.selector); // indefinite
        _refuses(bytes.concat(hex"04817f", padding), Der.DerNotCanonical.selector); // longer than needed
        _refuses(bytes.concat(hex"048200ff", padding), Der.DerNotCanonical.selector);
        _refuses(bytes.concat(hex"0483010000", padding), Der.DerNotCanonical.selector); // more than 65,535
        _refuses(bytes.concat(hex"04ff", padding), Der.DerNotCanonical.selector);
        _refuses(hex"04", Der.DerTruncated.selector);
        _refuses(hex"0481", Der.DerTruncated.selector);
        _refuses(hex"048201", Der.DerTruncated.selector);
        _refuses(hex"040200", Der.DerTruncated.selector);
        _refuses("", Der.DerTruncated.selector);
        _refuses(hex"0500", Der.DerUnexpectedTag.selector);
    }

    function test_integers() public {
        assertEq(reader.toUint(hex"00"), 0, "zero");
        assertEq(reader.toUint(hex"7f"), 127, "127");
        assertEq(reader.toUint(hex"0080"), 128, "128");
        bytes memory most = abi.encodePacked(hex"00", type(uint256).max);
        assertEq(reader.toUint(most), type(uint256).max, "the largest");
        bytes[5] memory odd = [bytes(""), hex"80", hex"007f", hex"0000", abi.encodePacked(hex"01", uint256(0))];
        for (uint256 i = 0; i < odd.length; ++i) {
            vm.expectRevert(Der.DerInvalidInteger.selector);
            reader.toUint(odd[i]);
        }
    }

    function test_times() public view {
        assertEq(_utc("700101000000Z"), 0, "the epoch");
        assertEq(_utc("491231235959Z"), 2_524_607_999, "the last of UTCTime");
        assertEq(_utc("000229120000Z"), 951_825_600, "a leap day");
        assertEq(_utc("261122010000Z"), 1_795_309_200, "2026-11-22 01:00");
        assertEq(_generalized("20500101000000Z"), 2_524_608_000, "the first of GeneralizedTime");
        assertEq(_generalized("21000301000000Z"), 4_107_542_400, "after the day that 2100 lacks");
        assertEq(_generalized("20260101000000Z"), 1_767_225_600, "GeneralizedTime before 2050");
        assertEq(_utc("691231235959Z"), 0, "before the epoch");
        assertEq(_utc("500101000000Z"), 0, "1950");
        assertEq(_generalized("00000229000000Z"), 0, "year 0, a leap year");
        assertEq(_generalized("99991231235959Z"), 253_402_300_799, "no expiry, RFC 5280");
    }

    function test_refusesOtherTimes() public {
        string[4] memory forms = ["26112201000Z", "261122010000+", "2611220100aaZ", "260000000000Z"];
        for (uint256 i = 0; i < forms.length; ++i) {
            vm.expectRevert(Der.DerInvalidTime.selector);
            reader.time(_element(Der.UTC_TIME, bytes(forms[i])));
        }
        string[3] memory long = ["19690229000000Z", "21000229000000Z", "20500101000000.0Z"];
        for (uint256 i = 0; i < long.length; ++i) {
            vm.expectRevert(Der.DerInvalidTime.selector);
            reader.time(_element(Der.GENERALIZED_TIME, bytes(long[i])));
        }
    }

    /// @dev What is read lies within the data and, written again, is the bytes that were read.
    function testFuzz_elementsStayWithinTheData(bytes calldata der, uint256 offset, uint8 tag) public view {
        offset = bound(offset, 0, der.length + 40);
        if (offset < der.length && tag % 2 == 0) tag = uint8(der[offset]);
        try reader.element(der, offset, tag) returns (bytes memory content, uint256 next) {
            assertLe(next, der.length, "offset behind the element");
            assertEq(_element(tag, content), der[offset:next], "the element written again");
        } catch (bytes memory error_) {
            bytes4 selector = bytes4(error_);
            bool known = selector == Der.DerTruncated.selector || selector == Der.DerUnexpectedTag.selector
                || selector == Der.DerNotCanonical.selector;
            assertTrue(known, "an error of the reader's own");
        }
    }

    function testFuzz_signaturesReadBack(uint256 r, uint256 s) public view {
        bytes memory der = _element(0x30, bytes.concat(_integer(r), _integer(s)));
        (bytes memory first, bytes memory second) = reader.signature(der);
        assertEq(_number(first), r, "r");
        assertEq(_number(second), s, "s");
    }

    /// @dev Of all two-digit fields only real dates are read, and in order.
    function testFuzz_timesInOrder(uint32 seconds_) public view {
        uint256 day = uint256(seconds_) % 25_202 + 10_957; // 2000 to 2068, of which UTCTime ends in 2049
        day = bound(day, 10_957, 29_219);
        (uint256 year, uint256 month, uint256 date) = _civil(day);
        bytes memory form = abi.encodePacked(_two(year - 2000), _two(month), _two(date), _two(seconds_ % 24), "0000Z");
        assertEq(_utc(string(form)), day * 86_400 + (seconds_ % 24) * 3600, string(form));
    }

    function _refuses(bytes memory der, bytes4 selector) private {
        vm.expectPartialRevert(selector);
        reader.element(der, 0, 0x04);
    }

    function _utc(string memory form) private view returns (uint256) {
        return reader.time(_element(Der.UTC_TIME, bytes(form)));
    }

    function _generalized(string memory form) private view returns (uint256) {
        return reader.time(_element(Der.GENERALIZED_TIME, bytes(form)));
    }

    function _element(uint8 tag, bytes memory content) private pure returns (bytes memory) {
        uint256 size = content.length;
        if (size < 128) return abi.encodePacked(tag, uint8(size), content);
        if (size < 256) return abi.encodePacked(tag, hex"81", uint8(size), content);
        return abi.encodePacked(tag, hex"82", uint16(size), content);
    }

    function _integer(uint256 value) private pure returns (bytes memory) {
        bytes memory digits = abi.encodePacked(value);
        uint256 zeros;
        while (zeros < 31 && digits[zeros] == 0) ++zeros;
        bytes memory minimal = new bytes(32 - zeros);
        for (uint256 i = 0; i < minimal.length; ++i) {
            minimal[i] = digits[zeros + i];
        }
        return _element(0x02, uint8(minimal[0]) < 128 ? minimal : bytes.concat(hex"00", minimal));
    }

    function _number(bytes memory digits) private pure returns (uint256) {
        return uint256(bytes32(digits)) >> (8 * (32 - digits.length));
    }

    function _two(uint256 value) private pure returns (bytes memory) {
        return abi.encodePacked(uint8(0x30 + value / 10), uint8(0x30 + value % 10));
    }

    /// @dev Counts day by day through months and years: slow, and nothing like the reader's arithmetic.
    function _civil(uint256 day) private pure returns (uint256 year, uint256 month, uint256 date) {
        (year, day) = (2000, day - 10_957);
        for (uint256 size = 366; day >= size; size = year % 4 == 0 ? 366 : 365) {
            (day, year) = (day - size, year + 1);
        }
        uint8[12] memory months = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        if (year % 4 == 0) months[1] = 29;
        while (day >= months[month]) day -= months[month++];
        return (year, month + 1, day + 1);
    }
}
