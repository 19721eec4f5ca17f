// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IZkVerifiers} from "../interfaces/IZkVerifiers.sol";

/// @title The groups of BN254 by the chain's precompiles (EIP-196, EIP-197; prices of EIP-1108)
/// @dev A precompile that lacks gas fails as one that dislikes its input does. So each gets exactly its price, and that
/// there is enough is checked before: an answer never depends on how much gas the sender gave.
library Bn254 {
    /// @dev The field of coordinates, and the order of the groups.
    uint256 internal constant Q = 21888242871839275222246405745257275088696311157297823662689037894645226208583;
    uint256 internal constant R = 21888242871839275222246405745257275088548364400416034343698204186575808495617;
    /// @dev keccak256 of G2's generator in the order of EIP-197: imaginary parts first.
    bytes32 internal constant G2_GENERATOR = keccak256(
        abi.encode(
            uint256(0x198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c2),
            uint256(0x1800deef121f1e76426a00665e5c4479674322d4f75edadd46debd5cd992f6ed),
            uint256(0x090689d0585ff075ec9e99ad690c3395bc4b313370b38ef355acdadcd122975b),
            uint256(0x12c85ea5db8c6deb4aab71808dcb408fe3d1e7690c43d37b4ce6cc0166fa7daa)
        )
    );
    uint256 private constant TERM_GAS = 6_000 + 150;
    uint256 private constant PAIRING_GAS = 45_000;
    uint256 private constant PAIR_GAS = 34_000;
    /// @dev For what a call costs beside its precompile.
    uint256 private constant CALL_GAS = 2_000;

    /// @notice Whether it is a point of G1, not the one at infinity.
    function isPoint(uint256 x, uint256 y) internal pure returns (bool) {
        return x < Q && y < Q && mulmod(y, y, Q) == addmod(mulmod(mulmod(x, x, Q), x, Q), 3, Q);
    }

    /// @notice base + Σ scalars[i] · points[i], of points of G1.
    /// @param points where the base lies in memory, and the points behind it, 64 bytes each
    function combine(uint256 points, uint256[] memory scalars) internal view returns (uint256 x, uint256 y) {
        requireGas(scalars.length * TERM_GAS);
        bool ok = true;
        assembly ("memory-safe") {
            // sum: 2 words, term: 2, scalar: 1
            let buffer := mload(0x40)
            mcopy(buffer, points, 0x40)
            for { let i := 1 } iszero(gt(i, mload(scalars))) { i := add(i, 1) } {
                mcopy(add(buffer, 0x40), add(points, shl(6, i)), 0x40)
                mstore(add(buffer, 0x80), mload(add(scalars, shl(5, i))))
                ok := and(ok, staticcall(6000, 7, add(buffer, 0x40), 0x60, add(buffer, 0x40), 0x40))
                ok := and(ok, staticcall(150, 6, buffer, 0x80, buffer, 0x40))
            }
            x := mload(buffer)
            y := mload(add(buffer, 0x20))
        }
        assert(ok); // the points were checked, and the gas was there
    }

    /// @notice Whether all are points of their groups and the product of the pairings is 1.
    /// @param pairs where they lie in memory: 192 bytes each, G1 before G2
    function isProductOne(uint256 pairs, uint256 count) internal view returns (bool isOne) {
        uint256 cost = PAIRING_GAS + PAIR_GAS * count;
        requireGas(cost);
        assembly ("memory-safe") {
            let ok := staticcall(cost, 8, pairs, mul(count, 0xc0), 0, 0x20)
            isOne := and(ok, eq(mload(0), 1))
        }
    }

    /// @dev A call gets at most 63/64 of what is left (EIP-150).
    function requireGas(uint256 cost) private view {
        uint256 needed = cost + cost / 63 + CALL_GAS;
        if (gasleft() < needed) revert IZkVerifiers.GasShort(gasleft(), needed);
    }
}
