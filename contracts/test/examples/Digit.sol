// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {RelayConsumer} from "../../src/RelayConsumer.sol";
import {IRelay} from "../../src/interfaces/IRelay.sol";
import {Tensor} from "../../src/libraries/Tensor.sol";

contract Digit is RelayConsumer {
    using Tensor for bytes;
    using Tensor for uint32[];

    uint256 public digit;

    constructor(IRelay relay) RelayConsumer(relay) {}

    /// Which model, which releases, what fee: in params. The picture is a tensor.
    function ask(IRelay.Params calldata params, bytes calldata picture) external payable {
        _ask(params, picture, msg.value);
    }

    /// Called once, with an answer whose receipt the chain has checked.
    function _answer(bytes32, uint8 status, bytes calldata output) internal override {
        if (status == 0) digit = output.float32s().argmax();
    }
}
