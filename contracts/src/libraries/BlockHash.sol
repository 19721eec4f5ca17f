// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Hashes of recent blocks: 256 by the opcode, 8,191 by the EIP-2935 history contract
library BlockHash {
    /// @dev EIP-2935, HISTORY_STORAGE_ADDRESS: takes a block number as 32 bytes, returns its hash, reverts outside
    /// its window.
    address internal constant HISTORY = 0x0000F90827F1C53a10cb7A02335B175320002935;

    /// @return hash zero when the block is not in the past, too old for both sources, or this chain lacks EIP-2935
    function blockHash(uint256 blockNumber) internal view returns (bytes32 hash) {
        hash = blockhash(blockNumber);
        if (hash != 0 || blockNumber >= block.number) return hash;
        assembly ("memory-safe") {
            mstore(0x00, blockNumber)
            let ok := staticcall(gas(), HISTORY, 0x00, 0x20, 0x00, 0x20)
            if and(ok, eq(returndatasize(), 0x20)) { hash := mload(0x00) }
        }
    }
}
