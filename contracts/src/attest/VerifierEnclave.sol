// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IEnclaveRegistry, Receipt} from "../interfaces/IEnclaveRegistry.sol";
import {IEvidenceVerifier} from "../interfaces/IEvidenceVerifier.sol";

/// @title Verifier of a TEE whose evidence no contract checks: two enclaves say what it is
/// @notice The evidence is a statement that two verifier enclaves signed: ordinary receipts of the image
/// `nacre-attestation`, whose artifact is the policy that it judged by (docs/protocol.md, Verifier enclaves).
/// @dev Deploy the registry first, then this for it, then let the registry's owner add it. It counts no enclave but
/// those that the registry attested through AWS Nitro, whose evidence a contract checks in full: neither simulated
/// ones nor enclaves of a kind that a contract like this one vouched for, so that no vouching goes in a circle.
///
/// WARNING: the two are of two operators, because one operator can start any number of enclaves; anyone can be two
/// operators, so that the owner names those that count; and anyone can start an enclave that is configured for one of
/// these, so that an operator claims the keys of its own. What two of them prove, and what not: SECURITY.md.
contract VerifierEnclave is IEvidenceVerifier {
    /// @notice Receipts by distinct keys of distinct operators that a statement needs.
    uint256 public constant QUORUM = 2;

    /// @notice Oldest statement, seconds from the time as of which the evidence was judged.
    uint256 public constant MAX_AGE = 1 hours;

    uint8 public constant override assurance = 2;

    /// @notice statement | (receipt | signature) * QUORUM, bytes.
    uint256 public constant EVIDENCE_SIZE = STATEMENT_SIZE + QUORUM * (RECEIPT_SIZE + SIGNATURE_SIZE);

    uint256 private constant STATEMENT_SIZE = 7 * 32;
    uint256 private constant RECEIPT_SIZE = 15 * 32;
    uint256 private constant SIGNATURE_SIZE = 65;

    uint256 private constant STATEMENT_VERSION = 1;
    uint8 private constant NITRO = 2;
    uint8 private constant STATUS_OK = 0;

    /// @dev docs/protocol.md: 3 tdx, 4 snp, 5 sgx, 6 nvidia.
    uint8 private constant FIRST_KIND = 3;
    uint8 private constant LAST_KIND = 6;

    /// @notice Whose receipts count.
    IEnclaveRegistry public immutable REGISTRY;

    /// @notice SHA-256 of the evidence policy that enclaves have to judge by.
    bytes32 public immutable POLICY;

    /// @notice A timelock.
    address public immutable OWNER;

    /// @inheritdoc IEvidenceVerifier
    uint8 public immutable override kind;

    /// @notice Releases whose enclaves are verifiers.
    mapping(bytes32 releaseId => bool) public acceptsRelease;

    /// @notice Operators whose enclaves count.
    mapping(address operator => bool) public acceptsOperator;

    /// @notice Keys of which their operator itself said that they are of its enclaves: what an enclave is configured for
    /// is the word of whoever started it.
    mapping(address operator => mapping(address receiptKey => bool)) public isClaimed;

    event ReleaseAccepted(bytes32 indexed releaseId);
    event ReleaseRemoved(bytes32 indexed releaseId);
    event OperatorAccepted(address indexed operator);
    event OperatorRemoved(address indexed operator);
    event KeyClaimed(address indexed operator, address indexed receiptKey);

    error NotOwner(address caller);
    error UnsupportedKind(uint8 kind);
    error HintsNotUsed();
    error EvidenceLength(uint256 length, uint256 expected);
    error UnsupportedStatement(uint256 version);
    error WrongKind(uint256 kind);
    error StatementFromFuture(uint256 time);
    error StatementTooOld(uint256 time);
    error OtherPolicy(bytes32 artifact);
    error NotOk(uint8 status);
    error OtherStatement(bytes32 outputHash, bytes32 expected);
    error KeysNotRising(address previous, address receiptKey);
    error NotNitro(address receiptKey, uint8 kind, uint8 assurance);
    error ReleaseNotAccepted(bytes32 releaseId);
    error OperatorNotAccepted(address operator);
    error KeyNotClaimed(address receiptKey, address operator);
    error SameOperator(address operator);

    modifier onlyOwner() {
        _requireOwner();
        _;
    }

    /// @param registry that the enclaves are registered in, and that will have this as the verifier of `kind_`
    /// @param kind_ TEE kind of the evidence that statements are about: 3 tdx, 4 snp, 5 sgx or 6 nvidia. No key can be
    /// registered with a GPU's, which binds none; a contract may read what it says
    /// @param policy SHA-256 of the evidence policy's canonical JSON
    /// @param owner a timelock
    constructor(IEnclaveRegistry registry, uint8 kind_, bytes32 policy, address owner) {
        if (kind_ < FIRST_KIND || kind_ > LAST_KIND) revert UnsupportedKind(kind_);
        (REGISTRY, kind, POLICY, OWNER) = (registry, kind_, policy, owner);
    }

    /// @notice Has the enclaves of a release count; only the owner may.
    function acceptRelease(bytes32 releaseId) external onlyOwner {
        acceptsRelease[releaseId] = true;
        emit ReleaseAccepted(releaseId);
    }

    /// @notice Takes effect at once, for statements that were signed before too.
    function removeRelease(bytes32 releaseId) external onlyOwner {
        acceptsRelease[releaseId] = false;
        emit ReleaseRemoved(releaseId);
    }

    /// @notice Has the enclaves of an operator count; only the owner may.
    function acceptOperator(address operator) external onlyOwner {
        acceptsOperator[operator] = true;
        emit OperatorAccepted(operator);
    }

    /// @notice Takes effect at once, for statements that were signed before too.
    function removeOperator(address operator) external onlyOwner {
        acceptsOperator[operator] = false;
        emit OperatorRemoved(operator);
    }

    /// @notice Says that a key is of an enclave that the caller started. It counts where the registry has the caller as
    /// the key's operator, before or after. To take it back: EnclaveRegistry.revokeKey.
    function claimKey(address receiptKey) external {
        isClaimed[msg.sender][receiptKey] = true;
        emit KeyClaimed(msg.sender, receiptKey);
    }

    /// @inheritdoc IEvidenceVerifier
    /// @param evidence a statement of 224 bytes, and QUORUM times the 15 words of a receipt and its signature of 65
    /// bytes, by keys in rising order. A number in a receipt that exceeds its type reverts as the ABI does, without a
    /// reason.
    /// @param hints empty
    function verify(bytes calldata evidence, bytes calldata hints) external view returns (Attestation memory) {
        if (hints.length != 0) revert HintsNotUsed();
        if (evidence.length != EVIDENCE_SIZE) revert EvidenceLength(evidence.length, EVIDENCE_SIZE);
        bytes calldata statement = evidence[:STATEMENT_SIZE];
        _requireSigned(keccak256(statement), evidence[STATEMENT_SIZE:]);
        return _attestationOf(statement);
    }

    function _requireOwner() private view {
        if (msg.sender != OWNER) revert NotOwner(msg.sender);
    }

    /// @dev The statement's own time is the host's word, which its enclave signed as it was told: hence the bounds.
    function _attestationOf(bytes calldata statement) private view returns (Attestation memory) {
        // Whole words: numbers beyond their types fail the comparisons.
        (uint256 version, uint256 about,, bytes32 measurement, bytes32 userData, bytes32 nonce, uint256 time) =
            abi.decode(statement, (uint256, uint256, bytes32, bytes32, bytes32, bytes32, uint256));
        if (version != STATEMENT_VERSION) revert UnsupportedStatement(version);
        if (about != kind) revert WrongKind(about);
        if (time > block.timestamp) revert StatementFromFuture(time);
        if (block.timestamp - time > MAX_AGE) revert StatementTooOld(time);
        return Attestation(measurement, userData, nonce, uint64(time));
    }

    /// @param receipts QUORUM of them, each with its signature behind it
    function _requireSigned(bytes32 output, bytes calldata receipts) private view {
        (address lastKey, address lastOperator) = (address(0), address(0));
        for (uint256 i = 0; i < QUORUM; ++i) {
            Receipt memory receipt = abi.decode(receipts[:RECEIPT_SIZE], (Receipt));
            receipts = receipts[RECEIPT_SIZE:];
            _requireVerdict(receipt, output);
            (address receiptKey, IEnclaveRegistry.Key memory key) =
                REGISTRY.checkReceipt(receipt, receipts[:SIGNATURE_SIZE]);
            receipts = receipts[SIGNATURE_SIZE:];
            if (receiptKey <= lastKey) revert KeysNotRising(lastKey, receiptKey);
            _requireVerifier(receiptKey, key);
            // Of two, the one before is the only other.
            if (key.operator == lastOperator) revert SameOperator(key.operator);
            (lastKey, lastOperator) = (receiptKey, key.operator);
        }
    }

    /// @dev An answer `ok`, judged by the policy, whose output is the statement.
    function _requireVerdict(Receipt memory receipt, bytes32 output) private view {
        if (receipt.artifact != POLICY) revert OtherPolicy(receipt.artifact);
        if (receipt.status != STATUS_OK) revert NotOk(receipt.status);
        if (receipt.outputHash != output) revert OtherStatement(receipt.outputHash, output);
    }

    /// @dev A key that is an accepted verifier's and claimed by it, attested on chain by hardware.
    function _requireVerifier(address receiptKey, IEnclaveRegistry.Key memory key) private view {
        if (key.kind != NITRO || key.assurance != assurance) revert NotNitro(receiptKey, key.kind, key.assurance);
        if (!acceptsRelease[key.releaseId]) revert ReleaseNotAccepted(key.releaseId);
        if (!acceptsOperator[key.operator]) revert OperatorNotAccepted(key.operator);
        if (!isClaimed[key.operator][receiptKey]) revert KeyNotClaimed(receiptKey, key.operator);
    }
}
