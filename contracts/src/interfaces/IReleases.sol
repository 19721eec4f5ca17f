// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Published enclave images and their measurements
/// @notice Listing is permissionless and confers no trust: every request and every client policy names the
/// releases or publishers that it accepts. A listing belongs to its publisher (the id contains it), is
/// append-only, and can be revoked for ever.
interface IReleases {
    /// @param kind TEE kind (1 simulated, 2 nitro, 3 tdx, 4 snp, 5 sgx)
    /// @param digest sha256 of the kind and the fixed tuple of registers (docs/protocol.md, Release)
    struct Measurement {
        uint8 kind;
        bytes32 digest;
    }

    event Listed(bytes32 indexed releaseId, address indexed publisher, bytes32 manifestHash);
    event Measured(bytes32 indexed releaseId, uint8 kind, bytes32 digest);
    event Revoked(bytes32 indexed releaseId);

    error AlreadyListed(bytes32 releaseId);
    error NotListed(bytes32 releaseId);
    error NotPublisher(address caller, address publisher);
    error ReleaseRevoked(bytes32 releaseId);
    error NoMeasurement();
    error InvalidMeasurement(uint8 kind, bytes32 digest);

    /// @notice Lists a release under the caller; its id is keccak256(abi.encode(msg.sender, manifestHash)).
    function list(bytes32 manifestHash, Measurement[] calldata measurements) external returns (bytes32 releaseId);

    /// @notice Adds measurements (another machine shape or TEE) to the caller's own release.
    function measure(bytes32 releaseId, Measurement[] calldata measurements) external;

    /// @notice Revokes for ever. Takes effect at the next use of any key of this release.
    function revoke(bytes32 releaseId) external;

    /// @notice Whether the measurement was ever added; it says nothing of revocation, which releaseOf does.
    function isMeasured(bytes32 releaseId, uint8 kind, bytes32 digest) external view returns (bool);

    /// @return publisher zero when not listed
    function releaseOf(bytes32 releaseId) external view returns (address publisher, bool revoked);
}
