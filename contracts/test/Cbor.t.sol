// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Cbor} from "../src/libraries/Cbor.sol";
import {Test} from "./utils/Test.sol";

contract CborReader {
    function head(bytes calldata data, uint256 offset, uint8 major) external pure returns (uint256, uint256) {
        return Cbor.head(data, offset, major);
    }

    function byteString(bytes calldata data, uint256 offset) external pure returns (bytes memory, uint256) {
        return Cbor.byteString(data, offset);
    }

    function nil(bytes calldata data, uint256 offset) external pure returns (uint256) {
        return Cbor.nil(data, offset);
    }
}

contract CborTest is Test {
    CborReader internal reader = new CborReader();

    function test_shortestForms() public view {
        _reads(hex"00", 0, 1);
        _reads(hex"17", 23, 1);
        _reads(hex"1818", 24, 2);
        _reads(hex"18ff", 255, 2);
        _reads(hex"190100", 256, 3);
        _reads(hex"1a00010000", 65536, 5);
        _reads(hex"1b0000000100000000", 1 << 32, 9);
        _reads(hex"1b001fffffffffffff", (1 << 53) - 1, 9);
    }

    function test_refusesLongerForms() public {
        bytes[5] memory forms = [bytes(hex"1800"), hex"1817", hex"1900ff", hex"1a0000ffff", hex"1b00000000ffffffff"];
        for (uint256 i = 0; i < forms.length; ++i) {
            _refuses(forms[i], abi.encodeWithSelector(Cbor.CborNotCanonical.selector, 0));
        }
    }

    function test_refusesIntegersThatJavaScriptCannotHold() public {
        _refuses(hex"1b0020000000000000", abi.encodeWithSelector(Cbor.CborTooLarge.selector, 0));
        _refuses(hex"1bffffffffffffffff", abi.encodeWithSelector(Cbor.CborTooLarge.selector, 0));
    }

    function test_refusesReservedAndIndefinite() public {
        for (uint256 info = 28; info < 32; ++info) {
            bytes memory data = abi.encodePacked(uint8(info), new bytes(16));
            _refuses(data, abi.encodeWithSelector(Cbor.CborNotCanonical.selector, 0));
        }
    }

    function test_refusesTruncatedHeads() public {
        bytes[5] memory forms = [bytes(""), hex"18", hex"1901", hex"1a000100", hex"1b00000001000000"];
        for (uint256 i = 0; i < forms.length; ++i) {
            _refuses(forms[i], abi.encodeWithSelector(Cbor.CborTruncated.selector, 0));
        }
    }

    function test_refusesOtherTypes() public {
        for (uint8 major = 1; major < 8; ++major) {
            bytes memory error_ = abi.encodeWithSelector(Cbor.CborUnexpectedType.selector, 0, 0, major);
            _refuses(abi.encodePacked(major << 5), error_);
        }
    }

    function test_refusesStringsBeyondTheEnd() public {
        bytes[3] memory forms = [bytes(hex"43aabb"), hex"5b000fffffffffffff00", hex"590100aa"];
        for (uint256 i = 0; i < forms.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(Cbor.CborTruncated.selector, 0));
            reader.byteString(forms[i], 0);
        }
    }

    function test_nil() public {
        assertEq(reader.nil(hex"f6", 0), 1, "offset behind null");
        vm.expectRevert(abi.encodeWithSelector(Cbor.CborNotNull.selector, 0));
        reader.nil(hex"f7", 0);
        vm.expectRevert(abi.encodeWithSelector(Cbor.CborTruncated.selector, 1));
        reader.nil(hex"f6", 1);
    }

    /// @dev What is read lies within the data and, written again, is the bytes that were read.
    function testFuzz_byteStringsStayWithinTheData(bytes calldata data, uint256 offset) public view {
        offset = bound(offset, 0, data.length + 40);
        try reader.byteString(data, offset) returns (bytes memory value, uint256 next) {
            assertLe(next, data.length, "offset behind the string");
            bytes memory written = bytes.concat(_head(2, value.length), value);
            assertEq(written, data[offset:next], "the string written again");
        } catch (bytes memory error_) {
            assertTrue(_isCborError(error_), "an error of the reader's own");
        }
    }

    function testFuzz_headsReadBack(uint64 value, uint8 major, bytes calldata more) public view {
        (major, value) = (uint8(bound(major, 0, 7)), uint64(bound(value, 0, Cbor.MAX_INTEGER)));
        bytes memory written = _head(major, value);
        (uint256 actual, uint256 next) = reader.head(bytes.concat(written, more), 0, major);
        assertEq(actual, value, "value");
        assertEq(next, written.length, "offset behind the head");
    }

    function _reads(bytes memory data, uint256 value, uint256 next) private view {
        (uint256 actual, uint256 behind) = reader.head(data, 0, Cbor.UNSIGNED);
        assertEq(actual, value, "value");
        assertEq(behind, next, "offset behind the head");
    }

    function _refuses(bytes memory data, bytes memory error_) private {
        vm.expectRevert(error_);
        reader.head(data, 0, Cbor.UNSIGNED);
    }

    function _head(uint8 major, uint256 value) private pure returns (bytes memory) {
        uint8 initial = major << 5;
        if (value < 24) return abi.encodePacked(uint8(initial | value));
        if (value <= type(uint8).max) return abi.encodePacked(initial | 24, uint8(value));
        if (value <= type(uint16).max) return abi.encodePacked(initial | 25, uint16(value));
        if (value <= type(uint32).max) return abi.encodePacked(initial | 26, uint32(value));
        return abi.encodePacked(initial | 27, uint64(value));
    }

    function _isCborError(bytes memory error_) private pure returns (bool) {
        bytes4 selector = bytes4(error_);
        return selector == Cbor.CborTruncated.selector || selector == Cbor.CborUnexpectedType.selector
            || selector == Cbor.CborNotCanonical.selector || selector == Cbor.CborTooLarge.selector;
    }
}
