// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {RelayConsumer} from "../../../src/RelayConsumer.sol";
import {IRelay} from "../../../src/interfaces/IRelay.sol";

/// @notice A consumer that keeps what it was told, and can misbehave in its callback.
contract Probe is RelayConsumer {
    enum Mode {
        Keep,
        Revert,
        Burn,
        Megabyte,
        CallRelay
    }

    Mode public mode;
    bytes public data;
    uint256 public answers;
    bytes32 public lastId;
    uint8 public lastStatus;
    bytes public lastOutput;
    uint256 public gasSeen;
    bool public callOk;
    bytes public callResult;
    uint256 public callValue;

    constructor(IRelay relay) RelayConsumer(relay) {}

    receive() external payable {}

    function misbehave(Mode mode_, bytes calldata data_) external {
        (mode, data) = (mode_, data_);
    }

    function setValue(uint256 value) external {
        callValue = value;
    }

    function ask(IRelay.Params calldata params, bytes calldata input) external payable returns (bytes32) {
        return _ask(params, input, msg.value);
    }

    function askByHash(IRelay.Params calldata params, bytes32 inputHash, bytes calldata source)
        external
        payable
        returns (bytes32)
    {
        return _askByHash(params, inputHash, source, msg.value);
    }

    function withdraw(address token, address to) external {
        _withdraw(token, to);
    }

    function _answer(bytes32 id, uint8 status, bytes calldata output) internal override {
        gasSeen = gasleft();
        if (mode == Mode.Revert) revert("no");
        if (mode == Mode.Burn) while (true) {}
        if (mode == Mode.Megabyte) {
            assembly {
                return(0, 1000000)
            }
        }
        if (mode == Mode.CallRelay) (callOk, callResult) = address(RELAY).call{value: callValue}(data);
        ++answers;
        (lastId, lastStatus, lastOutput) = (id, status, output);
    }
}
