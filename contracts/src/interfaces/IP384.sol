// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title ECDSA over P-384 with hints: docs/p384-soundness.md
interface IP384 {
    /// @notice Reverts unless the hint shows that the signature holds; a hint cannot make a false one pass.
    /// @param statement e | r | s | qx | qy, 48 bytes each, big-endian; e is the message's SHA-384
    function check(bytes calldata statement, bytes calldata hint) external view;
}
