// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Tensor} from "../src/libraries/Tensor.sol";
import {Test} from "./utils/Test.sol";

/// @notice Canonical tensors against known values and against properties of floats.
contract TensorTest is Test {
    function decode(bytes calldata tensor) external pure returns (uint8, uint32[] memory, bytes memory) {
        return Tensor.decode(tensor);
    }

    function float32s(bytes calldata tensor) external pure returns (uint32[] memory) {
        return Tensor.float32s(tensor);
    }

    function int64s(bytes calldata tensor) external pure returns (int64[] memory) {
        return Tensor.int64s(tensor);
    }

    function encodeUint8(uint32[] memory dims, bytes memory data) external pure returns (bytes memory) {
        return Tensor.encodeUint8(dims, data);
    }

    function fromWad(int256 wad) external pure returns (uint32) {
        return Tensor.fromWad(wad);
    }

    function argmax(uint32[] memory values) external pure returns (uint256) {
        return Tensor.argmax(values);
    }

    function dims2(uint32 a, uint32 b) private pure returns (uint32[] memory dims) {
        dims = new uint32[](2);
        (dims[0], dims[1]) = (a, b);
    }

    /// @notice The vector int64-pair, and any three numbers written as the enclave writes them.
    function test_int64s() public view {
        int64[] memory pair = this.int64s(hex"01070102000000" hex"0000000000000080" hex"ffffffffffffff7f");
        assertEq(pair.length, 2, "length");
        assertTrue(pair[0] == type(int64).min && pair[1] == type(int64).max, "extremes");
    }

    function testFuzz_int64s(int64 a, int64 b) public view {
        int64[] memory values =
            this.int64s(bytes.concat(hex"01070102000000", littleEndian(uint64(a)), littleEndian(uint64(b))));
        assertTrue(values[0] == a && values[1] == b, "the same numbers");
    }

    function test_notInt64() public {
        vm.expectRevert(abi.encodeWithSelector(Tensor.NotInt64.selector, 1));
        this.int64s(hex"010100" hex"0000803f");
    }

    function littleEndian(uint64 value) private pure returns (bytes memory data) {
        data = new bytes(8);
        for (uint256 i; i < 8; ++i) {
            data[i] = bytes1(uint8(value >> (8 * i)));
        }
    }

    /// @notice Values from IEEE 754 (Python's struct.pack('<f', x)).
    function test_knownFloats() public pure {
        check(0, 0);
        check(1e18, 0x3f800000);
        check(-2e18, 0xc0000000);
        check(0.1e18, 0x3dcccccd);
        check(5.1e18, 0x40a33333);
        check(3.5e18, 0x40600000);
        check(1, 0x219392ef);
        check(16777217e18, 0x4b800000); // a tie, to even
        check(16777219e18, 0x4b800002); // a tie, to even
        check(340282346638528859811704183484516925440e18, 0x7f7fffff); // the greatest
        check(1.99999999e18, 0x40000000); // rounded up to a power of two
        check(16777215e18, 0x4b7fffff);
    }

    function check(int256 wad, uint32 bits) private pure {
        assertEq(uint256(Tensor.fromWad(wad)), bits, "bits");
    }

    function test_overflow() public {
        int256 wad = 340282366920938463463374607431768211456e18; // 2^128
        vm.expectRevert(abi.encodeWithSelector(Tensor.FloatOverflow.selector, wad));
        this.fromWad(wad);
        vm.expectRevert(abi.encodeWithSelector(Tensor.FloatOverflow.selector, type(int256).min));
        this.fromWad(type(int256).min);
    }

    /// @notice Every float from 2^-13 up is exactly a wad or is cut by less than one; it comes back the same.
    function testFuzz_floatsComeBack(uint32 bits) public pure {
        uint256 exponent = bound(uint256(bits >> 23 & 0xff), 114, 254);
        bits = uint32((uint256(bits) & 0x807fffff) | exponent << 23);
        assertEq(uint256(Tensor.fromWad(Tensor.toWad(bits))), bits, "same bits");
    }

    /// @notice Rounded to the nearest: off by at most half a unit in the last place.
    function testFuzz_nearest(int256 wad) public pure {
        wad = int256(bound(uint256(wad), 1e6, 1e40));
        uint32 bits = Tensor.fromWad(wad);
        int256 below = Tensor.toWad(bits - 1);
        int256 above = Tensor.toWad(bits + 1);
        int256 at = Tensor.toWad(bits);
        assertTrue(2 * wad >= at + below - 2, "not nearer to the one below");
        assertTrue(2 * wad <= at + above + 2, "not nearer to the one above");
    }

    function testFuzz_orderIsThatOfWads(int256 a, int256 b) public pure {
        (a, b) = (a % 1e50, b % 1e50);
        uint32[] memory values = new uint32[](2);
        (values[0], values[1]) = (Tensor.fromWad(a), Tensor.fromWad(b));
        uint256 expected = Tensor.toWad(values[1]) > Tensor.toWad(values[0]) ? 1 : 0;
        if (values[0] == values[1] || Tensor.toWad(values[0]) != Tensor.toWad(values[1])) {
            assertEq(Tensor.argmax(values), expected, "argmax");
        }
    }

    function test_argmax() public {
        uint32[] memory values = new uint32[](4);
        (values[0], values[1], values[2], values[3]) = (0xc0000000, 0x80000000, 0, 0xbf800000);
        assertEq(Tensor.argmax(values), 1, "minus zero equals zero: the first");
        values[3] = 0x3f800000;
        assertEq(Tensor.argmax(values), 3, "one");
        vm.expectRevert(abi.encodeWithSelector(Tensor.OutOfRange.selector, 0, 0));
        this.argmax(new uint32[](0));
    }

    function test_encodes() public view {
        int256[] memory wads = new int256[](4);
        (wads[0], wads[1], wads[2], wads[3]) = (5.1e18, 3.5e18, 1.4e18, 0.2e18);
        bytes memory tensor = Tensor.encodeFloat32(dims2(1, 4), wads);
        assertEq(tensor, hex"01010201000000040000003333a34000006040" hex"3333b33fcdcc4c3e", "bytes");
        uint32[] memory values = this.float32s(tensor);
        assertEq(values.length, 4, "length");
        assertEq(uint256(values[1]), 0x40600000, "value");
    }

    function testFuzz_uint8ComesBack(bytes memory data) public view {
        vm.assume(data.length > 0);
        bytes memory tensor = Tensor.encodeUint8(dims2(1, uint32(data.length)), data);
        (uint8 dtype, uint32[] memory dims, bytes memory decoded) = this.decode(tensor);
        assertEq(uint256(dtype), 2, "dtype");
        assertEq(uint256(dims[1]), data.length, "dims");
        assertEq(decoded, data, "data");
    }

    function test_refusesWhatIsNotCanonical() public {
        refuse(hex"", "header");
        refuse(hex"0101", "header");
        refuse(hex"020100" hex"00000000", "version");
        refuse(hex"010000" hex"00000000", "dtype");
        refuse(hex"010400" hex"00000000", "dtype");
        refuse(hex"010c00" hex"00000000", "dtype");
        refuse(hex"010209", "rank");
        refuse(hex"010201010000", "header");
        refuse(hex"01020100000000", "dimension");
        refuse(hex"01020101000001" hex"00", "elements");
        refuse(hex"01020201000100000100" hex"0100", "elements");
        refuse(hex"01020102000000" hex"00", "data length");
        refuse(hex"01020101000000" hex"0000", "data length");
    }

    function refuse(bytes memory tensor, bytes32 reason) private {
        vm.expectRevert(abi.encodeWithSelector(Tensor.InvalidTensor.selector, reason));
        this.decode(tensor);
    }

    function test_refusesOtherTypesAndNaN() public {
        vm.expectRevert(abi.encodeWithSelector(Tensor.NotFloat32.selector, 2));
        this.float32s(hex"01020001");
        vm.expectRevert(abi.encodeWithSelector(Tensor.NotFinite.selector, 1));
        this.float32s(hex"01010102000000" hex"0000803f" hex"0000c07f");
        vm.expectRevert(abi.encodeWithSelector(Tensor.NotFinite.selector, 0));
        this.float32s(hex"01010101000000" hex"0000807f");
    }

    function test_encodeChecksItsLength() public {
        vm.expectRevert(abi.encodeWithSelector(Tensor.InvalidTensor.selector, bytes32("data length")));
        this.encodeUint8(dims2(1, 2), hex"00");
    }
}
