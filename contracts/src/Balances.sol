// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {Ledger} from "./Ledger.sol";
import {IBalances} from "./interfaces/IBalances.sol";
import {IEnclaveRegistry} from "./interfaces/IEnclaveRegistry.sol";
import {ReceiptHash} from "./libraries/ReceiptHash.sol";

/// @title Answers to clients, paid in batches: see IBalances
/// @dev Immutable and without an owner. What is reserved and not settled can only go back to its payer.
contract Balances is Ledger, IBalances {
    /// @notice Longest time that money can be reserved for, from now, seconds.
    uint64 public constant MAX_TERM = 366 days;
    uint16 private constant BATCH_VERSION = 1;
    bytes32 private constant BATCH_TYPEHASH = keccak256(
        "Batch(uint16 version,bytes32 reservation,uint64 first,uint64 last,uint32 count,uint256 total,bytes32 root,bytes32 releaseId,bytes32 configHash)"
    );

    /// @inheritdoc IBalances
    IEnclaveRegistry public immutable REGISTRY;
    /// @notice EIP-712 domain separator of batches: that of receipts.
    bytes32 public immutable DOMAIN;

    mapping(bytes32 id => Reservation) private _reservations;
    /// @inheritdoc IBalances
    mapping(bytes32 id => mapping(bytes32 root => uint64)) public settledAt;

    constructor(IEnclaveRegistry registry) {
        (REGISTRY, DOMAIN) = (registry, ReceiptHash.domainOf(address(registry)));
    }

    /// @inheritdoc IBalances
    function reserve(Terms calldata terms, uint128 amount, uint64 expiresAt) external payable returns (bytes32 id) {
        if (msg.sender != terms.payer) revert NotPayer(msg.sender, terms.payer);
        if (terms.signer == address(0)) revert InvalidTerms("signer");
        if (terms.operator == address(0)) revert InvalidTerms("operator");
        if (terms.assurance == 0 || terms.assurance > 2) revert InvalidTerms("assurance");
        uint256 value = terms.token == address(0) ? amount : 0;
        if (msg.value != value) revert WrongPayment(msg.value, value);

        id = idOf(terms);
        Reservation memory reserved = _reservations[id];
        uint256 earliest = reserved.expiresAt > block.timestamp ? reserved.expiresAt : block.timestamp + 1;
        uint256 latest = block.timestamp + MAX_TERM;
        if (expiresAt < earliest || expiresAt > latest) revert ExpiryOutOfRange(expiresAt, earliest, latest);
        _reservations[id] = Reservation(reserved.amount + amount, expiresAt, reserved.nextIndex);
        emit Reserved(id, terms.payer, terms.operator, terms, amount, expiresAt);
        if (terms.token != address(0)) _pull(terms.token, amount);
    }

    /// @inheritdoc IBalances
    function settle(Terms calldata terms, Batch calldata batch, bytes calldata signature) external {
        // A token with hooks could have what it has not delivered yet paid out.
        _requireNotPulling();
        bytes32 id = idOf(terms);
        Reservation memory reserved = _reservations[id];
        _checkBatch(id, batch, reserved.nextIndex);
        // Not paid at all: a reorganisation may bring the reservation back.
        if (reserved.amount == 0) revert NothingReserved(id);
        address receiptKey = _checkKey(terms, batch, signature);

        uint128 paid = batch.total < reserved.amount ? uint128(batch.total) : reserved.amount;
        _reservations[id] = Reservation(reserved.amount - paid, reserved.expiresAt, batch.last + 1);
        settledAt[id][batch.root] = uint64(block.timestamp);
        _credit(terms.operator, terms.token, paid);
        emit Settled(
            id, terms.operator, batch.root, receiptKey, batch.first, batch.last, batch.count, batch.total, paid
        );
    }

    /// @inheritdoc IBalances
    function release(Terms calldata terms) external {
        _requireNotPulling();
        bytes32 id = idOf(terms);
        Reservation storage reserved = _reservations[id];
        uint128 amount = reserved.amount;
        if (amount == 0) revert NothingReserved(id);
        if (block.timestamp <= reserved.expiresAt) revert NotExpired(id, reserved.expiresAt);
        // The next index stays: a batch that was settled must not be settled again if the same terms are used again.
        reserved.amount = 0;
        _credit(terms.payer, terms.token, amount);
        emit Released(id, terms.payer, amount);
    }

    /// @inheritdoc IBalances
    function reservationOf(bytes32 id) external view returns (Reservation memory) {
        return _reservations[id];
    }

    /// @inheritdoc IBalances
    function isSettled(
        bytes32 id,
        bytes32 root,
        bytes32 receiptId,
        uint64 index,
        uint256 price,
        bytes32[] calldata proof
    ) external view returns (bool) {
        return settledAt[id][root] != 0 && MerkleProof.verifyCalldata(proof, root, leafOf(receiptId, index, price));
    }

    /// @inheritdoc IBalances
    function idOf(Terms calldata terms) public view returns (bytes32) {
        return keccak256(abi.encode(block.chainid, address(this), terms));
    }

    /// @inheritdoc IBalances
    function leafOf(bytes32 receiptId, uint64 index, uint256 price) public pure returns (bytes32) {
        return keccak256(bytes.concat(keccak256(abi.encode(receiptId, index, price))));
    }

    function _checkBatch(bytes32 id, Batch calldata batch, uint64 nextIndex) private pure {
        if (batch.version != BATCH_VERSION) revert UnsupportedBatch(batch.version);
        if (batch.reservation != id) revert WrongReservation(id, batch.reservation);
        bool formed = batch.first <= batch.last && batch.count != 0 && batch.count - 1 <= batch.last - batch.first;
        if (!formed) revert MalformedBatch(batch.first, batch.last, batch.count);
        if (batch.first < nextIndex) revert AlreadySettled(id, batch.first, nextIndex);
    }

    function _checkKey(Terms calldata terms, Batch calldata batch, bytes calldata signature)
        private
        view
        returns (address receiptKey)
    {
        if (batch.releaseId != terms.releaseId) revert WrongRelease(terms.releaseId, batch.releaseId);
        bytes32 digest = MessageHashUtils.toTypedDataHash(DOMAIN, keccak256(abi.encode(BATCH_TYPEHASH, batch)));
        receiptKey = ECDSA.recoverCalldata(digest, signature);
        IEnclaveRegistry.Key memory key = REGISTRY.usableKey(receiptKey, batch.releaseId, batch.configHash);
        if (key.operator != terms.operator) revert WrongOperator(terms.operator, key.operator);
        if (key.assurance != terms.assurance) revert WrongAssurance(terms.assurance, key.assurance);
    }
}
