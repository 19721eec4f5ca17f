// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Statements of proofs that an enclave verified (docs/protocol.md, Proofs verified in an enclave)
/// @notice What a consumer gets whose request names a verifying key as its artifact: the relay has checked that an
/// enclave of an accepted release signed it. The outputs are integers, in the clear; nothing here is zero-knowledge.
/// @dev Reading is strict: a statement has one encoding, and any other bytes revert.
///
/// WARNING: the artifact that was asked for decides which model `model` is. Whether the input is the one that the
/// consumer means says `inputHash` alone: compare it, wherever somebody else chose what was proven.
library ZkStatement {
    /// @param model identity of graph and committed weights (docs/zk-soundness.md, section 5)
    /// @param proofHash SHA-256 of the proof; a name of its bytes, and no replay key
    /// @param inputHash keccak-256 of the input as a canonical tensor of int32, the batch first
    /// @param outputHash keccak-256 of the outputs
    /// @param securityBits -log2 of the chance that a false statement passes, rounded down; at least 100
    struct Proven {
        bytes32 model;
        bytes32 proofHash;
        bytes32 inputHash;
        bytes32 outputHash;
        uint16 securityBits;
    }

    /// @notice What was proven with: zk among the assurances. The assurance of a receipt says the registry.
    uint8 internal constant PROOF_KIND = 3;

    uint256 private constant VERSION = 1;
    /// @dev Seven fields, where the outputs begin, their length.
    uint256 private constant HEAD = 9 * 32;

    error InvalidStatement(bytes32 reason);
    error UnsupportedStatement(uint256 version);
    error WrongProofKind(uint256 kind);

    /// @notice Reads an answer with status 0.
    /// @return proven what the enclave says of the proof
    /// @return outputs the model's outputs as canonical tensors of int32, one after the other (Tensor.first)
    function decode(bytes calldata statement) internal pure returns (Proven memory proven, bytes calldata outputs) {
        if (statement.length < HEAD) revert InvalidStatement("length");
        uint256 version = uint256(_word(statement, 0));
        if (version != VERSION) revert UnsupportedStatement(version);
        uint256 kind = uint256(_word(statement, 1));
        if (kind != PROOF_KIND) revert WrongProofKind(kind);
        uint256 bits = uint256(_word(statement, 6));
        if (bits > type(uint16).max) revert InvalidStatement("bits");
        outputs = _outputs(statement);
        proven =
            Proven(_word(statement, 2), _word(statement, 3), _word(statement, 4), _word(statement, 5), uint16(bits));
        if (keccak256(outputs) != proven.outputHash) revert InvalidStatement("output hash");
    }

    /// @dev The ABI's only encoding of the last field: at its place, filled up with zeros, nothing behind it.
    function _outputs(bytes calldata statement) private pure returns (bytes calldata outputs) {
        uint256 length = uint256(_word(statement, 8));
        if (_word(statement, 7) != bytes32(HEAD - 32)) revert InvalidStatement("place");
        if (length == 0 || length > statement.length - HEAD) revert InvalidStatement("output length");
        uint256 used = length % 32;
        if (statement.length != HEAD + length + (used == 0 ? 0 : 32 - used)) revert InvalidStatement("length");
        bytes32 last = bytes32(statement[statement.length - 32:]);
        if (used != 0 && last << (8 * used) != 0) revert InvalidStatement("padding");
        return statement[HEAD:HEAD + length];
    }

    function _word(bytes calldata statement, uint256 index) private pure returns (bytes32) {
        return bytes32(statement[32 * index:32 * index + 32]);
    }
}
