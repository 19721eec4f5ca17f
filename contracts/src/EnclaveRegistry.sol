// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {IEnclaveRegistry, Receipt} from "./interfaces/IEnclaveRegistry.sol";
import {IEvidenceVerifier} from "./interfaces/IEvidenceVerifier.sol";
import {IReleases} from "./interfaces/IReleases.sol";
import {BlockHash} from "./libraries/BlockHash.sol";
import {EnclaveIdentity} from "./libraries/EnclaveIdentity.sol";
import {ReceiptHash} from "./libraries/ReceiptHash.sol";

/// @title Attested enclave keys: see IEnclaveRegistry
contract EnclaveRegistry is IEnclaveRegistry, EIP712 {
    /// @dev All that a check of a receipt loads, in one slot.
    struct State {
        address operator;
        uint40 evidenceTime;
        uint8 kind;
        uint8 assurance;
        bool revoked;
    }

    uint16 public constant RECEIPT_VERSION = 1;

    /// @notice Oldest evidence that registers a key, seconds.
    uint40 public constant MAX_EVIDENCE_AGE = 1 hours;

    /// @notice How far the evidence's clock may be ahead of the block's, seconds.
    uint40 public constant MAX_CLOCK_SKEW = 1 minutes;

    /// @inheritdoc IEnclaveRegistry
    uint32 public constant LEAST_LIMIT = 65_536;

    /// @inheritdoc IEnclaveRegistry
    IReleases public immutable RELEASES;
    address public immutable OWNER;
    uint40 public immutable KEY_LIFETIME;

    /// @inheritdoc IEnclaveRegistry
    mapping(uint8 kind => IEvidenceVerifier) public verifierOf;

    /// @dev Keyed by the receipt key and what its evidence binds, together: a receipt of another release or
    /// configuration finds nothing here, and whoever attests somebody else's key only registers another entry.
    mapping(bytes32 boundKey => State) private _states;

    /// @param owner a timelock
    /// @param keyLifetime seconds from the evidence's time; 24 hours unless there is a reason
    /// @param verifiers those that exist at deployment
    constructor(IReleases releases, address owner, uint40 keyLifetime, IEvidenceVerifier[] memory verifiers)
        EIP712("Nacre", "1")
    {
        (RELEASES, OWNER, KEY_LIFETIME) = (releases, owner, keyLifetime);
        for (uint256 i = 0; i < verifiers.length; ++i) {
            _addVerifier(verifiers[i]);
        }
    }

    /// @inheritdoc IEnclaveRegistry
    function addVerifier(IEvidenceVerifier verifier) external {
        if (msg.sender != OWNER) revert NotOwner(msg.sender);
        _addVerifier(verifier);
    }

    /// @inheritdoc IEnclaveRegistry
    function register(
        uint8 kind,
        bytes calldata evidence,
        bytes calldata hints,
        Identity calldata identity,
        Config calldata config,
        uint64 anchorNumber
    ) external {
        IEvidenceVerifier verifier = verifierOf[kind];
        if (address(verifier) == address(0)) revert UnknownKind(kind);
        _requireUsable(identity, config);
        bytes32 configHash = EnclaveIdentity.hashConfig(config);
        if (_stateOf(identity.receiptKey, config.releaseId, configHash).operator != address(0)) {
            revert KeyAlreadyRegistered(identity.receiptKey);
        }

        IEvidenceVerifier.Attestation memory attestation = verifier.verify(evidence, hints);
        _requireNonce(attestation.nonce, anchorNumber);
        _requireUserData(attestation.userData, identity, configHash);
        _requireMeasured(config.releaseId, kind, attestation.measurement);
        _add(identity.receiptKey, config, configHash, kind, _evidenceTime(attestation.timestamp));
    }

    /// @inheritdoc IEnclaveRegistry
    function revokeKey(address receiptKey, bytes32 releaseId, bytes32 configHash) external {
        State storage state = _stateOf(receiptKey, releaseId, configHash);
        if (state.operator == address(0)) revert UnknownKey(receiptKey, releaseId, configHash);
        if (state.operator != msg.sender) revert NotKeyOperator(msg.sender, state.operator);
        if (state.revoked) revert RevokedKey(receiptKey);
        state.revoked = true;
        emit KeyRevoked(receiptKey, msg.sender, releaseId, configHash);
    }

    /// @inheritdoc IEnclaveRegistry
    function keyOf(address receiptKey, bytes32 releaseId, bytes32 configHash) external view returns (Key memory key) {
        State memory state = _stateOf(receiptKey, releaseId, configHash);
        if (state.operator == address(0)) return key;
        (address publisher,) = RELEASES.releaseOf(releaseId);
        return _key(state, releaseId, configHash, publisher);
    }

    /// @inheritdoc IEnclaveRegistry
    function checkReceipt(Receipt calldata receipt, bytes calldata signature)
        external
        view
        returns (address receiptKey, Key memory key)
    {
        if (receipt.version != RECEIPT_VERSION || receipt.parentsRoot != 0 || receipt.extensionsRoot != 0) {
            revert UnsupportedReceipt(receipt.version, receipt.parentsRoot, receipt.extensionsRoot);
        }
        receiptKey = ECDSA.recoverCalldata(hashReceipt(receipt), signature);
        key = usableKey(receiptKey, receipt.releaseId, receipt.configHash);
    }

    /// @inheritdoc IEnclaveRegistry
    function usableKey(address receiptKey, bytes32 releaseId, bytes32 configHash) public view returns (Key memory key) {
        State memory state = _stateOf(receiptKey, releaseId, configHash);
        if (state.operator == address(0)) revert UnknownKey(receiptKey, releaseId, configHash);
        if (state.revoked) revert RevokedKey(receiptKey);
        (address publisher, bool revoked) = RELEASES.releaseOf(releaseId);
        if (revoked) revert ReceiptReleaseRevoked(releaseId);
        key = _key(state, releaseId, configHash, publisher);
        if (block.timestamp >= key.expiresAt) revert ExpiredKey(receiptKey, key.expiresAt);
    }

    /// @inheritdoc IEnclaveRegistry
    function hashReceipt(Receipt calldata receipt) public view returns (bytes32) {
        return _hashTypedDataV4(ReceiptHash.hashStruct(receipt));
    }

    function _addVerifier(IEvidenceVerifier verifier) private {
        (uint8 kind, uint8 assurance) = (verifier.kind(), verifier.assurance());
        if (kind == 0) revert UnknownKind(kind);
        if (address(verifierOf[kind]) != address(0)) revert VerifierExists(kind);
        if (assurance != _assuranceOf(kind)) revert WrongAssurance(kind, assurance);
        verifierOf[kind] = verifier;
        emit VerifierAdded(kind, address(verifier));
    }

    /// @dev 1, simulated, for the simulated kind (1) alone; 2, tee, for all others.
    function _assuranceOf(uint8 kind) private pure returns (uint8) {
        return kind == 1 ? 1 : 2;
    }

    function _add(address receiptKey, Config calldata config, bytes32 configHash, uint8 kind, uint40 time) private {
        State storage state = _stateOf(receiptKey, config.releaseId, configHash);
        (state.operator, state.evidenceTime) = (config.operator, time);
        (state.kind, state.assurance) = (kind, _assuranceOf(kind));
        emit KeyRegistered(receiptKey, config.operator, config.releaseId, configHash, kind, time + KEY_LIFETIME);
    }

    /// @dev An operator whose own limits are low could be paid for the failures that they provoke.
    function _requireUsable(Identity calldata identity, Config calldata config) private pure {
        if (identity.receiptKey == address(0) || config.operator == address(0)) {
            revert ZeroIdentity(identity.receiptKey, config.operator);
        }
        if (config.maxInput < LEAST_LIMIT || config.maxOutput < LEAST_LIMIT) {
            revert LimitsTooLow(config.maxInput, config.maxOutput, LEAST_LIMIT);
        }
    }

    function _requireNonce(bytes32 nonce, uint64 anchorNumber) private view {
        bytes32 anchorHash = BlockHash.blockHash(anchorNumber);
        if (anchorHash == 0) revert AnchorUnavailable(anchorNumber);
        if (nonce != anchorHash) revert NonceMismatch(anchorHash, nonce);
    }

    function _requireUserData(bytes32 actual, Identity calldata identity, bytes32 configHash) private pure {
        bytes32 expected = EnclaveIdentity.userData(identity, configHash);
        if (actual != expected) revert UserDataMismatch(expected, actual);
    }

    function _requireMeasured(bytes32 releaseId, uint8 kind, bytes32 digest) private view {
        (, bool revoked) = RELEASES.releaseOf(releaseId);
        if (revoked) revert ReceiptReleaseRevoked(releaseId);
        if (!RELEASES.isMeasured(releaseId, kind, digest)) revert MeasurementNotListed(releaseId, kind, digest);
    }

    /// @return time never later than this block's, so that ages computed from it cannot underflow
    function _evidenceTime(uint64 timestamp) private view returns (uint40 time) {
        if (timestamp > block.timestamp + MAX_CLOCK_SKEW) revert EvidenceFromFuture(timestamp);
        if (block.timestamp > uint256(timestamp) + MAX_EVIDENCE_AGE) revert EvidenceTooOld(timestamp);
        return uint40(timestamp < block.timestamp ? timestamp : block.timestamp);
    }

    function _stateOf(address receiptKey, bytes32 releaseId, bytes32 configHash) private view returns (State storage) {
        return _states[keccak256(abi.encode(receiptKey, releaseId, configHash))];
    }

    function _key(State memory state, bytes32 releaseId, bytes32 configHash, address publisher)
        private
        view
        returns (Key memory)
    {
        return Key({
            operator: state.operator,
            evidenceTime: state.evidenceTime,
            expiresAt: state.evidenceTime + KEY_LIFETIME,
            kind: state.kind,
            revoked: state.revoked,
            assurance: state.assurance,
            releaseId: releaseId,
            configHash: configHash,
            publisher: publisher
        });
    }
}
