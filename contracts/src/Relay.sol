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
    /// @dev What an open request's commitment says of it. Assigned: the drawn slot's holder answers.
    enum Kind {
        Assigned,
        ByHash,
        Declined
    }

    /// @dev One slot. covered: as coveredRequests; slashes counts those of slashEpoch only.
    struct State {
        uint64 nonce;
        uint32 covered;
        uint64 slashEpoch;
        uint32 slashes;
    }

    /// @dev One slot, of a request by hash.
    struct Acceptance {
        address operator;
        uint64 until;
    }

    /// @dev What the checks of a fulfilment find. accepted: of a request by hash, zeros when it is not.
    struct Answer {
        bytes32 id;
        Kind kind;
        Acceptance accepted;
        bytes32 anchor;
        address operator;
        address receiptKey;
        uint128 price;
    }

    /// @dev Longest text of an answer that is an error, bytes.
    uint256 private constant MAX_ERROR_OUTPUT = 256;
    /// @dev Kept for what follows the callback: two credits and the event, all cold.
    uint256 private constant CALLBACK_RESERVE = 70_000;
    /// @dev And for metering the output: _calldataGas.
    uint256 private constant RESERVE_PER_BYTE = 4;
    uint16 private constant RECEIPT_VERSION = 1;

    mapping(bytes32 id => bytes32) private _commitments;
    mapping(bytes32 id => Acceptance) private _accepted;
    State private _state;

    constructor(Parameters memory p) RelayTerms(p) {}

    /// @dev Only slashed stake arrives without a call.
    receive() external payable {
        if (msg.sender != address(OPERATORS)) revert NotOperators(msg.sender);
    }

    /// @inheritdoc IRelay
    function request(Params calldata params, bytes calldata input) external payable returns (bytes32 id) {
        return _ask(params, keccak256(input), input, Kind.Assigned);
    }

    /// @inheritdoc IRelay
    function requestByHash(Params calldata params, bytes32 inputHash, bytes calldata source)
        external
        payable
        returns (bytes32 id)
    {
        return _ask(params, inputHash, source, Kind.ByHash);
    }

    /// @inheritdoc IRelay
    function accept(Request calldata asked) external {
        (bytes32 id, Kind kind) = _find(asked);
        if (kind != Kind.ByHash) revert NotAcceptable(id);
        if (_accepted[id].operator != address(0)) revert AlreadyAccepted(id, _accepted[id].operator);
        if (block.timestamp > asked.params.deadline) revert DeadlinePassed(id, asked.params.deadline);
        _checkTurn(asked, msg.sender, _slotHolder(id, asked, _anchor(id, asked)));
        // A slot held now: its stake stays until the last deadline, even if it is unbonded next.
        if (OPERATORS.slotsOf(msg.sender) == 0 || !_isDuty(asked, msg.sender)) revert OperatorNotEligible(msg.sender);

        State memory state = _state;
        _cover(state);
        _state = state;
        uint64 until = uint64(block.timestamp + WINDOW);
        _accepted[id] = Acceptance(msg.sender, until);
        emit Accepted(id, msg.sender, until);
    }

    /// @inheritdoc IRelay
    function fulfil(Request calldata asked, Receipt calldata receipt, bytes calldata signature, bytes calldata output)
        external
        nonReentrant
    {
        uint256 gasAtStart = gasleft();
        _requireNotPulling();
        Answer memory answer = _checkAnswer(asked, receipt, output);
        if (_isZk(asked.params)) _checkProof(asked, answer, receipt, signature, output);
        else _checkKey(asked, answer, receipt, signature);
        if (receipt.status == STATUS_ENGINE_FAILED) return _excuse(asked, answer);

        _close(answer.id, answer.kind, answer.accepted.operator);
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
        (bytes32 id, Kind kind) = _find(asked);
        if (block.timestamp <= asked.params.deadline) revert DeadlineNotReached(id, asked.params.deadline);
        address operator = _obliged(id, kind, asked);

        _close(id, kind, _accepted[id].operator);
        _credit(asked.consumer, asked.params.feeToken, asked.params.fee);
        _credit(asked.consumer, address(0), _gasDeposit(asked.params));
        uint256 taken = operator == address(0) ? 0 : _slash(operator, asked.consumer);
        emit Expired(id, operator, taken);
    }

    /// @inheritdoc IRelay
    function decline(Request calldata asked) external nonReentrant {
        (bytes32 id, Kind kind) = _find(asked);
        if (block.timestamp > asked.params.deadline) revert DeadlinePassed(id, asked.params.deadline);
        address accepted = _accepted[id].operator;
        bool covered = kind == Kind.Assigned || accepted != address(0);
        if (!covered || block.basefee <= asked.params.maxGasPrice) {
            revert NotDeclinable(id, block.basefee, asked.params.maxGasPrice);
        }
        address holder = kind == Kind.ByHash ? accepted : _slotHolder(id, asked, _anchor(id, asked));
        if (msg.sender != holder) _refuse(msg.sender, holder, asked.timestamp + WINDOW);
        _release(id, kind, accepted, asked);
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
    function coveredRequests() external view returns (uint256) {
        return _state.covered;
    }

    /// @inheritdoc IRelay
    function assignedOf(Request calldata asked) external view returns (address operator, uint256 until) {
        (bytes32 id, Kind kind) = _find(asked);
        Acceptance memory accepted = _accepted[id];
        if (accepted.operator != address(0)) return (accepted.operator, accepted.until);
        until = asked.timestamp + WINDOW;
        if (kind != Kind.Declined) operator = _drawn(id, asked);
    }

    /// @inheritdoc IRelay
    function acceptanceOf(bytes32 id) external view returns (address operator, uint64 until) {
        return (_accepted[id].operator, _accepted[id].until);
    }

    /// @inheritdoc IRelay
    function requestIdOf(address consumer, uint64 nonce) public view returns (bytes32) {
        return keccak256(abi.encode(block.chainid, address(this), consumer, nonce));
    }

    // Effects

    function _ask(Params calldata params, bytes32 inputHash, bytes calldata input, Kind kind)
        private
        returns (bytes32 id)
    {
        uint256 entries = _entries(params);
        if (entries == 0) _checkZk(params, inputHash, kind == Kind.ByHash);
        else _checkPolicy(params, entries);
        _checkParams(params, input);
        uint256 value = quote(params);
        if (msg.value != value) revert WrongPayment(msg.value, value);
        if (OPERATORS.announcersAt(params.artifact, params.feeToken, _epochAt(block.timestamp)) == 0) {
            revert UnknownArtifact(params.artifact, params.feeToken);
        }
        State memory state = _state;
        if (kind == Kind.Assigned) _cover(state);
        uint64 nonce = state.nonce++;
        _state = state;
        Request memory asked =
            Request(msg.sender, nonce, uint64(block.number), uint64(block.timestamp), inputHash, params);
        id = requestIdOf(msg.sender, nonce);
        _commitments[id] = _commitment(kind, keccak256(abi.encode(asked)));
        if (kind == Kind.Assigned) emit Requested(id, params.artifact, msg.sender, asked, input);
        else emit RequestedByHash(id, params.artifact, msg.sender, asked, input);
        if (params.feeToken != address(0)) _pull(params.feeToken, params.fee);
    }

    /// @dev Counts a request in. Every slot alone must cover all requests that can fall on it: Operators, invariant.
    function _cover(State memory state) private view {
        uint256 covered = state.covered + (state.slashEpoch == _epochAt(block.timestamp) ? state.slashes : 0);
        if (covered >= MAX_OPEN) revert StakeCoverExhausted(covered, MAX_OPEN);
        ++state.covered;
    }

    function _close(bytes32 id, Kind kind, address accepted) private {
        delete _commitments[id];
        if (accepted != address(0)) delete _accepted[id];
        if (kind == Kind.Assigned || accepted != address(0)) --_state.covered;
    }

    /// @dev The request stays open and is nobody's duty any more. Nobody answers a zk request but who accepted it: it
    /// can be accepted again.
    function _release(bytes32 id, Kind kind, address accepted, Request calldata asked) private {
        _close(id, kind, accepted);
        Kind next = _isZk(asked.params) ? Kind.ByHash : Kind.Declined;
        _commitments[id] = _commitment(next, keccak256(abi.encode(asked)));
    }

    /// @dev An engine that failed, perhaps for the input's sake, excuses its operator; others may still answer.
    function _excuse(Request calldata asked, Answer memory answer) private {
        address accepted = answer.accepted.operator;
        address holder = accepted;
        if (answer.kind == Kind.Assigned) holder = _slotHolder(answer.id, asked, answer.anchor);
        if (answer.operator != holder) _refuse(answer.operator, holder, asked.timestamp + WINDOW);
        _release(answer.id, answer.kind, accepted, asked);
        emit Declined(answer.id, holder);
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
        uint256 needed = callbackGas + callbackGas / 63 + CALLBACK_RESERVE + RESERVE_PER_BYTE * output.length;
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

    /// @dev The slot's holder if the request fits it: it could have answered for this fee in this time.
    function _drawn(bytes32 id, Request calldata asked) private view returns (address holder) {
        bytes32 anchor = BlockHash.blockHash(asked.blockNumber);
        if (anchor == 0) return address(0);
        holder = _slotHolder(id, asked, anchor);
        if (!_isDuty(asked, holder)) return address(0);
    }

    /// @dev Whose duty an open request is.
    function _obliged(bytes32 id, Kind kind, Request calldata asked) private view returns (address holder) {
        if (kind == Kind.Assigned) return _drawn(id, asked);
        if (kind == Kind.ByHash) holder = _accepted[id].operator;
        // A release that was revoked since it accepted frees it, as it frees a drawn operator.
        if (!_isDuty(asked, holder)) return address(0);
    }

    /// @dev Whether what the operator offered and declared in the request's epoch fits it.
    function _isDuty(Request calldata asked, address holder) private view returns (bool) {
        if (holder == address(0)) return false;
        uint64 epoch = _epochAt(asked.timestamp);
        Params calldata params = asked.params;
        IOperators.Offer memory offer = OPERATORS.offerAt(holder, params.artifact, params.feeToken, epoch);
        if (!offer.active || offer.price > params.fee) return false;
        if (offer.minDeadline > params.deadline - asked.timestamp) return false;
        return _isZk(params) || _canMeet(OPERATORS.profileAt(holder, epoch), params);
    }

    /// @dev Whether an operator with this profile could meet the policy; a revoked release is nobody's duty.
    function _canMeet(IOperators.Profile memory profile, Params calldata params) private view returns (bool) {
        (address publisher, bool revoked) = RELEASES.releaseOf(profile.releaseId);
        if (revoked || publisher == address(0) || profile.assurance != params.assurance) return false;
        return _accepts(params, profile.releaseId, publisher);
    }

    // Checks

    /// @dev The open request's id; all its fields must be those that were asked.
    function _find(Request calldata asked) private view returns (bytes32 id, Kind kind) {
        id = requestIdOf(asked.consumer, asked.nonce);
        bytes32 stored = _commitments[id];
        bytes32 commitment = keccak256(abi.encode(asked));
        if (stored == 0) revert UnknownRequest(id);
        if (stored == commitment) return (id, Kind.Assigned);
        if (stored == _commitment(Kind.ByHash, commitment)) return (id, Kind.ByHash);
        if (stored == _commitment(Kind.Declined, commitment)) return (id, Kind.Declined);
        revert UnknownRequest(id);
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
        (answer.id, answer.kind) = _find(asked);
        Params calldata params = asked.params;
        if (block.timestamp > params.deadline) revert DeadlinePassed(answer.id, params.deadline);
        answer.anchor = _anchor(answer.id, asked);
        answer.price = priceOf(receipt.status, params.fee);
        if (receipt.version != RECEIPT_VERSION) revert ReceiptMismatch("version");
        if (receipt.requestId != answer.id) revert ReceiptMismatch("requestId");
        if (receipt.artifact != params.artifact) revert ReceiptMismatch("artifact");
        if (receipt.inputHash != asked.inputHash) revert ReceiptMismatch("inputHash");
        if (receipt.anchorNumber != asked.blockNumber) revert ReceiptMismatch("anchorNumber");
        if (receipt.anchorHash != answer.anchor) revert ReceiptMismatch("anchorHash");
        bytes32 usage = keccak256(abi.encode(uint64(1), uint256(answer.price), params.feeToken, params.maxOutput));
        if (receipt.usageHash != usage) revert ReceiptMismatch("usageHash");
        uint256 max = receipt.status == STATUS_OK ? params.maxOutput : MAX_ERROR_OUTPUT;
        if (output.length > max) revert OutputTooLong(output.length, max);
        if (receipt.outputHash != keccak256(output)) revert OutputMismatch();
        if (answer.kind == Kind.ByHash) answer.accepted = _accepted[answer.id];
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
        _checkOperator(asked, answer);
    }

    /// @dev That the proof is of this answer. Who accepted made it, or not: it is paid.
    function _checkProof(
        Request calldata asked,
        Answer memory answer,
        Receipt calldata receipt,
        bytes calldata proof,
        bytes calldata output
    ) private view {
        answer.operator = answer.accepted.operator;
        if (answer.operator == address(0)) revert NotAccepted(answer.id);
        if (receipt.status != STATUS_OK) revert ReceiptMismatch("status");
        bytes32 ofEnclaves = receipt.releaseId | receipt.configHash | receipt.parametersHash | receipt.parentsRoot
            | receipt.extensionsRoot | bytes32(uint256(receipt.sequence));
        if (ofEnclaves != 0) revert ReceiptMismatch("ofEnclaves");
        _checkOperator(asked, answer);
        ZK_VERIFIERS.check(asked.params.artifact, asked.inputHash, output, proof);
    }

    /// @dev Who answers must have stake and an offer that this fee meets, and wait out another operator's time.
    function _checkOperator(Request calldata asked, Answer memory answer) private view {
        Params calldata params = asked.params;
        address operator = answer.operator;
        (IOperators.Offer memory offer, uint256 stake) =
            OPERATORS.standingAt(operator, params.artifact, params.feeToken, _epochAt(asked.timestamp));
        bool fits = offer.active && offer.price <= params.fee && offer.minDeadline <= params.deadline - asked.timestamp;
        if (!fits || stake < PENALTY) revert OperatorNotEligible(operator);
        Acceptance memory accepted = answer.accepted;
        if (accepted.operator == address(0)) {
            if (answer.kind != Kind.Declined) {
                _checkTurn(asked, operator, _slotHolder(answer.id, asked, answer.anchor));
            }
        } else if (accepted.operator != operator && block.timestamp <= accepted.until) {
            _refuse(operator, accepted.operator, accepted.until);
        }
    }

    /// @dev Within the request's window only the drawn slot's holder, if the request fits it and it has stake left.
    function _checkTurn(Request calldata asked, address operator, address holder) private view {
        uint256 until = asked.timestamp + WINDOW;
        if (holder == operator || block.timestamp > until || !_isDuty(asked, holder)) return;
        if (OPERATORS.slashableOf(holder) >= PENALTY) _refuse(operator, holder, until);
    }

    /// @dev One place for all: a contract has no room for four.
    function _refuse(address operator, address holder, uint256 until) private pure {
        revert NotAssigned(operator, holder, until);
    }

    /// @dev What an open request's slot holds.
    function _commitment(Kind kind, bytes32 fields) private pure returns (bytes32) {
        if (kind == Kind.Assigned) return fields;
        return keccak256(abi.encode(kind == Kind.ByHash ? "by-hash" : "declined", fields));
    }
}
