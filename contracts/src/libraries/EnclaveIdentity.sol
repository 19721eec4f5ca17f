// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IEnclaveRegistry} from "../interfaces/IEnclaveRegistry.sol";

/// @title What evidence binds: docs/protocol.md, Enclave configuration and identity
library EnclaveIdentity {
    uint16 internal constant VERSION = 1;

    /// @dev A configuration that names an engine outside the image.
    uint16 internal constant WITH_ENGINE = 2;

    /// @notice Hash of a configuration for this chain and the calling registry.
    function hashConfig(IEnclaveRegistry.Config calldata config) internal view returns (bytes32) {
        if (config.engineHash != 0) return keccak256(abi.encode(WITH_ENGINE, block.chainid, address(this), config));
        return keccak256(
            abi.encode(
                VERSION,
                block.chainid,
                address(this),
                config.operator,
                config.releaseId,
                config.maxInput,
                config.maxOutput
            )
        );
    }

    /// @notice The user data of evidence for these keys under that configuration.
    function userData(IEnclaveRegistry.Identity calldata identity, bytes32 configHash) internal pure returns (bytes32) {
        return sha256(abi.encode(VERSION, identity, configHash));
    }
}
