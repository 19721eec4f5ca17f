// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IGroth16Verifier, IZkVerifiers} from "../interfaces/IZkVerifiers.sol";
import {Bn254} from "../libraries/Bn254.sol";
import {ZkKey} from "../libraries/ZkKey.sol";

/// @title Groth16Verifier: see IZkVerifiers.check
/// @dev Groth, "On the Size of Pairing-based Non-interactive Arguments" (EUROCRYPT 2016), section 3.2. ZkVerifiers
/// deploys this code with a checked key file and its size (u32) behind it: without them it answers nobody.
contract Groth16Verifier is IGroth16Verifier {
    uint256 private constant PROOF_SIZE = 256;
    uint256 private constant DEVELOPMENT_CHAIN = 31_337;

    /// @inheritdoc IGroth16Verifier
    function verify(bytes32 inputHash, bytes calldata output, bytes calldata proof) external view {
        bytes memory key = _key();
        ZkKey.Shape memory shape = ZkKey.shapeOf(key);
        if (shape.setup != 0 && block.chainid != DEVELOPMENT_CHAIN) revert IZkVerifiers.DevelopmentKey(block.chainid);
        if (uint256(inputHash) >= Bn254.R) revert IZkVerifiers.InvalidInputHash(inputHash);
        if (proof.length != PROOF_SIZE) revert IZkVerifiers.WrongProofSize(proof.length);
        uint256[] memory signals = _signals(key, shape, output);
        signals[0] = uint256(inputHash);
        (uint256 x, uint256 y) = Bn254.combine(ZkKey.ic(key, shape), signals);
        if (!_holds(key, shape, proof, x, y)) revert IZkVerifiers.InvalidProof();
    }

    /// @dev e(-A, B) · e(alpha, beta) · e(signals' combination, gamma) · e(C, delta) = 1.
    function _holds(bytes memory key, ZkKey.Shape memory shape, bytes calldata proof, uint256 x, uint256 y)
        private
        view
        returns (bool)
    {
        uint256 pairs;
        uint256 ay;
        (uint256 alphaBeta, uint256 gamma, uint256 delta) =
            (ZkKey.alphaBeta(key, shape), ZkKey.gamma(key, shape), ZkKey.delta(key, shape));
        assembly ("memory-safe") {
            pairs := mload(0x40)
            calldatacopy(pairs, proof.offset, 0xc0)
            ay := mload(add(pairs, 0x20))
            mcopy(add(pairs, 0xc0), alphaBeta, 0xc0)
            mstore(add(pairs, 0x180), x)
            mstore(add(pairs, 0x1a0), y)
            mcopy(add(pairs, 0x1c0), gamma, 0x80)
            calldatacopy(add(pairs, 0x240), add(proof.offset, 0xc0), 0x40)
            mcopy(add(pairs, 0x280), delta, 0x80)
        }
        // The precompile refuses all other coordinates that are not below q, and infinity, as this leaves it.
        if (ay >= Bn254.Q) return false;
        ay = Bn254.Q - ay;
        assembly ("memory-safe") {
            mstore(add(pairs, 0x20), ay)
        }
        return Bn254.isProductOne(pairs, 4);
    }

    /// @dev The output's values as elements of the field, behind a place for the input's commitment.
    function _signals(bytes memory key, ZkKey.Shape memory shape, bytes calldata output)
        private
        pure
        returns (uint256[] memory signals)
    {
        if (!_isOutput(key, shape, output)) revert IZkVerifiers.WrongOutput();
        signals = new uint256[](1 + shape.elements);
        uint256 start;
        assembly ("memory-safe") {
            start := sub(add(output.offset, output.length), shl(2, mload(add(shape, 0x40)))) // the count's values end it
        }
        uint256 outside = _pack(start, shape, signals);
        if (outside != 0) revert IZkVerifiers.ValueOutOfRange((outside - start) / 4);
    }

    /// @dev Whether it is a canonical tensor (docs/protocol.md): version 1, int32, the key's dimensions, and their data.
    function _isOutput(bytes memory key, ZkKey.Shape memory shape, bytes calldata output) private pure returns (bool) {
        if (output.length != ZkKey.outputSize(shape)) return false;
        uint256 dimensions = ZkKey.dimensions(key);
        uint256 rank = shape.rank;
        bool same;
        assembly ("memory-safe") {
            same := eq(shr(232, calldataload(output.offset)), or(0x010600, rank))
            let start := add(output.offset, 3)
            for { let i := 0 } lt(i, shl(2, rank)) { i := add(i, 4) } {
                let word := calldataload(add(start, i))
                let value := or(shl(16, byte(2, word)), shl(24, byte(3, word)))
                value := or(or(byte(0, word), shl(8, byte(1, word))), value)
                same := and(same, eq(value, shr(224, mload(add(dimensions, i)))))
            }
        }
        return same;
    }

    /// @dev Puts perElement values, less lo, into each element: the first lowest.
    /// @param start where the first value lies in the calldata
    /// @return outside where the first one lies that is not from lo to lo + 2^width - 1, zero if there is none
    function _pack(uint256 start, ZkKey.Shape memory shape, uint256[] memory signals)
        private
        pure
        returns (uint256 outside)
    {
        (uint256 width, int256 lo, uint256 end) = (shape.width, shape.lo, start + 4 * shape.count);
        uint256 span = 4 * shape.perElement;
        assembly ("memory-safe") {
            let slot := add(signals, 0x40)
            for { let next := start } lt(next, end) { slot := add(slot, 0x20) } {
                let last := add(next, span)
                if gt(last, end) { last := end }
                let element := 0
                for { let shift := 0 } lt(next, last) { next := add(next, 4) } {
                    let word := calldataload(next)
                    let value := or(shl(16, byte(2, word)), shl(24, byte(3, word)))
                    value := or(or(byte(0, word), shl(8, byte(1, word))), value)
                    value := sub(signextend(3, value), lo) // below lo it wraps, to far above
                    if shr(width, value) { if iszero(outside) { outside := next } }
                    element := or(element, shl(shift, value))
                    shift := add(shift, width)
                }
                mstore(slot, element)
            }
        }
    }

    /// @dev The key file at the end of this contract's code.
    function _key() private pure returns (bytes memory key) {
        assembly ("memory-safe") {
            let end := sub(codesize(), 4)
            codecopy(0, end, 4)
            let size := shr(224, mload(0))
            key := mload(0x40)
            mstore(key, size)
            codecopy(add(key, 0x20), sub(end, size), size)
            mstore(0x40, and(add(add(key, size), 0x3f), not(0x1f)))
        }
    }
}
