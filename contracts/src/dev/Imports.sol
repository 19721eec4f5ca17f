// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

// Not used by other sources: imported so that they are compiled, and deployed as OpenZeppelin wrote them.
// forge-lint: disable-next-line(unused-import)
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
