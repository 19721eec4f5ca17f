// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IEvidenceVerifier} from "./IEvidenceVerifier.sol";
import {IReleases} from "./IReleases.sol";

/// @notice Facts that the enclave signs about one answer: docs/protocol.md, Receipt. EIP-712 typed data.
struct Receipt {
    uint16 version;
    bytes32 requestId;
    bytes32 releaseId;
    bytes32 configHash;
    bytes32 artifact;
    bytes32 inputHash;
    bytes32 outputHash;
    bytes32 parametersHash;
    bytes32 usageHash;
    uint8 status;
    uint64 sequence;
    uint64 anchorNumber;
    bytes32 anchorHash;
    bytes32 parentsRoot;
    bytes32 extensionsRoot;
}

/// @title Attested enclave keys, and the verifying contract of every receipt
/// @notice Immutable, and it holds no funds. Its owner, a timelock, can add verifiers of further TEE kinds and nothing
/// else: none can be replaced or removed. A key is registered once; after KEY_LIFETIME the enclave makes another.
interface IEnclaveRegistry {
    /// @notice The keys that the evidence's user data binds; zero for a key that the image does not have.
    struct Identity {
        address receiptKey;
        bytes32 tlsKeyHash;
        bytes32 hpkeKey;
    }

    /// @notice The configuration that the evidence's user data binds, for this chain and this registry.
    /// @param engineHash zero, or what the image uses in the place of its own engine (docs/inference.md, Another engine)
    struct Config {
        address operator;
        bytes32 releaseId;
        uint32 maxInput;
        uint32 maxOutput;
        bytes32 engineHash;
    }

    /// @param operator who is paid for this key's answers; bound by the evidence, never by the caller
    /// @param evidenceTime the evidence's own time, seconds; the block's time where the evidence is ahead of it
    /// @param expiresAt evidenceTime + KEY_LIFETIME; from then on the key is refused
    /// @param kind TEE kind, of the verifier that the evidence satisfied
    /// @param assurance 1 simulated, 2 tee
    struct Key {
        address operator;
        uint40 evidenceTime;
        uint40 expiresAt;
        uint8 kind;
        bool revoked;
        uint8 assurance;
        bytes32 releaseId;
        bytes32 configHash;
        address publisher;
    }

    event VerifierAdded(uint8 indexed kind, address verifier);
    event KeyRegistered(
        address indexed receiptKey,
        address indexed operator,
        bytes32 indexed releaseId,
        bytes32 configHash,
        uint8 kind,
        uint40 expiresAt
    );
    event KeyRevoked(address indexed receiptKey, address by, bytes32 releaseId, bytes32 configHash);

    error NotOwner(address caller);
    error UnknownKind(uint8 kind);
    error LimitsTooLow(uint32 maxInput, uint32 maxOutput, uint32 least);
    error VerifierExists(uint8 kind);
    error WrongAssurance(uint8 kind, uint8 assurance);
    error ZeroIdentity(address receiptKey, address operator);
    error UserDataMismatch(bytes32 expected, bytes32 actual);
    error NonceMismatch(bytes32 expected, bytes32 actual);
    error AnchorUnavailable(uint64 blockNumber);
    error MeasurementNotListed(bytes32 releaseId, uint8 kind, bytes32 digest);
    error EvidenceTooOld(uint64 timestamp);
    error EvidenceFromFuture(uint64 timestamp);
    error KeyAlreadyRegistered(address receiptKey);
    error UnknownKey(address receiptKey, bytes32 releaseId, bytes32 configHash);
    error ExpiredKey(address receiptKey, uint40 expiresAt);
    error RevokedKey(address receiptKey);
    error NotKeyOperator(address caller, address operator);
    error UnsupportedReceipt(uint16 version, bytes32 parentsRoot, bytes32 extensionsRoot);
    error ReceiptReleaseRevoked(bytes32 releaseId);

    /// @notice Adds the verifier of a TEE kind that has none; only the owner may. The simulated kind has simulated
    /// assurance and every other kind tee: a verifier that says otherwise is refused.
    function addVerifier(IEvidenceVerifier verifier) external;

    /// @notice Where the releases of the keys are listed.
    function RELEASES() external view returns (IReleases);

    /// @notice Zero when the kind has none.
    function verifierOf(uint8 kind) external view returns (IEvidenceVerifier);

    /// @notice Least input and output limit that an enclave may be configured with, bytes. A relay asks for no more, so
    /// that no operator can be paid for failures that its own low limits provoke.
    function LEAST_LIMIT() external view returns (uint32);

    /// @notice Registers an enclave's receipt key for KEY_LIFETIME from the evidence's time. Anyone may send it; the
    /// operator is the one that the evidence binds. A registration is of the key with its release and configuration:
    /// who attests a key that another enclave made registers an entry that no receipt of that enclave refers to.
    /// @param hints work-saving values for the kind's verifier (IEvidenceVerifier)
    /// @param anchorNumber a recent block, whose hash is the evidence's nonce
    function register(
        uint8 kind,
        bytes calldata evidence,
        bytes calldata hints,
        Identity calldata identity,
        Config calldata config,
        uint64 anchorNumber
    ) external;

    /// @notice Revokes a registration for ever; only its operator may.
    function revokeKey(address receiptKey, bytes32 releaseId, bytes32 configHash) external;

    /// @notice The registration, expired and revoked ones too; all zero when unknown. `publisher` is as listed.
    function keyOf(address receiptKey, bytes32 releaseId, bytes32 configHash) external view returns (Key memory);

    /// @notice The registration of a key that may sign now. Reverts when it is unknown, expired or revoked, or its release
    /// is revoked.
    function usableKey(address receiptKey, bytes32 releaseId, bytes32 configHash) external view returns (Key memory);

    /// @notice EIP-712 digest of a receipt: its id.
    function hashReceipt(Receipt calldata receipt) external view returns (bytes32);

    /// @notice Reverts unless the receipt is signed by a registered key that is neither expired nor revoked, of a
    /// release that is not revoked, and agrees with what the key was attested with. Signatures are 65 bytes r|s|v with
    /// a low s. Never use signature bytes against replay: use the receipt's id or its request id.
    function checkReceipt(Receipt calldata receipt, bytes calldata signature)
        external
        view
        returns (address receiptKey, Key memory key);
}
