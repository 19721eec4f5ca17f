// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Money that a contract holds for others: credits that their owners withdraw
/// @notice Token zero is the chain's own coin. Every payment is a credit; only `withdraw` sends.
interface ILedger {
    event Withdrawn(address indexed account, address indexed token, address to, uint256 amount);

    error TokenShortfall(address token, uint256 received, uint256 expected);
    error TokenReentered(address token);
    error NothingToWithdraw(address account, address token);
    error TransferFailed(address to, uint256 amount);

    /// @notice Pays out the caller's balance to `to`, not to this contract nor to zero.
    function withdraw(address token, address to) external;

    /// @notice Credit that `withdraw` pays out.
    function balanceOf(address account, address token) external view returns (uint256);
}
