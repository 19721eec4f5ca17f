// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Create2} from "@openzeppelin/contracts/utils/Create2.sol";
import {IGroth16Verifier, IZkVerifiers} from "./interfaces/IZkVerifiers.sol";
import {Bn254} from "./libraries/Bn254.sol";
import {ZkKey} from "./libraries/ZkKey.sol";
import {Groth16Verifier} from "./zk/Groth16Verifier.sol";

/// @title ZkVerifiers: see IZkVerifiers
contract ZkVerifiers is IZkVerifiers {
    /// @dev One slot. outputSize: of the model's only output, bytes.
    struct Entry {
        address verifier;
        uint32 outputSize;
    }

    uint256 private constant DEVELOPMENT_CHAIN = 31_337;
    /// @dev Makes all that is behind it the code of the new contract: PUSH1 11, CODESIZE, SUB, DUP1, PUSH1 11, PUSH0,
    /// CODECOPY, PUSH0, RETURN.
    bytes11 private constant DEPLOY_REST = hex"600b380380600b5f395ff3";

    mapping(bytes32 artifact => Entry) private _entries;

    /// @inheritdoc IZkVerifiers
    function register(bytes calldata keyFile) external returns (bytes32 artifact, address verifier) {
        artifact = sha256(keyFile);
        verifier = _entries[artifact].verifier;
        if (verifier != address(0)) return (artifact, verifier);

        ZkKey.Shape memory shape = ZkKey.check(keyFile);
        bool development = shape.setup != 0;
        if (development && block.chainid != DEVELOPMENT_CHAIN) revert DevelopmentKey(block.chainid);
        bytes memory code =
            abi.encodePacked(DEPLOY_REST, type(Groth16Verifier).runtimeCode, keyFile, uint32(keyFile.length));
        verifier = Create2.deploy(0, 0, code);
        _entries[artifact] = Entry(verifier, uint32(ZkKey.outputSize(shape)));
        emit Registered(artifact, verifier, development);
    }

    /// @inheritdoc IZkVerifiers
    function verifierOf(bytes32 artifact) external view returns (address) {
        return _entries[artifact].verifier;
    }

    /// @inheritdoc IZkVerifiers
    function check(bytes32 artifact, bytes32 inputHash, bytes calldata output, bytes calldata proof) external view {
        IGroth16Verifier(_entryOf(artifact).verifier).verify(inputHash, output, proof);
    }

    /// @inheritdoc IZkVerifiers
    function checkRequest(bytes32 artifact, bytes32 inputHash, uint256 maxOutput) external view {
        uint256 size = _entryOf(artifact).outputSize;
        if (uint256(inputHash) >= Bn254.R) revert InvalidInputHash(inputHash);
        if (size > maxOutput) revert OutputLimitTooLow(maxOutput, size);
    }

    function _entryOf(bytes32 artifact) private view returns (Entry memory entry) {
        entry = _entries[artifact];
        if (entry.verifier == address(0)) revert UnknownVerifier(artifact);
    }
}
