// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20, SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ILedger} from "./interfaces/ILedger.sol";

/// @title Money that a contract holds for others: see ILedger
/// @dev Every payment is a credit; only `withdraw` sends, after it has cleared the credit.
abstract contract Ledger is ILedger {
    using SafeERC20 for IERC20;

    mapping(address account => mapping(address token => uint256)) private _balances;
    address private transient _pulling;

    /// @inheritdoc ILedger
    function withdraw(address token, address to) external {
        uint256 amount = _balances[msg.sender][token];
        if (amount == 0) revert NothingToWithdraw(msg.sender, token);
        if (to == address(0) || to == address(this)) revert TransferFailed(to, amount);
        _balances[msg.sender][token] = 0;
        emit Withdrawn(msg.sender, token, to, amount);
        if (token != address(0)) return IERC20(token).safeTransfer(to, amount);
        (bool ok,) = to.call{value: amount}("");
        if (!ok) revert TransferFailed(to, amount);
    }

    /// @inheritdoc ILedger
    function balanceOf(address account, address token) public view returns (uint256) {
        return _balances[account][token];
    }

    function _credit(address account, address token, uint256 amount) internal {
        if (amount != 0) _balances[account][token] += amount;
    }

    /// @dev Takes exactly `amount` from the caller's allowance; a token that delivers less or more is refused. A
    /// token with hooks may not have two fees counted as one.
    function _pull(address token, uint256 amount) internal {
        _requireNotPulling();
        _pulling = token;
        uint256 before = IERC20(token).balanceOf(address(this));
        IERC20(token).safeTransferFrom(msg.sender, address(this), amount);
        uint256 afterwards = IERC20(token).balanceOf(address(this));
        uint256 received = afterwards > before ? afterwards - before : 0;
        if (received != amount) revert TokenShortfall(token, received, amount);
        _pulling = address(0);
    }

    /// @dev Inside a token's hook nobody is answered either: the callback could not ask again for a token fee.
    function _requireNotPulling() internal view {
        if (_pulling != address(0)) revert TokenReentered(_pulling);
    }
}
