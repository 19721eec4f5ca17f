// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20, SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IRelay, IRelayCallback} from "./interfaces/IRelay.sol";

/// @title Base of a contract that asks: call `_ask`, implement `_answer`
/// @notice Only the relay answers, only what was asked, and once. Refunds wait in the relay under this contract's
/// account until it calls `_withdraw`: who may do that is the inheriting contract's decision.
abstract contract RelayConsumer is IRelayCallback {
    using SafeERC20 for IERC20;

    IRelay public immutable RELAY;

    mapping(bytes32 id => bool) private _asked;

    error NotRelay(address caller);
    error NotAsked(bytes32 id);

    constructor(IRelay relay) {
        RELAY = relay;
    }

    /// @inheritdoc IRelayCallback
    function onAnswer(bytes32 id, uint8 status, bytes calldata output) external {
        if (msg.sender != address(RELAY)) revert NotRelay(msg.sender);
        if (!_asked[id]) revert NotAsked(id);
        delete _asked[id];
        _answer(id, status, output);
    }

    /// @dev Asks, paying `value` (exactly RELAY.quote(params)) and a token fee from this contract's balance.
    function _ask(IRelay.Params memory params, bytes memory input, uint256 value) internal returns (bytes32 id) {
        _approve(params);
        id = RELAY.request{value: value}(params, input);
        _asked[id] = true;
    }

    /// @dev Asks about an input that operators fetch from `source`, a URL; see IRelay.requestByHash.
    function _askByHash(IRelay.Params memory params, bytes32 inputHash, bytes memory source, uint256 value)
        internal
        returns (bytes32 id)
    {
        _approve(params);
        id = RELAY.requestByHash{value: value}(params, inputHash, source);
        _asked[id] = true;
    }

    function _approve(IRelay.Params memory params) private {
        if (params.feeToken != address(0)) IERC20(params.feeToken).forceApprove(address(RELAY), params.fee);
    }

    /// @dev Moves this contract's refunds out of the relay.
    function _withdraw(address token, address to) internal {
        RELAY.withdraw(token, to);
    }

    /// @dev The verified answer. status 0: output is the model's; otherwise a text that says why there is none.
    /// A revert, or more than the callback gas, loses the answer and still pays the operator.
    function _answer(bytes32 id, uint8 status, bytes calldata output) internal virtual;
}
