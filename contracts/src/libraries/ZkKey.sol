// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IZkVerifiers} from "../interfaces/IZkVerifiers.sol";
import {Bn254} from "./Bn254.sol";

/// @title Key files of Groth16 circuits (docs/zk-groth16.md): which circuit, and the setup's public part
/// @dev Big-endian: "NZKG" | u8 version = 1 | u8 setup: 0 ceremony, 1 development | u8 width | u32 count | i32 lo |
/// u8 rank | u32 dimension * rank | alpha G1 | beta, gamma, delta G2 | ic G1 * (2 + elements), and nothing behind.
/// The circuit's public signals are the input's commitment and `elements` numbers, each of up to perElement values of
/// the output less lo, of width bits, the first value lowest.
library ZkKey {
    /// @dev elements times perElement values at most, at 4 bytes: 16,192 bytes of output.
    uint256 internal constant MAX_ELEMENTS = 16;
    /// @dev Every element is below 2^253, and so below the order of the groups.
    uint256 private constant ELEMENT_BITS = 253;
    uint256 private constant DIMENSIONS = 16;
    uint256 private constant MAX_RANK = 8;
    uint256 private constant G1 = 64;
    uint256 private constant G2 = 128;
    /// @dev What a tensor has before its data: version, type, rank.
    uint256 private constant TENSOR_HEADER = 3;

    /// @param setup 0 ceremony, 1 development
    /// @param points offset of alpha in the file
    struct Shape {
        uint256 setup;
        uint256 width;
        uint256 count;
        int256 lo;
        uint256 rank;
        uint256 perElement;
        uint256 elements;
        uint256 points;
    }

    /// @notice What a file says of the output. Of a file that was checked.
    function shapeOf(bytes memory file) internal pure returns (Shape memory shape) {
        uint256 head;
        assembly ("memory-safe") {
            head := mload(add(file, 0x20))
        }
        shape.setup = uint8(head >> 208);
        shape.width = uint8(head >> 200);
        shape.count = uint32(head >> 168);
        shape.lo = int32(uint32(head >> 136));
        shape.rank = uint8(head >> 128);
        shape.perElement = ELEMENT_BITS / shape.width;
        shape.elements = (shape.count + shape.perElement - 1) / shape.perElement;
        shape.points = DIMENSIONS + 4 * shape.rank;
    }

    /// @notice Where the dimensions lie in memory, 4 bytes each.
    function dimensions(bytes memory file) internal pure returns (uint256 pointer) {
        assembly ("memory-safe") {
            pointer := add(file, add(0x20, DIMENSIONS))
        }
    }

    /// @notice Refuses what is not exactly a key file of a setup that somebody could have made.
    /// @return shape as shapeOf
    function check(bytes memory file) internal view returns (Shape memory shape) {
        if (file.length < DIMENSIONS || bytes5(file) != "NZKG\x01") revert IZkVerifiers.InvalidKey("version");
        uint8 width = uint8(file[6]);
        if (width == 0 || width > 32) revert IZkVerifiers.InvalidKey("width");
        shape = shapeOf(file);
        if (shape.setup > 1) revert IZkVerifiers.InvalidKey("setup");
        if (shape.count == 0 || shape.elements > MAX_ELEMENTS) revert IZkVerifiers.InvalidKey("count");
        if (shape.rank == 0 || shape.rank > MAX_RANK) revert IZkVerifiers.InvalidKey("rank");
        uint256 size = shape.points + G1 + 3 * G2 + G1 * (2 + shape.elements);
        if (file.length != size) revert IZkVerifiers.InvalidKey("size");
        uint256 product = 1;
        for (uint256 i; i < shape.rank; ++i) {
            (uint256 word,) = _words(dimensions(file) + 4 * i);
            product *= word >> 224; // eight of 32 bits fit
        }
        if (product != shape.count) revert IZkVerifiers.InvalidKey("dimensions");
        _checkPoints(file, shape);
        _checkSetup(file, shape);
    }

    /// @notice Length of the model's output as a canonical tensor, bytes.
    function outputSize(Shape memory shape) internal pure returns (uint256) {
        return TENSOR_HEADER + 4 * shape.rank + 4 * shape.count;
    }

    /// @notice Where alpha lies in memory, and beta behind it.
    function alphaBeta(bytes memory file, Shape memory shape) internal pure returns (uint256 pointer) {
        assembly ("memory-safe") {
            pointer := add(file, 0x20)
        }
        pointer += shape.points;
    }

    function gamma(bytes memory file, Shape memory shape) internal pure returns (uint256) {
        return alphaBeta(file, shape) + G1 + G2;
    }

    function delta(bytes memory file, Shape memory shape) internal pure returns (uint256) {
        return gamma(file, shape) + G2;
    }

    function ic(bytes memory file, Shape memory shape) internal pure returns (uint256) {
        return delta(file, shape) + G2;
    }

    /// @dev None is at infinity: a signal whose point were would be free.
    function _checkPoints(bytes memory file, Shape memory shape) private view {
        if (!_isG1(alphaBeta(file, shape))) revert IZkVerifiers.InvalidKey("alpha");
        for (uint256 i; i < 2 + shape.elements; ++i) {
            if (!_isG1(ic(file, shape) + G1 * i)) revert IZkVerifiers.InvalidKey("ic");
        }
        if (!_isG2(alphaBeta(file, shape) + G1)) revert IZkVerifiers.InvalidKey("beta");
        if (!_isG2(gamma(file, shape))) revert IZkVerifiers.InvalidKey("gamma");
        if (!_isG2(delta(file, shape))) revert IZkVerifiers.InvalidKey("delta");
    }

    /// @dev snarkjs keeps gamma at the generator, and begins with a delta that equals it: who knows their quotient can
    /// forge, and there everybody does. The public setup for development has another gamma, so that its keys cannot
    /// call themselves a ceremony's.
    function _checkSetup(bytes memory file, Shape memory shape) private pure {
        bytes32 ofGamma = _hash(gamma(file, shape));
        bytes32 ofDelta = _hash(delta(file, shape));
        if ((ofGamma == Bn254.G2_GENERATOR) != (shape.setup == 0)) revert IZkVerifiers.InvalidKey("setup");
        if (ofDelta == Bn254.G2_GENERATOR || ofDelta == ofGamma) revert IZkVerifiers.InvalidKey("no contribution");
    }

    function _isG1(uint256 pointer) private pure returns (bool) {
        (uint256 x, uint256 y) = _words(pointer);
        return Bn254.isPoint(x, y);
    }

    /// @dev The pairing with infinity is 1, if the precompile takes the point: on the curve and in the subgroup.
    function _isG2(uint256 pointer) private view returns (bool) {
        uint256[6] memory pair;
        uint256 pairAt;
        assembly ("memory-safe") {
            pairAt := pair
            mcopy(add(pair, 0x40), pointer, 0x80)
        }
        bool isZero = pair[2] | pair[3] | pair[4] | pair[5] == 0;
        return !isZero && Bn254.isProductOne(pairAt, 1);
    }

    function _words(uint256 pointer) private pure returns (uint256 x, uint256 y) {
        assembly ("memory-safe") {
            x := mload(pointer)
            y := mload(add(pointer, 0x20))
        }
    }

    function _hash(uint256 pointer) private pure returns (bytes32 hash) {
        assembly ("memory-safe") {
            hash := keccak256(pointer, 0x80)
        }
    }
}
