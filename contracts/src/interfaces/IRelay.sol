// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IEnclaveRegistry, Receipt} from "./IEnclaveRegistry.sol";
import {IOperators} from "./IOperators.sol";
import {ILedger} from "./ILedger.sol";
import {IReleases} from "./IReleases.sol";
import {IZkVerifiers} from "./IZkVerifiers.sol";

/// @title Relay: a contract asks, an enclave answers or somebody proves, the chain checks
/// @notice `request` stores one commitment; its fields travel in the event and come back as calldata. `fulfil`
/// checks a receipt against the commitment, pays the operator bound to the key, and calls back. Exactly once.
/// With assurance 3 (zk) a proof stands in the place of the enclave's signature, and who accepted is paid.
/// @dev Inputs are public. What the chain checks is the receipt: what the assurance proves is in SECURITY.md.
/// parametersHash is signed but not checked here: the relay serves engines that are deterministic for an input.
interface IRelay is ILedger {
    /// @notice Fixed for ever at deployment. Lengths in bytes, times in seconds, amounts in wei.
    /// @param insurance whose balance gets what a slash leaves after the compensation
    /// @param minFee lowest fee in the chain's own coin; a token fee is only non-zero
    /// @param window how long the assigned operator alone may answer, from the request's time
    /// @param minEvidenceAge strictest maxEvidenceAge that a request may ask: evidence older than this is renewed
    /// @param penalty taken from the assigned operator when a request that was its duty expires
    /// @param compensationCap most of a penalty that the consumer gets; at most half, so that an operator who asks
    /// itself loses the rest
    struct Parameters {
        IEnclaveRegistry registry;
        IReleases releases;
        IOperators operators;
        IZkVerifiers zkVerifiers;
        address insurance;
        uint128 minFee;
        uint32 minCallbackGas;
        uint32 maxCallbackGas;
        uint32 minDeadline;
        uint32 maxDeadline;
        uint32 maxInput;
        uint32 maxOutput;
        uint32 window;
        uint32 minEvidenceAge;
        uint96 penalty;
        uint96 compensationCap;
    }

    /// @param artifact SHA-256 of the model; with zk of the key file, which binds the model and the setup
    /// @param feeToken zero for the chain's own coin
    /// @param fee paid for an ok answer, in feeToken
    /// @param maxOutput longest output accepted, bytes
    /// @param callbackGas gas guaranteed to the callback
    /// @param maxGasPrice cap of the gas price that is reimbursed, wei
    /// @param deadline seconds, absolute
    /// @param assurance exactly what is required (1 simulated, 2 tee, 3 zk: by requestByHash only)
    /// @param maxEvidenceAge oldest evidence accepted at fulfilment, seconds; 0 with zk
    /// @param releases accepted release ids
    /// @param publishers accepted publishers; releases and publishers together must not be empty, and both are with zk
    struct Params {
        bytes32 artifact;
        address feeToken;
        uint128 fee;
        uint32 maxOutput;
        uint32 callbackGas;
        uint64 maxGasPrice;
        uint64 deadline;
        uint8 assurance;
        uint32 maxEvidenceAge;
        bytes32[] releases;
        address[] publishers;
    }

    /// @notice What the commitment covers.
    struct Request {
        address consumer;
        uint64 nonce;
        uint64 blockNumber;
        uint64 timestamp;
        bytes32 inputHash;
        Params params;
    }

    event Requested(
        bytes32 indexed id, bytes32 indexed artifact, address indexed consumer, Request request, bytes input
    );
    /// @param source where the input is, a URL in UTF-8, or the input itself
    event RequestedByHash(
        bytes32 indexed id, bytes32 indexed artifact, address indexed consumer, Request request, bytes source
    );
    /// @param until how long the operator alone may answer, seconds
    event Accepted(bytes32 indexed id, address indexed operator, uint64 until);
    /// @param receiptKey zero with zk
    /// @param callbackOk whether the callback returned; so does a call to an account without code
    event Fulfilled(
        bytes32 indexed id,
        address indexed operator,
        address indexed receiptKey,
        bytes32 receiptId,
        uint8 status,
        bool callbackOk,
        uint256 paid,
        uint256 gasPaid
    );
    event Expired(bytes32 indexed id, address indexed assigned, uint256 slashed);
    event Declined(bytes32 indexed id, address indexed operator);

    error InvalidParameter(string name);
    error EmptyPolicy();
    error PolicyTooLong(uint256 entries, uint256 max);
    error UnknownAssurance(uint8 assurance);
    /// @param field what a zk request cannot have: "request" (ask by hash), "policy" or "maxEvidenceAge"
    error NotForZk(bytes32 field);
    error NotAccepted(bytes32 id);
    error UnknownArtifact(bytes32 artifact, address token);
    error InputTooLarge(uint256 size, uint256 max);
    error OutputLimit(uint256 asked, uint256 max);
    error EvidenceAgeTooStrict(uint256 asked, uint256 min);
    error FeeTooLow(uint256 fee, uint256 min);
    error CallbackGasOutOfRange(uint256 gas, uint256 min, uint256 max);
    error DeadlineOutOfRange(uint256 deadline, uint256 min, uint256 max);
    error GasPriceTooLow(uint256 cap, uint256 baseFee);
    error WrongPayment(uint256 sent, uint256 expected);
    error StakeCoverExhausted(uint256 covered, uint256 max);
    error AlreadyAccepted(bytes32 id, address operator);
    error NotAcceptable(bytes32 id);
    error UnknownRequest(bytes32 id);
    error DeadlinePassed(bytes32 id, uint64 deadline);
    error DeadlineNotReached(bytes32 id, uint64 deadline);
    error SameBlock(bytes32 id);
    error ReceiptMismatch(bytes32 field);
    error ReleaseNotAccepted(bytes32 releaseId, address publisher);
    error AssuranceMismatch(uint8 required, uint8 actual);
    error EvidenceTooOld(uint40 evidenceTime, uint32 maxAge);
    error OutputMismatch();
    error OutputTooLong(uint256 size, uint256 max);
    error NotAssigned(address operator, address assigned, uint256 until);
    error OperatorNotEligible(address operator);
    error CallbackGasShort(uint256 available, uint256 needed);
    error AnchorUnavailable(uint64 blockNumber);
    error NotDeclinable(bytes32 id, uint256 baseFee, uint256 maxGasPrice);
    error NotOperators(address sender);

