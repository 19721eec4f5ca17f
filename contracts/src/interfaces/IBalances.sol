// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IEnclaveRegistry} from "./IEnclaveRegistry.sol";
import {ILedger} from "./ILedger.sol";

/// @title Answers to clients, paid in batches
/// @notice A payer reserves money for one operator and signs a voucher for each request. The operator's enclave counts an
/// answer in only against a voucher, and signs one batch for many answers: their sum, and the Merkle root of their
/// receipts. One transaction settles it. docs/protocol.md, Vouchers and batches.
interface IBalances is ILedger {
    /// @notice What a reservation is for; its id covers all of it, so that nothing of it can change.
    /// @param payer who reserves, and gets back what is left
    /// @param signer key of the vouchers: the payer's own, or another, so that a contract can pay
    /// @param operator who is paid
    /// @param token zero is the chain's own coin
    /// @param releaseId the only release whose enclaves are believed
    /// @param assurance what the enclave's key must have: 1 simulated, 2 tee
    /// @param salt tells reservations apart that are otherwise the same
    struct Terms {
        address payer;
        address signer;
        address operator;
        address token;
        bytes32 releaseId;
        uint8 assurance;
        uint64 salt;
    }

    /// @notice What the enclave signs: EIP-712, in the domain of receipts.
    /// @param reservation id of the reservation that pays
    /// @param first index of the first voucher counted in, `last` that of the last; not every one between need be
    /// @param count receipts under the root
    /// @param total sum of their prices
    /// @param root of the Merkle tree of the receipts: see `leafOf`
    struct Batch {
        uint16 version;
        bytes32 reservation;
        uint64 first;
        uint64 last;
        uint32 count;
        uint256 total;
        bytes32 root;
        bytes32 releaseId;
        bytes32 configHash;
    }

    /// @notice Money of a reservation.
    /// @param amount what is left
    /// @param expiresAt until then the payer cannot take it back, seconds
    /// @param nextIndex lowest index of a voucher that can still be settled
    struct Reservation {
        uint128 amount;
        uint64 expiresAt;
        uint64 nextIndex;
    }

    event Reserved(
        bytes32 indexed id,
        address indexed payer,
        address indexed operator,
        Terms terms,
        uint128 added,
        uint64 expiresAt
    );
    /// @param paid less than the total when less was left
    event Settled(
        bytes32 indexed id,
        address indexed operator,
        bytes32 indexed root,
        address receiptKey,
        uint64 first,
        uint64 last,
        uint32 count,
        uint256 total,
        uint256 paid
    );
    event Released(bytes32 indexed id, address indexed payer, uint256 amount);

    error NotPayer(address sender, address payer);
    error InvalidTerms(string name);
    error ExpiryOutOfRange(uint64 expiresAt, uint256 min, uint256 max);
    error WrongPayment(uint256 sent, uint256 expected);
    error NothingReserved(bytes32 id);
    error NotExpired(bytes32 id, uint64 expiresAt);
    error UnsupportedBatch(uint16 version);
    error WrongReservation(bytes32 expected, bytes32 actual);
    error MalformedBatch(uint64 first, uint64 last, uint32 count);
    error AlreadySettled(bytes32 id, uint64 first, uint64 nextIndex);
    error WrongRelease(bytes32 expected, bytes32 actual);
    error WrongOperator(address expected, address actual);
    error WrongAssurance(uint8 expected, uint8 actual);

    /// @notice Reserves, or adds to a reservation of the same terms; only the payer may. msg.value is the amount when the
    /// token is the chain's own coin, and otherwise zero: tokens are taken from the caller's allowance.
    /// @param amount may be zero, to extend
    /// @param expiresAt never earlier than it was
    function reserve(Terms calldata terms, uint128 amount, uint64 expiresAt) external payable returns (bytes32 id);

    /// @notice Pays the operator for a batch, each voucher's index once. Anyone may send it. More than is left is not
    /// paid: the operator served beyond the reservation. Reverts when nothing is left.
    /// @param signature of the enclave, 65 bytes r|s|v with a low s
    function settle(Terms calldata terms, Batch calldata batch, bytes calldata signature) external;

    /// @notice After the expiry: credits what is left to the payer. Anyone may send it.
    function release(Terms calldata terms) external;

    /// @notice keccak256(abi.encode(chain id, this contract, terms)).
    function idOf(Terms calldata terms) external view returns (bytes32);

    /// @notice Zeros when unknown.
    function reservationOf(bytes32 id) external view returns (Reservation memory);

    /// @notice When a batch with this root was settled from this reservation, seconds; zero when none was.
    function settledAt(bytes32 id, bytes32 root) external view returns (uint64);

    /// @notice keccak256(bytes.concat(keccak256(abi.encode(receiptId, index, price)))).
    function leafOf(bytes32 receiptId, uint64 index, uint256 price) external pure returns (bytes32);

    /// @notice Whether a receipt is under the root of a batch that was settled from a reservation. The enclave's key was
    /// good then; it may have expired since.
    /// @param id of the reservation. It says whose enclaves the root is believed of: anyone can reserve for an operator
    /// and a release of its own, whose enclaves sign any root, so compare it with `idOf` of terms that you trust
    /// @param proof hashes beside the path from the leaf to the root, from below; pairs are hashed in ascending order
    function isSettled(
        bytes32 id,
        bytes32 root,
        bytes32 receiptId,
        uint64 index,
        uint256 price,
        bytes32[] calldata proof
    ) external view returns (bool);

    /// @notice Where the enclaves' keys are.
    function REGISTRY() external view returns (IEnclaveRegistry);
}
