// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {RelayConsumer} from "../RelayConsumer.sol";
import {IRelay} from "../interfaces/IRelay.sol";
import {Tensor} from "../libraries/Tensor.sol";

/// @title Reads a handwritten digit: asks a model with 28 x 28 pixels and keeps the last answer
/// @notice For a model from uint8 [1,1,28,28] to float32 [1,10], one score a digit.
contract DigitReader is RelayConsumer, Ownable {
    using Tensor for bytes;
    using Tensor for uint32[];

    uint256 private constant SIDE = 28;

    struct Answer {
        bytes32 id;
        uint8 status;
        uint8 digit;
    }

    /// @notice The last answer; the digit counts only with status 0.
    Answer public last;

    IRelay.Params private _params;

    event Answered(bytes32 indexed id, uint8 status, uint256 digit);

    error NotAPicture(uint256 pixels);
    error NotADigit(uint256 scores);

    /// @param params what every question asks for; its deadline is a time from the question, in seconds, and its
    /// maxGasPrice is replaced by the asker's
    constructor(IRelay relay, address owner, IRelay.Params memory params) RelayConsumer(relay) Ownable(owner) {
        _params = params;
    }

    /// @notice Asks. msg.value is price(maxGasPrice); what is not used becomes a refund of this contract.
    /// @param pixels 784 bytes, row by row, 0 background to 255 ink
    function ask(bytes calldata pixels, uint64 maxGasPrice) external payable returns (bytes32 id) {
        if (pixels.length != SIDE * SIDE) revert NotAPicture(pixels.length);
        uint32[] memory dims = new uint32[](4);
        (dims[0], dims[1], dims[2], dims[3]) = (1, 1, uint32(SIDE), uint32(SIDE));
        return _ask(_paramsNow(maxGasPrice), Tensor.encodeUint8(dims, pixels), msg.value);
    }

    function price(uint64 maxGasPrice) external view returns (uint256) {
        return RELAY.quote(_paramsNow(maxGasPrice));
    }

    /// @notice The owner takes the refunds.
    function withdraw(address token, address to) external onlyOwner {
        _withdraw(token, to);
    }

    function _answer(bytes32 id, uint8 status, bytes calldata output) internal override {
        Answer memory answer = Answer(id, status, 0);
        if (status == 0) {
            uint32[] memory scores = output.float32s();
            if (scores.length != 10) revert NotADigit(scores.length);
            answer.digit = uint8(scores.argmax());
        }
        last = answer;
        emit Answered(id, status, answer.digit);
    }

    function _paramsNow(uint64 maxGasPrice) private view returns (IRelay.Params memory params) {
        params = _params;
        params.deadline += uint64(block.timestamp);
        params.maxGasPrice = maxGasPrice;
    }
}
