// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title SHA-384 (FIPS 180-4), two blocks at a time
interface ISha384 {
    /// @param midstate the state after the first half of the blocks, eight 64-bit words; reverts if it is another
    /// @return high the digest's first 32 bytes
    /// @return low the last 16
    function hash(bytes calldata message, bytes32[2] calldata midstate)
        external
        pure
        returns (bytes32 high, bytes16 low);
}
