// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {RelayConsumer} from "../RelayConsumer.sol";
import {IRelay} from "../interfaces/IRelay.sol";
import {Tensor} from "../libraries/Tensor.sol";

/// @title Which iris is it? Asks a model with four measurements and keeps the last answer
/// @notice For a model from float32 [1,4] to float32 [1,n]: a regression (n = 1) or scores of classes.
contract IrisOracle is RelayConsumer, Ownable {
    using Tensor for bytes;
    using Tensor for uint32[];
    using Tensor for uint32;

    /// @param class index of the greatest output
    /// @param value that output, 18 decimals
    struct Answer {
        bytes32 id;
        uint8 status;
        uint8 class;
        int240 value;
    }

    /// @notice The last answer.
    Answer public last;

    IRelay.Params private _params;

    event Answered(bytes32 indexed id, uint8 status, uint256 class, int256 value);

    /// @param params what every question asks for; its deadline is a time from the question, in seconds, and its
    /// maxGasPrice is replaced by the asker's
    constructor(IRelay relay, address owner, IRelay.Params memory params) RelayConsumer(relay) Ownable(owner) {
        _params = params;
    }

    /// @notice Asks. msg.value is price(maxGasPrice); what is not used becomes a refund of this contract.
    /// @param measurements sepal length, sepal width, petal length, petal width in cm, 18 decimals
    function ask(int256[4] calldata measurements, uint64 maxGasPrice) external payable returns (bytes32 id) {
        int256[] memory wads = new int256[](4);
        for (uint256 i; i < 4; ++i) {
            wads[i] = measurements[i];
        }
        uint32[] memory dims = new uint32[](2);
        (dims[0], dims[1]) = (1, 4);
        return _ask(_paramsNow(maxGasPrice), Tensor.encodeFloat32(dims, wads), msg.value);
    }

    function price(uint64 maxGasPrice) external view returns (uint256) {
        return RELAY.quote(_paramsNow(maxGasPrice));
    }

    /// @notice The owner takes the refunds.
    function withdraw(address token, address to) external onlyOwner {
        _withdraw(token, to);
    }

    function _answer(bytes32 id, uint8 status, bytes calldata output) internal override {
        Answer memory answer = Answer(id, status, 0, 0);
        if (status == 0) {
            uint32[] memory scores = output.float32s();
            uint256 class = scores.argmax();
            (answer.class, answer.value) = (uint8(class), int240(scores[class].toWad()));
        }
        last = answer;
        emit Answered(id, status, answer.class, answer.value);
    }

    function _paramsNow(uint64 maxGasPrice) private view returns (IRelay.Params memory params) {
        params = _params;
        params.deadline += uint64(block.timestamp);
        params.maxGasPrice = maxGasPrice;
    }
}
