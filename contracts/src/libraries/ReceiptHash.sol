// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Receipt} from "../interfaces/IEnclaveRegistry.sol";

/// @title EIP-712 struct hash of a receipt: docs/protocol.md, Receipt
library ReceiptHash {
    bytes32 internal constant TYPEHASH = keccak256(
        "Receipt(uint16 version,bytes32 requestId,bytes32 releaseId,bytes32 configHash,bytes32 artifact,bytes32 inputHash,bytes32 outputHash,bytes32 parametersHash,bytes32 usageHash,uint8 status,uint64 sequence,uint64 anchorNumber,bytes32 anchorHash,bytes32 parentsRoot,bytes32 extensionsRoot)"
    );

    function hashStruct(Receipt calldata receipt) internal pure returns (bytes32) {
        return keccak256(abi.encode(TYPEHASH, receipt));
    }
}
