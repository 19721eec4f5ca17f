// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {RelayConsumer} from "../RelayConsumer.sol";
import {IRelay} from "../interfaces/IRelay.sol";
import {Tensor} from "../libraries/Tensor.sol";

/// @title Money that waits for an invoice: the seller gets it when a picture of one covers the price
/// @notice One contract is one deal, so that what the relay gives back is the seller's, who alone asks. For an artifact
/// of the pipeline `invoice-total` (docs/protocol.md): a PNG to int64 [3]: amount in minor units, currency by its ISO
/// 4217 number, confidence in thousandths.
/// @dev It proves what a picture says, not that the picture is of a true invoice: examples/invoice-escrow/README.md.
contract InvoiceEscrow is RelayConsumer {
    using Tensor for bytes;

    /// @param currency ISO 4217 number
    /// @param price in the currency's minor units: what the invoice must come to at least
    /// @param minConfidence thousandths
    /// @param deadline until then the seller may ask, in seconds of block time
    struct Terms {
        address seller;
        uint16 currency;
        uint64 price;
        uint16 minConfidence;
        uint64 deadline;
    }

    address public immutable BUYER;
    address public immutable SELLER;
    /// @notice What the deal is about, wei: sent with the deployment, given out once.
    uint256 public immutable LOCKED;
    uint16 public immutable CURRENCY;
    uint64 public immutable PRICE;
    uint16 public immutable MIN_CONFIDENCE;
    uint64 public immutable DEADLINE;
    /// @notice From then on the money is the buyer's: every question that was asked in time is answered or expired.
    uint64 public immutable REFUND_AT;

    /// @notice An invoice covers the price, or the buyer says so.
    bool public released;
    bool public paid;

    IRelay.Params private _params;

    /// @notice A picture was read; `covers`: it releases the money.
    event Read(bytes32 indexed id, int64 amount, int64 currency, int64 confidence, bool covers);
    /// @notice A picture was not read; the reason is a text, `code: detail`.
    event Refused(bytes32 indexed id, uint8 status, bytes reason);
    event Released();
    event Paid(address indexed party, address to, uint256 amount);

    error NotTheBuyer(address caller);
    error NotTheSeller(address caller);
    error NothingFor(address caller);
    error TooLate(uint64 deadline);
    error InvalidTerms();
    error NotATotal(uint256 numbers);
    error PaymentFailed(address to);

    /// @param params what every question asks for; its deadline is a time from the question, in seconds, its
    /// maxGasPrice is replaced by the asker's, and its fee is in the chain's coin
    constructor(IRelay relay, Terms memory terms, IRelay.Params memory params) payable RelayConsumer(relay) {
        bool valid = terms.seller != address(0) && terms.price > 0 && terms.deadline > block.timestamp && msg.value > 0;
        if (!valid || terms.price > uint64(type(int64).max) || params.feeToken != address(0)) revert InvalidTerms();
        (BUYER, SELLER, LOCKED) = (msg.sender, terms.seller, msg.value);
        (CURRENCY, PRICE, MIN_CONFIDENCE) = (terms.currency, terms.price, terms.minConfidence);
        (DEADLINE, REFUND_AT) = (terms.deadline, terms.deadline + params.deadline + 1);
        _params = params;
    }

    /// @notice The seller shows an invoice. msg.value is fee(maxGasPrice); what is not used is the seller's again.
    /// @param picture keccak256 of a PNG file
    /// @param source a URL of that file, which operators can reach
    function show(bytes32 picture, bytes calldata source, uint64 maxGasPrice) external payable returns (bytes32 id) {
        if (msg.sender != SELLER) revert NotTheSeller(msg.sender);
        if (released || block.timestamp > DEADLINE) revert TooLate(DEADLINE);
        return _askByHash(_paramsNow(maxGasPrice), picture, source, msg.value);
    }

    /// @notice The buyer is content without a picture, or with one that was refused.
    function release() external {
        if (msg.sender != BUYER) revert NotTheBuyer(msg.sender);
        if (block.timestamp >= REFUND_AT) revert TooLate(REFUND_AT);
        _release();
    }

    /// @notice Sends the money to where its owner wants it: the seller's once released, the buyer's after REFUND_AT.
    function withdraw(address to) external {
        if (msg.sender != owner() || paid) revert NothingFor(msg.sender);
        if (to == address(0)) revert PaymentFailed(to);
        paid = true;
        emit Paid(msg.sender, to, LOCKED);
        (bool ok,) = to.call{value: LOCKED}("");
        if (!ok) revert PaymentFailed(to);
    }

    /// @notice What questions did not use of their fee and gas deposit, out of the relay.
    function withdrawFees(address to) external {
        if (msg.sender != SELLER) revert NotTheSeller(msg.sender);
        _withdraw(address(0), to);
    }

    /// @notice Whose the money is now; nobody's while an invoice may still come.
    function owner() public view returns (address) {
        if (released) return SELLER;
        return block.timestamp >= REFUND_AT ? BUYER : address(0);
    }

    /// @notice What `show` costs at most, wei.
    function fee(uint64 maxGasPrice) external view returns (uint256) {
        return RELAY.quote(_paramsNow(maxGasPrice));
    }

    /// @dev Only stores: who sends the answer chooses the state in which this runs.
    function _answer(bytes32 id, uint8 status, bytes calldata output) internal override {
        if (status != 0) {
            emit Refused(id, status, output);
            return;
        }
        int64[] memory read = output.int64s();
        // An artifact that is no such pipeline: its answers mean nothing here.
        if (read.length != 3) revert NotATotal(read.length);
        // The relay takes no answer after a question's deadline; that the buyer's money stays the buyer's is seen here.
        bool covers = read[0] >= int64(PRICE) && read[1] == int64(uint64(CURRENCY))
            && read[2] >= int64(uint64(MIN_CONFIDENCE)) && block.timestamp < REFUND_AT;
        emit Read(id, read[0], read[1], read[2], covers);
        if (covers) _release();
    }

    function _release() private {
        if (released) return;
        released = true;
        emit Released();
    }

    function _paramsNow(uint64 maxGasPrice) private view returns (IRelay.Params memory params) {
        params = _params;
        params.deadline += uint64(block.timestamp);
        params.maxGasPrice = maxGasPrice;
    }
}
