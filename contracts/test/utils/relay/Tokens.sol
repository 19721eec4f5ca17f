// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @notice Keeps a hundredth of every transfer.
contract TaxedToken is ERC20 {
    constructor() ERC20("Taxed", "TAX") {}

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function _update(address from, address to, uint256 amount) internal override {
        if (from != address(0) && to != address(0)) super._update(from, address(0xdead), amount / 100);
        super._update(from, to, from == address(0) || to == address(0) ? amount : amount - amount / 100);
    }
}

/// @notice Gives one more than was sent.
contract GenerousToken is ERC20 {
    constructor() ERC20("Generous", "GEN") {}

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function transferFrom(address from, address to, uint256 amount) public override returns (bool) {
        _mint(to, 1);
        return super.transferFrom(from, to, amount);
    }
}

/// @notice Calls a hook of the sender before each transfer, as ERC-777 does.
contract HookedToken is ERC20 {
    constructor() ERC20("Hooked", "HOOK") {}

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function transferFrom(address from, address to, uint256 amount) public override returns (bool) {
        ITokenHook(from).beforeTransfer();
        return super.transferFrom(from, to, amount);
    }
}

interface ITokenHook {
    function beforeTransfer() external;
}
