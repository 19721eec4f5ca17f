// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title A token for development chains: anyone mints
contract DevToken is ERC20 {
    constructor() ERC20("Nacre development token", "DEV") {}

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }
}
