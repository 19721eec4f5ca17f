// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Verifies one TEE's attestation evidence on chain
/// @notice One verifier a TEE kind, behind the registry. How a verifier comes to trust certificates, and whether it
/// keeps those that it has checked, is its own.
interface IEvidenceVerifier {
    /// @param measurement sha256 of the kind and its registers (docs/protocol.md, Release)
    /// @param userData the 32 bytes of user data that the evidence binds
    /// @param nonce the 32 bytes of nonce that the evidence binds
    /// @param timestamp the evidence's own time, in seconds
    struct Attestation {
        bytes32 measurement;
        bytes32 userData;
        bytes32 nonce;
        uint64 timestamp;
    }

    /// @notice TEE kind, as in docs/protocol.md.
    function kind() external view returns (uint8);

    /// @notice Assurance of a key attested through this verifier (1 simulated, 2 tee).
    function assurance() external view returns (uint8);

    /// @notice Reverts unless the evidence is authentic now. Anyone may call. A verifier may keep what it checked on
    /// the way, such as certificates, so that evidence under new ones takes one transaction.
    /// @param hints save work and are themselves checked: wrong ones can only make the call revert
    function verify(bytes calldata evidence, bytes calldata hints) external returns (Attestation memory);
}
