// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {RelayTerms} from "./RelayTerms.sol";
import {IEnclaveRegistry, Receipt} from "./interfaces/IEnclaveRegistry.sol";
import {IOperators} from "./interfaces/IOperators.sol";
import {IRelay, IRelayCallback} from "./interfaces/IRelay.sol";
import {IReleases} from "./interfaces/IReleases.sol";
import {BlockHash} from "./libraries/BlockHash.sol";
import {ReceiptHash} from "./libraries/ReceiptHash.sol";

/// @title Relay: see IRelay
contract Relay is RelayTerms, ReentrancyGuardTransient {
    /// @dev One slot. slashes counts those of slashEpoch only.
    struct State {
        uint64 nonce;
        uint32 open;
        uint64 slashEpoch;
        uint32 slashes;
    }

    /// @dev What the checks of a fulfilment find. holder: of the drawn slot; zero when none or declined.
    struct Answer {
        bytes32 id;
        address holder;
        address operator;
        address receiptKey;
        uint128 price;
    }

    /// @notice Longest text of an answer that is an error, bytes.
    uint256 public constant MAX_ERROR_OUTPUT = 256;
    /// @dev Kept for what follows the callback: two credits and the event, all cold.
    uint256 private constant CALLBACK_RESERVE = 70_000;
    uint16 private constant RECEIPT_VERSION = 1;

    mapping(bytes32 id => bytes32) private _commitments;
    State private _state;

    constructor(Parameters memory p) RelayTerms(p) {}

    /// @dev Only slashed stake arrives without a call.
    receive() external payable {
        if (msg.sender != address(OPERATORS)) revert NotOperators(msg.sender);
    }

    /// @inheritdoc IRelay
    function request(Params calldata params, bytes calldata input) external payable returns (bytes32 id) {
        _checkParams(params, input);
        uint256 value = quote(params);
        if (msg.value != value) revert WrongPayment(msg.value, value);
        uint64 epoch = _epochAt(block.timestamp);
        if (OPERATORS.announcersAt(params.artifact, params.feeToken, epoch) == 0) {
            revert UnknownArtifact(params.artifact, params.feeToken);
        }

        uint64 nonce = _open(epoch);
        Request memory asked =
            Request(msg.sender, nonce, uint64(block.number), uint64(block.timestamp), keccak256(input), params);
        id = requestIdOf(msg.sender, nonce);
        _commitments[id] = keccak256(abi.encode(asked));
        emit Requested(id, params.artifact, msg.sender, asked, input);
        if (params.feeToken != address(0)) _pull(params.feeToken, params.fee);
    }

    /// @inheritdoc IRelay
    function fulfil(Request calldata asked, Receipt calldata receipt, bytes calldata signature, bytes calldata output)
        external
        nonReentrant
    {
        uint256 gasAtStart = gasleft();
        _requireNotPulling();
        Answer memory answer = _checkAnswer(asked, receipt, output);
        _checkKey(asked, answer, receipt, signature);

        _close(answer.id);
        bool callbackOk = _callBack(answer.id, asked, receipt.status, output);
        uint256 gasPaid = _pay(asked, answer, _calldataGas(output), gasAtStart);
        emit Fulfilled(
            answer.id,
            answer.operator,
            answer.receiptKey,
            MessageHashUtils.toTypedDataHash(DOMAIN, ReceiptHash.hashStruct(receipt)),
            receipt.status,
            callbackOk,
            answer.price,
            gasPaid
        );
    }

    /// @inheritdoc IRelay
    function expire(Request calldata asked) external nonReentrant {
        (bytes32 id, bool declined) = _find(asked);
        if (block.timestamp <= asked.params.deadline) revert DeadlineNotReached(id, asked.params.deadline);
        address operator = declined ? address(0) : _dutyHolder(id, asked, BlockHash.blockHash(asked.blockNumber));

        _close(id);
        _credit(asked.consumer, asked.params.feeToken, asked.params.fee);
        _credit(asked.consumer, address(0), _gasDeposit(asked.params));
        uint256 taken = operator == address(0) ? 0 : _slash(operator, asked.consumer);
        emit Expired(id, operator, taken);
    }

    /// @inheritdoc IRelay
    function decline(Request calldata asked) external nonReentrant {
        (bytes32 id, bool declined) = _find(asked);
        if (block.timestamp > asked.params.deadline) revert DeadlinePassed(id, asked.params.deadline);
        if (declined || block.basefee <= asked.params.maxGasPrice) {
            revert NotDeclinable(id, block.basefee, asked.params.maxGasPrice);
        }
        address holder = _slotHolder(id, asked, _anchor(id, asked));
        if (msg.sender != holder) revert NotAssigned(msg.sender, holder, asked.timestamp + WINDOW);
        _commitments[id] = _declinedCommitment(_commitments[id]);
        emit Declined(id, holder);
    }

    /// @inheritdoc IRelay
    function commitmentOf(bytes32 id) external view returns (bytes32) {
        return _commitments[id];
    }

    /// @inheritdoc IRelay
    function nextNonce() external view returns (uint64) {
        return _state.nonce;
    }

    /// @inheritdoc IRelay
    function openRequests() external view returns (uint256) {
        return _state.open;
    }

    /// @inheritdoc IRelay
    function assignedOf(Request calldata asked) external view returns (address operator, uint256 until) {
        (bytes32 id, bool declined) = _find(asked);
        operator = declined ? address(0) : _dutyHolder(id, asked, BlockHash.blockHash(asked.blockNumber));
        until = asked.timestamp + WINDOW;
    }

    /// @inheritdoc IRelay
    function requestIdOf(address consumer, uint64 nonce) public view returns (bytes32) {
        return keccak256(abi.encode(block.chainid, address(this), consumer, nonce));
    }

    // Effects

    /// @dev Counts a request in. Every slot alone must cover all requests that can fall on it: Operators, invariant.
    function _open(uint64 epoch) private returns (uint64 nonce) {
        State memory state = _state;
        uint256 covered = state.open + (state.slashEpoch == epoch ? state.slashes : 0);
        if (covered >= MAX_OPEN) revert StakeCoverExhausted(covered, MAX_OPEN);
        nonce = state.nonce;
        (state.nonce, state.open) = (nonce + 1, state.open + 1);
        _state = state;
    }

    function _close(bytes32 id) private {
        delete _commitments[id];
        --_state.open;
    }

    /// @dev Calls the consumer with exactly its callback gas, or reverts: 63/64 of what is left must suffice (EIP-150).
    /// What it returns is not copied.
    function _callBack(bytes32 id, Request calldata asked, uint8 status, bytes calldata output)
        private
        returns (bool ok)
    {
        bytes memory data = abi.encodeCall(IRelayCallback.onAnswer, (id, status, output));
        uint256 callbackGas = asked.params.callbackGas;
        address consumer = asked.consumer;
        uint256 needed = callbackGas + callbackGas / 63 + CALLBACK_RESERVE;
        if (gasleft() < needed) revert CallbackGasShort(gasleft(), needed);
        assembly ("memory-safe") {
            ok := call(callbackGas, consumer, 0, add(data, 0x20), mload(data), 0, 0)
        }
    }

    /// @dev Fee and metered gas to the operator, the rest of fee and deposit to the consumer.
    function _pay(Request calldata asked, Answer memory answer, uint256 outputGas, uint256 gasAtStart)
        private
        returns (uint256 gasPaid)
    {
        Params calldata params = asked.params;
        (uint256 price, uint256 change) = (answer.price, params.fee - answer.price);
        if (params.feeToken != address(0)) {
            _credit(answer.operator, params.feeToken, price);
            _credit(asked.consumer, params.feeToken, change);
            (price, change) = (0, 0);
        }
        uint256 deposit = _gasDeposit(params);
        uint256 gasPrice = tx.gasprice < params.maxGasPrice ? tx.gasprice : params.maxGasPrice;
        uint256 tail = _writeGas(answer.operator) + _writeGas(asked.consumer);
        gasPaid = gasPrice * _meteredGas(params, outputGas, gasAtStart, tail);
        if (gasPaid > deposit) gasPaid = deposit;
        _credit(answer.operator, address(0), price + gasPaid);
        _credit(asked.consumer, address(0), change + deposit - gasPaid);
    }

    /// @dev Takes the penalty and shares it; the caller of `expire` gets nothing.
    function _slash(address operator, address consumer) private returns (uint256 taken) {
        uint64 epoch = _epochAt(block.timestamp);
        State storage state = _state;
        state.slashes = state.slashEpoch == epoch ? state.slashes + 1 : 1;
        state.slashEpoch = epoch;
        taken = OPERATORS.slash(operator, PENALTY);
        uint256 compensation = taken < COMPENSATION_CAP ? taken : COMPENSATION_CAP;
        _credit(consumer, address(0), compensation);
        _credit(INSURANCE, address(0), taken - compensation);
    }

    // Who answers

    /// @dev Holder of the slot that the request's own block hash draws.
    function _slotHolder(bytes32 id, Request calldata asked, bytes32 anchor) private view returns (address) {
        uint256 seed = uint256(keccak256(abi.encode(anchor, id)));
        return OPERATORS.assigned(seed, _epochAt(asked.timestamp));
    }

    /// @dev The slot's holder if the request is its duty: it could have answered for this fee in this time.
    function _dutyHolder(bytes32 id, Request calldata asked, bytes32 anchor) private view returns (address holder) {
        if (anchor == 0) return address(0);
        holder = _slotHolder(id, asked, anchor);
        if (!_isDuty(asked, holder)) return address(0);
    }

    function _isDuty(Request calldata asked, address holder) private view returns (bool) {
        if (holder == address(0)) return false;
        uint64 epoch = _epochAt(asked.timestamp);
        Params calldata params = asked.params;
        IOperators.Offer memory offer = OPERATORS.offerAt(holder, params.artifact, params.feeToken, epoch);
        if (!offer.active || offer.price > params.fee) return false;
        if (offer.minDeadline > params.deadline - asked.timestamp) return false;
        return _canMeet(OPERATORS.profileAt(holder, epoch), params);
    }

    /// @dev Whether an operator with this profile could meet the policy; a revoked release is nobody's duty.
    function _canMeet(IOperators.Profile memory profile, Params calldata params) private view returns (bool) {
        if (profile.releaseId == 0) {
            if (params.publishers.length != 0) return true;
            for (uint256 i; i < params.releases.length; ++i) {
                (address listedBy, bool withdrawn) = RELEASES.releaseOf(params.releases[i]);
                if (listedBy != address(0) && !withdrawn) return true;
            }
            return false;
        }
        (address publisher, bool revoked) = RELEASES.releaseOf(profile.releaseId);
        if (revoked || publisher == address(0) || profile.assurance != params.assurance) return false;
        return _accepts(params, profile.releaseId, publisher);
    }

    // Checks

    /// @dev The open request's id; all its fields must be those that were asked.
    function _find(Request calldata asked) private view returns (bytes32 id, bool declined) {
        id = requestIdOf(asked.consumer, asked.nonce);
        bytes32 stored = _commitments[id];
        bytes32 commitment = keccak256(abi.encode(asked));
        if (stored == 0) revert UnknownRequest(id);
        if (stored == commitment) return (id, false);
        if (stored != _declinedCommitment(commitment)) revert UnknownRequest(id);
        return (id, true);
    }

    function _anchor(bytes32 id, Request calldata asked) private view returns (bytes32 hash) {
        if (block.number <= asked.blockNumber) revert SameBlock(id);
        hash = BlockHash.blockHash(asked.blockNumber);
        if (hash == 0) revert AnchorUnavailable(asked.blockNumber);
    }

    /// @dev That the receipt answers this request, in time and with this output.
    function _checkAnswer(Request calldata asked, Receipt calldata receipt, bytes calldata output)
        private
        view
        returns (Answer memory answer)
    {
        bool declined;
        (answer.id, declined) = _find(asked);
        if (block.timestamp > asked.params.deadline) revert DeadlinePassed(answer.id, asked.params.deadline);
        bytes32 anchor = _anchor(answer.id, asked);
        answer.price = priceOf(receipt.status, asked.params.fee);
        if (receipt.version != RECEIPT_VERSION) revert ReceiptMismatch("version");
        if (receipt.requestId != answer.id) revert ReceiptMismatch("requestId");
        if (receipt.artifact != asked.params.artifact) revert ReceiptMismatch("artifact");
        if (receipt.inputHash != asked.inputHash) revert ReceiptMismatch("inputHash");
        if (receipt.anchorNumber != asked.blockNumber) revert ReceiptMismatch("anchorNumber");
        if (receipt.anchorHash != anchor) revert ReceiptMismatch("anchorHash");
        Params calldata params = asked.params;
        bytes32 usage = keccak256(abi.encode(uint64(1), uint256(answer.price), params.feeToken, params.maxOutput));
        if (receipt.usageHash != usage) revert ReceiptMismatch("usageHash");
        uint256 max = receipt.status == 0 ? asked.params.maxOutput : MAX_ERROR_OUTPUT;
        if (output.length > max) revert OutputTooLong(output.length, max);
        if (receipt.outputHash != keccak256(output)) revert OutputMismatch();
        if (!declined) answer.holder = _slotHolder(answer.id, asked, anchor);
    }

    /// @dev That the receipt is signed by a key that the request accepts, of an operator that may answer now.
    function _checkKey(Request calldata asked, Answer memory answer, Receipt calldata receipt, bytes calldata signature)
        private
        view
    {
        Params calldata params = asked.params;
        IEnclaveRegistry.Key memory key;
        (answer.receiptKey, key) = REGISTRY.checkReceipt(receipt, signature);
        answer.operator = key.operator;
        if (key.assurance != params.assurance) revert AssuranceMismatch(params.assurance, key.assurance);
        if (!_accepts(params, key.releaseId, key.publisher)) revert ReleaseNotAccepted(key.releaseId, key.publisher);
        if (block.timestamp > uint256(key.evidenceTime) + params.maxEvidenceAge) {
            revert EvidenceTooOld(key.evidenceTime, params.maxEvidenceAge);
        }
        _checkOperator(asked, key.operator, answer.holder);
    }

    /// @dev Who answers must have stake and an offer that this fee meets, and wait out another operator's window.
    function _checkOperator(Request calldata asked, address operator, address holder) private view {
        Params calldata params = asked.params;
        uint64 epoch = _epochAt(asked.timestamp);
        (IOperators.Offer memory offer, uint256 stake) =
            OPERATORS.standingAt(operator, params.artifact, params.feeToken, epoch);
        if (!offer.active || offer.price > params.fee || stake < PENALTY) revert OperatorNotEligible(operator);
        uint256 until = asked.timestamp + WINDOW;
        if (holder == operator || block.timestamp > until || !_isDuty(asked, holder)) return;
        if (OPERATORS.slashableOf(holder) >= PENALTY) revert NotAssigned(operator, holder, until);
    }

    /// @dev What a declined request's slot holds: same fields, no duty and no window.
    function _declinedCommitment(bytes32 commitment) private pure returns (bytes32) {
        return keccak256(abi.encode("declined", commitment));
    }
}
