// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {BlockHash} from "../src/libraries/BlockHash.sol";
import {Test} from "./utils/Test.sol";

contract BlockHashTest is Test {
    /// @dev EIP-2935's own bytecode.
    bytes internal constant HISTORY_CODE =
        hex"3373fffffffffffffffffffffffffffffffffffffffe14604657602036036042575f35600143038111604257611fff81430311604257611fff9006545f5260205ff35b5f5ffd5b5f35611fff60014303065500";

    bytes32 internal constant HASH = keccak256("a block");

    function setUp() public {
        vm.roll(20_000);
    }

    function test_opcodeWithin256() public {
        vm.setBlockhash(20_000 - 256, HASH);
        assertEq(BlockHash.blockHash(20_000 - 256), HASH, "hash of 256 blocks ago");
    }

    function test_historyContractBeyond256() public {
        _history(20_000 - 257, HASH);
        assertEq(BlockHash.blockHash(20_000 - 257), HASH, "hash of 257 blocks ago");
        _history(20_000 - 8191, HASH);
        assertEq(BlockHash.blockHash(20_000 - 8191), HASH, "hash of 8,191 blocks ago");
    }

    function test_zeroBeyondTheHistory() public {
        _history(20_000 - 8192, HASH);
        assertEq(BlockHash.blockHash(20_000 - 8192), bytes32(0), "hash of 8,192 blocks ago");
    }

    function test_zeroWithoutTheHistoryContract() public {
        vm.etch(BlockHash.HISTORY, "");
        assertEq(BlockHash.blockHash(20_000 - 257), bytes32(0), "hash on a chain without EIP-2935");
    }

    function test_zeroForThisAndLaterBlocks() public {
        _history(20_000, HASH);
        assertEq(BlockHash.blockHash(20_000), bytes32(0), "hash of this block");
        assertEq(BlockHash.blockHash(20_001), bytes32(0), "hash of the next block");
        assertEq(BlockHash.blockHash(type(uint256).max), bytes32(0), "hash of the last block");
    }

    function _history(uint256 blockNumber, bytes32 hash) private {
        vm.etch(BlockHash.HISTORY, HISTORY_CODE);
        vm.store(BlockHash.HISTORY, bytes32(blockNumber % 8191), hash);
    }
}
