// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Verifies one TEE's attestation evidence on chain
/// @notice One verifier a TEE kind. Made for evidence whose check does not fit one transaction (AWS Nitro): the
/// certificate chain is cached over several transactions, and every call takes hints (inverses, slopes, offsets)
/// that save work and are themselves checked, so that wrong hints can only make a call revert.
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

    event CertificateCached(bytes32 indexed id, bytes32 indexed parent, uint64 notAfter);

    /// @notice TEE kind, as in docs/protocol.md.
    function kind() external view returns (uint8);

    /// @notice Assurance of a key attested through this verifier (1 simulated, 2 tee).
    function assurance() external view returns (uint8);

    /// @notice Checks a certificate against its cached parent (or the pinned root, parent = rootId()) and keeps its
    /// key, validity and constraints. Anyone may call; a certificate that is cached already is not an error.
    function cacheCertificate(bytes calldata der, bytes32 parent, bytes calldata hints) external returns (bytes32 id);

    function rootId() external view returns (bytes32);

    function isCached(bytes32 id) external view returns (bool);

    /// @notice Reverts unless the evidence is authentic now; its leaf certificate must be cached already.
    function verify(bytes calldata evidence, bytes calldata hints) external view returns (Attestation memory);
}
