// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IReleases} from "./interfaces/IReleases.sol";

/// @title Published enclave images: see IReleases
contract Releases is IReleases {
    /// @dev One slot, because every check of a receipt reads it.
    struct Release {
        address publisher;
        bool revoked;
    }

    uint8 internal constant FIRST_KIND = 1;
    uint8 internal constant LAST_KIND = 5;

    mapping(bytes32 releaseId => Release) private _releases;
    mapping(bytes32 releaseId => mapping(uint8 kind => mapping(bytes32 digest => bool))) private _measured;

    /// @inheritdoc IReleases
    function list(bytes32 manifestHash, Measurement[] calldata measurements) external returns (bytes32 releaseId) {
        releaseId = keccak256(abi.encode(msg.sender, manifestHash));
        if (_releases[releaseId].publisher != address(0)) revert AlreadyListed(releaseId);
        _releases[releaseId].publisher = msg.sender;
        emit Listed(releaseId, msg.sender, manifestHash);
        _add(releaseId, measurements);
    }

    /// @inheritdoc IReleases
    function measure(bytes32 releaseId, Measurement[] calldata measurements) external {
        _requireOwn(releaseId);
        _add(releaseId, measurements);
    }

    /// @inheritdoc IReleases
    function revoke(bytes32 releaseId) external {
        _requireOwn(releaseId);
        _releases[releaseId].revoked = true;
        emit Revoked(releaseId);
    }

    /// @inheritdoc IReleases
    function isMeasured(bytes32 releaseId, uint8 kind, bytes32 digest) external view returns (bool) {
        return _measured[releaseId][kind][digest];
    }

    /// @inheritdoc IReleases
    function releaseOf(bytes32 releaseId) external view returns (address publisher, bool revoked) {
        Release storage release = _releases[releaseId];
        return (release.publisher, release.revoked);
    }

    function _add(bytes32 releaseId, Measurement[] calldata measurements) private {
        if (measurements.length == 0) revert NoMeasurement();
        for (uint256 i = 0; i < measurements.length; ++i) {
            (uint8 kind, bytes32 digest) = (measurements[i].kind, measurements[i].digest);
            if (kind < FIRST_KIND || kind > LAST_KIND || digest == 0) revert InvalidMeasurement(kind, digest);
            _measured[releaseId][kind][digest] = true;
            emit Measured(releaseId, kind, digest);
        }
    }

    /// @dev Listed by the caller and not revoked.
    function _requireOwn(bytes32 releaseId) private view {
        Release storage release = _releases[releaseId];
        if (release.publisher == address(0)) revert NotListed(releaseId);
        if (release.publisher != msg.sender) revert NotPublisher(msg.sender, release.publisher);
        if (release.revoked) revert ReleaseRevoked(releaseId);
    }
}
