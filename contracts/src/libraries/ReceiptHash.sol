// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Receipt} from "../interfaces/IEnclaveRegistry.sol";

/// @title EIP-712 hashes of what enclaves sign: docs/protocol.md, Receipt
library ReceiptHash {
    bytes32 internal constant TYPEHASH = keccak256(
        "Receipt(uint16 version,bytes32 requestId,bytes32 releaseId,bytes32 configHash,bytes32 artifact,bytes32 inputHash,bytes32 outputHash,bytes32 parametersHash,bytes32 usageHash,uint8 status,uint64 sequence,uint64 anchorNumber,bytes32 anchorHash,bytes32 parentsRoot,bytes32 extensionsRoot)"
    );

    /// @notice EIP-712 domain separator of all that enclaves of a registry sign.
    function domainOf(address registry) internal view returns (bytes32) {
        bytes32 typeHash =
            keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
        return keccak256(abi.encode(typeHash, keccak256("Nacre"), keccak256("1"), block.chainid, registry));
    }

    function hashStruct(Receipt calldata receipt) internal pure returns (bytes32) {
        return keccak256(abi.encode(TYPEHASH, receipt));
    }
}