    /// @notice Asks. msg.value is exactly quote(params): the gas deposit, and the fee when it is in the own coin.
    /// An ERC-20 fee is taken from the caller's allowance. Refunds are credited to the caller.
    function request(Params calldata params, bytes calldata input) external payable returns (bytes32 id);

    /// @notice Asks about an input that is known by its hash. It is nobody's duty until an operator accepts it, and
    /// takes no stake cover before: it also serves when the cover is used up. Payment as in `request`.
    /// With zk, only who accepted can answer, and it can be accepted again after a `decline`.
    /// @param inputHash keccak256 of the input's canonical bytes; with zk its commitment (docs/zk-groth16.md)
    /// @param source where operators find the input: a URL in UTF-8, or the input itself
    function requestByHash(Params calldata params, bytes32 inputHash, bytes calldata source)
        external
        payable
        returns (bytes32 id);

    /// @notice An operator that has the input makes a request by hash its duty: for WINDOW it alone may answer, and it
    /// is slashed if the request expires. Within the request's own window only the drawn slot's holder may accept, if
    /// the request fits it. Accept only what can be answered: the penalty does not ask why.
    function accept(Request calldata request) external;

    /// @notice Answers, from the block after the request's own until the deadline. Anyone may send it; the operator
    /// bound to the receipt's key is paid: priceOf(status, fee), and metered gas.
    /// Within the window only the assigned operator's key may answer: see `assignedOf`.
    /// A receipt of an engine that failed (status 3) is no answer: it ends the duty of its operator, as `decline` does,
    /// and the request stays open for others.
    /// With zk, `signature` is the proof, and what only an enclave could state is zero in the receipt: releaseId,
    /// configHash, parametersHash, sequence, parentsRoot and extensionsRoot. Its status is 0. Nobody signs it: of its
    /// facts the proof shows input, output and artifact, and the relay knows the others. Who accepted is paid, whoever
    /// sends: a proof that was seen in the mempool earns its thief nothing.
    function fulfil(Request calldata request, Receipt calldata receipt, bytes calldata signature, bytes calldata output)
        external;

    /// @notice After the deadline: refunds the consumer in full and slashes the operator whose duty the request was.
    /// When the block hash of a request is out of the chain's reach only who accepted it is slashed: expire in time.
    function expire(Request calldata request) external;

    /// @notice While the base fee is above the request's cap, the operator whose duty it is declines without penalty.
    /// Others may answer at once; a zk request they may accept.
    function decline(Request calldata request) external;

    /// @return value the exact msg.value for `request`
    function quote(Params calldata params) external view returns (uint256 value);

    /// @notice What an operator is paid for an answer of this status: the fee when it is ok, a tenth of it when the
    /// requester erred (bad input, limit exceeded), nothing when the engine failed.
    function priceOf(uint8 status, uint128 fee) external pure returns (uint128);

    /// @notice keccak256(abi.encode(chain id, this relay, consumer, nonce)).
    function requestIdOf(address consumer, uint64 nonce) external view returns (bytes32);

    /// @notice The commitment of an open request: c = keccak256(abi.encode(request)), or keccak256(abi.encode(kind, c))
    /// with kind "by-hash" or "declined". Zero when answered, expired or unknown.
    function commitmentOf(bytes32 id) external view returns (bytes32);

    /// @notice Requests asked so far: the next nonce. One counter for all consumers.
    function nextNonce() external view returns (uint64);

    /// @notice Open requests that are covered by stake: asked with `request` and not declined, or accepted.
    function coveredRequests() external view returns (uint256);

    /// @notice Who alone may answer an open request, and how long. Whose duty it is, too, except of a request by hash
    /// that is not accepted yet: there it is who alone may accept.
    /// @return operator zero when nobody: no slot, no offer that fits, declined, the block hash not there yet or no
    /// longer
    /// @return until seconds
    function assignedOf(Request calldata request) external view returns (address operator, uint256 until);

    /// @notice Who accepted an open request by hash, and until when it alone may answer; zeros when nobody.
    function acceptanceOf(bytes32 id) external view returns (address operator, uint64 until);

    /// @notice Most covered requests at once: SLOT_STAKE / penalty, less the slashes of the current epoch.
    function MAX_OPEN() external view returns (uint256);
}

/// @notice What a consumer implements; RelayConsumer does it for you.
interface IRelayCallback {
    /// @param status 0 ok; otherwise the output is a text that says why
    function onAnswer(bytes32 id, uint8 status, bytes calldata output) external;
}
