// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IBalances} from "../../src/interfaces/IBalances.sol";
import {Test} from "../utils/Test.sol";
import {BalancesBase} from "../utils/balances/BalancesBase.sol";

/// @notice Two payers, batches in any order and repeated, expiries and withdrawals.
contract BalancesHandler is BalancesBase {
    uint256 public reserved;
    uint256 public withdrawn;
    mapping(bytes32 reservation => mapping(uint64 index => uint256)) public timesSettled;
    uint256 public mostSettled;

    address[2] private payers;
    IBalances.Batch[] private signed;
    IBalances.Terms[] private signedTerms;

    constructor() {
        setUp();
        payers = [payer, makeAddr("second payer")];
        stepReserve(0, 1 ether, 1);
    }

    function stepReserve(uint256 which, uint256 amount, uint256 time) public {
        choose(which);
        uint128 added = uint128(bound(amount, 0, 1 ether));
        uint64 until = uint64(vm.getBlockTimestamp() + bound(time, 1, 2 days));
        hoax(terms.payer, added);
        try balances.reserve{value: added}(terms, added, until) {
            reserved += added;
        } catch {}
    }

    function stepSign(uint256 which, uint256 first, uint256 length, uint256 total) external {
        choose(which);
        uint64 from = uint64(bound(first, 0, 40));
        signed.push(batchOf(from, uint64(from + bound(length, 0, 9)), bound(total, 0, 2 ether)));
        signedTerms.push(terms);
    }

    /// @dev Any batch that was ever signed, again and again.
    function stepSettle(uint256 which) external {
        if (signed.length == 0) return;
        uint256 chosen = which % signed.length;
        IBalances.Batch memory batch = signed[chosen];
        try balances.settle(signedTerms[chosen], batch, sign(batch)) {
            for (uint64 index = batch.first; index <= batch.last; ++index) {
                uint256 times = ++timesSettled[batch.reservation][index];
                if (times > mostSettled) mostSettled = times;
            }
        } catch {}
    }

    function stepRelease(uint256 which) external {
        choose(which);
        try balances.release(terms) {} catch {}
    }

    function stepWithdraw(uint256 which) external {
        address account = which % 3 == 2 ? operator : payers[which % 3];
        uint256 amount = balances.balanceOf(account, address(0));
        vm.prank(account);
        try balances.withdraw(address(0), makeAddr("wallet")) {
            withdrawn += amount;
        } catch {}
    }

    /// @dev Within the key's day.
    function stepTime(uint256 seconds_) external {
        vm.warp(vm.getBlockTimestamp() + bound(seconds_, 1, 2 hours));
    }

    /// @notice What reservations and credits hold together.
    function held() external view returns (uint256 sum) {
        IBalances.Terms memory any = terms;
        for (uint256 which; which < 4; ++which) {
            any.payer = payers[which % 2];
            any.salt = uint64(which / 2);
            sum += balances.reservationOf(balances.idOf(any)).amount;
        }
        for (uint256 i; i < 2; ++i) {
            sum += balances.balanceOf(payers[i], address(0));
        }
        return sum + balances.balanceOf(operator, address(0));
    }

    function target() external view returns (address) {
        return address(balances);
    }

    function choose(uint256 which) private {
        terms.payer = payers[which % 2];
        terms.salt = uint64((which / 2) % 2);
    }
}

/// @notice What holds after any sequence of steps.
contract BalancesInvariantTest is Test {
    BalancesHandler private handler;

    function setUp() public {
        handler = new BalancesHandler();
        bytes4[] memory steps = new bytes4[](7);
        steps[0] = handler.stepReserve.selector;
        steps[1] = handler.stepSign.selector;
        steps[2] = handler.stepSign.selector;
        steps[3] = handler.stepSettle.selector;
        steps[4] = handler.stepRelease.selector;
        steps[5] = handler.stepWithdraw.selector;
        steps[6] = handler.stepTime.selector;
        targetSender(makeAddr("anyone"));
        targetContract(address(handler));
        targetSelector(FuzzSelector(address(handler), steps));
    }

    /// @notice Every coin is in a reservation or somebody's credit: none lost, none doubled.
    function invariant_solvency() public view {
        assertEq(handler.target().balance, handler.held(), "held");
        assertEq(handler.target().balance + handler.withdrawn(), handler.reserved(), "as the ledger says");
    }

    function invariant_anIndexIsSettledOnce() public view {
        assertLe(handler.mostSettled(), 1, "times settled");
    }
}
