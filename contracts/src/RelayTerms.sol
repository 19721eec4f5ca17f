// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Ledger} from "./Ledger.sol";
import {IEnclaveRegistry} from "./interfaces/IEnclaveRegistry.sol";
import {IOperators} from "./interfaces/IOperators.sol";
import {IRelay} from "./interfaces/IRelay.sol";
import {IReleases} from "./interfaces/IReleases.sol";
import {IZkVerifiers} from "./interfaces/IZkVerifiers.sol";
import {ReceiptHash} from "./libraries/ReceiptHash.sol";

/// @title The relay's terms: what is fixed at deployment, what a request may ask, what an answer costs
/// @dev Nothing here changes state.
abstract contract RelayTerms is Ledger, IRelay {
    /// @dev Releases and publishers that one request may name together.
    uint256 private constant MAX_POLICY = 8;
    /// @dev Gas of a fulfilment that the deposit covers beside the callback, and for each byte of output: see quote.
    uint256 private constant FULFIL_OVERHEAD = 240_000;
    uint256 private constant GAS_PER_OUTPUT_BYTE = 48;
    /// @dev More gas that the deposit of a zk request covers: a proof with the most public signals.
    uint256 private constant ZK_OVERHEAD = 350_000;
    uint128 private constant ERROR_FEE_DIVISOR = 10;
    /// @dev Calldata of a fulfilment without policy entries and output, as its fields need; padding is not paid.
    uint256 private constant CALLDATA_GAS = 9_300;
    uint256 private constant CALLDATA_GAS_PER_ENTRY = 400;
    /// @dev A proof in the place of a signature and entries, less the refund for the acceptance, which is cleared too.
    uint256 private constant CALLDATA_GAS_ZK = 600;
    uint8 internal constant STATUS_OK = 0;
    uint8 private constant STATUS_BAD_INPUT = 1;
    uint8 private constant STATUS_LIMIT_EXCEEDED = 2;
    uint8 internal constant STATUS_ENGINE_FAILED = 3;
    uint8 private constant ASSURANCE_ZK = 3;

    IEnclaveRegistry public immutable REGISTRY;
    IReleases public immutable RELEASES;
    IOperators public immutable OPERATORS;
    IZkVerifiers public immutable ZK_VERIFIERS;
    address public immutable INSURANCE;
    uint256 public immutable MIN_FEE;
    uint256 public immutable MIN_CALLBACK_GAS;
    uint256 public immutable MAX_CALLBACK_GAS;
    uint256 public immutable MIN_DEADLINE;
    uint256 public immutable MAX_DEADLINE;
    uint256 public immutable MAX_INPUT;
    uint256 public immutable MAX_OUTPUT;
    uint256 public immutable WINDOW;
    uint256 public immutable MIN_EVIDENCE_AGE;
    uint256 public immutable PENALTY;
    uint256 public immutable COMPENSATION_CAP;
    uint256 public immutable MAX_OPEN;
    /// @notice Length of an epoch, seconds: that of the operators contract.
    uint64 public immutable EPOCH;
    /// @notice EIP-712 domain separator of the receipts: the registry's.
    bytes32 public immutable DOMAIN;

    constructor(Parameters memory p) {
        _checkParameters(p);
        (REGISTRY, RELEASES, OPERATORS, INSURANCE) = (p.registry, p.releases, p.operators, p.insurance);
        ZK_VERIFIERS = p.zkVerifiers;
        (MIN_FEE, PENALTY, COMPENSATION_CAP) = (p.minFee, p.penalty, p.compensationCap);
        (MIN_CALLBACK_GAS, MAX_CALLBACK_GAS) = (p.minCallbackGas, p.maxCallbackGas);
        (MIN_DEADLINE, MAX_DEADLINE, WINDOW) = (p.minDeadline, p.maxDeadline, p.window);
        (MAX_INPUT, MAX_OUTPUT, MIN_EVIDENCE_AGE) = (p.maxInput, p.maxOutput, p.minEvidenceAge);
        MAX_OPEN = p.operators.SLOT_STAKE() / p.penalty;
        EPOCH = p.operators.EPOCH();
        DOMAIN = ReceiptHash.domainOf(address(p.registry));
    }

    /// @inheritdoc IRelay
    function quote(Params calldata params) public pure returns (uint256 value) {
        return _gasDeposit(params) + (params.feeToken == address(0) ? params.fee : 0);
    }

    /// @inheritdoc IRelay
    function priceOf(uint8 status, uint128 fee) public pure returns (uint128) {
        if (status == STATUS_OK) return fee;
        if (status == STATUS_BAD_INPUT || status == STATUS_LIMIT_EXCEEDED) return fee / ERROR_FEE_DIVISOR;
        if (status == STATUS_ENGINE_FAILED) return 0;
        revert ReceiptMismatch("status");
    }

    function _checkParams(Params calldata params, bytes calldata input) internal view {
        if (input.length > MAX_INPUT) revert InputTooLarge(input.length, MAX_INPUT);
        if (params.maxOutput > MAX_OUTPUT) revert OutputLimit(params.maxOutput, MAX_OUTPUT);
        uint256 minFee = params.feeToken == address(0) ? MIN_FEE : 1;
        if (params.fee < minFee) revert FeeTooLow(params.fee, minFee);
        if (params.callbackGas < MIN_CALLBACK_GAS || params.callbackGas > MAX_CALLBACK_GAS) {
            revert CallbackGasOutOfRange(params.callbackGas, MIN_CALLBACK_GAS, MAX_CALLBACK_GAS);
        }
        (uint256 earliest, uint256 latest) = (block.timestamp + MIN_DEADLINE, block.timestamp + MAX_DEADLINE);
        if (params.deadline < earliest || params.deadline > latest) {
            revert DeadlineOutOfRange(params.deadline, earliest, latest);
        }
        if (params.maxGasPrice < block.basefee) revert GasPriceTooLow(params.maxGasPrice, block.basefee);
    }

    /// @dev What an enclave that answers must be.
    function _checkPolicy(Params calldata params, uint256 entries) internal view {
        if (entries > MAX_POLICY) revert PolicyTooLong(entries, MAX_POLICY);
        uint8 assurance = params.assurance;
        if (assurance == ASSURANCE_ZK) revert NotForZk("policy");
        if (assurance == 0 || assurance > ASSURANCE_ZK) revert UnknownAssurance(assurance);
        if (params.maxEvidenceAge < MIN_EVIDENCE_AGE) {
            revert EvidenceAgeTooStrict(params.maxEvidenceAge, MIN_EVIDENCE_AGE);
        }
    }

    /// @dev A zk request, which alone has no entries: the key file is all its policy.
    function _checkZk(Params calldata params, bytes32 inputHash, bool byHash) internal view {
        if (!_isZk(params)) revert EmptyPolicy();
        if (!byHash) revert NotForZk("request");
        if (params.maxEvidenceAge != 0) revert NotForZk("maxEvidenceAge");
        ZK_VERIFIERS.checkRequest(params.artifact, inputHash, params.maxOutput);
    }

    /// @dev The operators contract names this relay, the registry these releases, and stake outlasts every request by two epochs.
    function _checkParameters(Parameters memory p) private view {
        if (p.operators.RELAY() != address(this)) revert InvalidParameter("operators");
        if (address(p.registry.RELEASES()) != address(p.releases)) revert InvalidParameter("releases");
        if (address(p.zkVerifiers).code.length == 0) revert InvalidParameter("zkVerifiers");
        if (p.insurance == address(0)) revert InvalidParameter("insurance");
        if (p.penalty == 0 || p.penalty > p.operators.SLOT_STAKE()) revert InvalidParameter("penalty");
        if (p.compensationCap > p.penalty / 2) revert InvalidParameter("compensationCap");
        if (p.minDeadline == 0 || p.minDeadline > p.maxDeadline) revert InvalidParameter("minDeadline");
        uint256 longest = uint256(p.maxDeadline) + 2 * uint256(p.operators.EPOCH());
        if (p.operators.UNBONDING() < longest) revert InvalidParameter("maxDeadline");
        if (p.minCallbackGas > p.maxCallbackGas || p.maxCallbackGas > 12_000_000) {
            revert InvalidParameter("maxCallbackGas");
        }
        uint256 limit = p.registry.LEAST_LIMIT();
        if (p.maxInput > limit || p.maxOutput > limit) revert InvalidParameter("maxOutput");
    }

    function _gasDeposit(Params calldata params) internal pure returns (uint256) {
        uint256 gas = FULFIL_OVERHEAD + params.callbackGas + GAS_PER_OUTPUT_BYTE * params.maxOutput;
        if (_isZk(params)) gas += ZK_OVERHEAD;
        return params.maxGasPrice * gas;
    }

    /// @dev Intrinsic gas, calldata as its fields need (not as it was padded) with its floor (EIP-7623), and execution.
    /// The event, which follows, is set against the refunds for slots that relay and consumer clear.
    function _meteredGas(Params calldata params, uint256 outputGas, uint256 gasAtStart, uint256 tail)
        internal
        view
        returns (uint256)
    {
        uint256 entries = _entries(params);
        uint256 policy = entries == 0 ? CALLDATA_GAS_ZK : CALLDATA_GAS_PER_ENTRY * entries;
        uint256 data = CALLDATA_GAS + policy + outputGas;
        uint256 floor = 21_000 + data * 5 / 2;
        uint256 standard = 21_000 + data + tail + gasAtStart - gasleft();
        return standard > floor ? standard : floor;
    }

    /// @dev What the output costs as calldata: 4 a byte, and 12 more a byte that is not zero, counted a word at a time.
    function _calldataGas(bytes calldata output) internal pure returns (uint256 gas) {
        uint256 marked;
        assembly ("memory-safe") {
            let low := 0x7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f
            let ones := 0x0101010101010101010101010101010101010101010101010101010101010101
            for { let i := 0 } lt(i, output.length) { i := add(i, 0x20) } {
                let word := calldataload(add(output.offset, i))
                let left := sub(output.length, i)
                if lt(left, 0x20) { word := shr(sub(0x100, shl(3, left)), word) }
                // The top bit of each byte: whether any of its bits is set. The product's first byte is their sum.
                let set := and(shr(7, or(add(and(word, low), low), word)), ones)
                marked := add(marked, byte(0, mul(set, ones)))
            }
        }
        return 4 * output.length + 12 * marked;
    }

    /// @dev Cost of the coming write to an account's credit; reads it, so that the read is metered.
    function _writeGas(address account) internal view returns (uint256) {
        return balanceOf(account, address(0)) == 0 ? 20_000 : 2_900;
    }

    function _isZk(Params calldata params) internal pure returns (bool) {
        return params.assurance == ASSURANCE_ZK;
    }

    function _entries(Params calldata params) internal pure returns (uint256) {
        return params.releases.length + params.publishers.length;
    }

    function _epochAt(uint256 timestamp) internal view returns (uint64) {
        return SafeCast.toUint64(timestamp / EPOCH);
    }

    function _accepts(Params calldata params, bytes32 releaseId, address publisher) internal pure returns (bool) {
        bytes32[] calldata releases = params.releases;
        for (uint256 i; i < releases.length; ++i) {
            if (releases[i] == releaseId) return true;
        }
        address[] calldata publishers = params.publishers;
        for (uint256 i; i < publishers.length; ++i) {
            if (publishers[i] == publisher) return true;
        }
        return false;
    }
}
