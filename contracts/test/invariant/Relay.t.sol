// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Operators} from "../../src/Operators.sol";
import {Relay} from "../../src/Relay.sol";
import {DevToken} from "../../src/dev/DevToken.sol";
import {Test} from "../utils/Test.sol";
import {RelayHandler} from "./RelayHandler.sol";

/// @notice What holds after any sequence of steps.
contract RelayInvariantTest is Test {
    RelayHandler private handler;
    Relay private relay;
    Operators private operators;
    DevToken private token;
    address private alice;

    function setUp() public {
        handler = new RelayHandler();
        (address relay_, address operators_, address token_, address alice_) = handler.addresses();
        (relay, operators, token, alice) = (Relay(payable(relay_)), Operators(operators_), DevToken(token_), alice_);
        bytes4[] memory steps = new bytes4[](20);
        steps[0] = handler.stepAsk.selector;
        steps[1] = handler.stepAsk.selector;
        steps[2] = handler.stepAsk.selector;
        steps[3] = handler.stepFulfil.selector;
        steps[4] = handler.stepFulfil.selector;
        steps[5] = handler.stepForge.selector;
        steps[6] = handler.stepExpire.selector;
        steps[7] = handler.stepWithdraw.selector;
        steps[8] = handler.stepStake.selector;
        steps[9] = handler.stepUnbond.selector;
        steps[10] = handler.stepWithdrawStake.selector;
        steps[11] = handler.stepOffer.selector;
        steps[12] = handler.stepTime.selector;
        steps[13] = handler.stepSqueeze.selector;
        steps[14] = handler.stepDecline.selector;
        steps[15] = handler.stepAskByHash.selector;
        steps[16] = handler.stepAccept.selector;
        steps[17] = handler.stepTrim.selector;
        steps[18] = handler.stepAskZk.selector;
        steps[19] = handler.stepAskZk.selector;
        // forge pays the sender back for gas: were it one of these contracts, coins would appear in it.
        targetSender(makeAddr("anyone"));
        targetContract(address(handler));
        targetSelector(FuzzSelector(address(handler), steps));
    }

    /// @notice Every coin in the relay is a credit or the deposit of an open request: none lost, none doubled.
    function invariant_solvency() public {
        (uint256 inEther, uint256 inTokens) = handler.openDeposits();
        assertEq(address(relay).balance, handler.etherHeld(), "ether as the ledger says");
        assertEq(address(relay).balance, inEther + handler.credits(address(0)), "ether");
        assertEq(token.balanceOf(address(relay)), inTokens + handler.credits(address(token)), "tokens");
        assertEq(token.balanceOf(address(relay)), handler.tokensHeld(), "tokens as the ledger says");
    }

    function invariant_stakeIsExact() public view {
        uint256 stake = operators.slashableOf(alice) + operators.slashableOf(handler.bob());
        assertEq(address(operators).balance, stake, "every staked coin has an owner");
        assertEq(stake, handler.stakeHeld(), "as the ledger says");
    }

    /// @notice Every request is closed at most once, and is open until then.
    function invariant_exactlyOnce() public view {
        uint256 covered;
        for (uint256 i; i < handler.jobs(); ++i) {
            bytes32 id = handler.idAt(i);
            bool isOpen = relay.commitmentOf(id) != 0;
            assertEq(handler.closings(id), isOpen ? 0 : 1, "closed once");
            if (isOpen && handler.isCovered(i)) ++covered;
        }
        assertEq(relay.coveredRequests(), covered, "covered");
    }

    function invariant_nobodyIsPaidForAnUnverifiedAnswer() public view {
        assertEq(handler.forged(), 0, "forged answers accepted");
    }

    /// @notice Each operator's stake covers all the penalties that can still fall on it.
    function invariant_penaltiesAreCovered() public view {
        assertLe(handler.liabilityOf(alice), operators.slashableOf(alice), "alice");
        assertLe(handler.liabilityOf(handler.bob()), operators.slashableOf(handler.bob()), "bob");
    }

    function invariant_bondedBacksTheSlots() public view {
        (uint256 bonded,,) = operators.stakeOf(alice);
        assertGe(bonded, operators.slotsOf(alice) * operators.SLOT_STAKE(), "alice");
        (bonded,,) = operators.stakeOf(handler.bob());
        assertGe(bonded, operators.slotsOf(handler.bob()) * operators.SLOT_STAKE(), "bob");
    }

    /// @notice The steps do what they are for: without this the invariants could hold of nothing.
    function test_stepsReachEveryEnd() public {
        handler.stepAsk(400);
        handler.stepForge(0, 1);
        handler.stepFulfil(0, 1);
        assertEq(handler.answered(), 1, "answered");
        for (uint256 i; i < 6; ++i) {
            handler.stepAsk(2 * i);
        }
        for (uint256 i; i < 3; ++i) {
            handler.stepTime(299);
        }
        for (uint256 i; i < 6; ++i) {
            handler.stepExpire(i + 1);
        }
        assertEq(handler.expired(), 6, "expired");
        assertGt(handler.slashedTotal(), 0, "slashed");
        handler.stepAsk(400);
        handler.stepDecline(2 * handler.jobs() - 2); // the newest, by alice
        handler.stepDecline(2 * handler.jobs() - 1); // or by bob
        for (uint256 i; i < 4; ++i) {
            handler.stepAskByHash(400);
            handler.stepAccept(2 * handler.jobs() - 2 + i % 2); // alice, bob; the drawn one alone may at once
        }
        handler.stepTime(31);
        handler.stepAccept(2 * handler.jobs() - 2); // afterwards anyone
        assertGt(handler.accepted(), 1, "accepted");
        handler.stepFulfil(handler.jobs() - 1, 1);
        assertEq(handler.answered(), 2, "accepted and answered");
        for (uint256 i; i < 8 && handler.excused() == 0; ++i) {
            handler.stepAsk(400); // a draw may fall on a slot that a slash emptied
            handler.stepFulfil(handler.jobs() - 1, 7);
        }
        assertEq(handler.excused(), 1, "excused");
        handler.stepAskZk(400);
        uint256 last = handler.jobs() - 1;
        handler.stepTime(31);
        handler.stepFulfil(last, 1);
        assertEq(handler.proven(), 0, "nobody accepted");
        handler.stepAccept(2 * last); // alice, if a slash left her a slot
        handler.stepAccept(2 * last + 1); // or bob
        handler.stepFulfil(last, 3);
        handler.stepForge(last, 4);
        assertEq(handler.proven(), 0, "wrong proofs");
        handler.stepFulfil(last, 1);
        assertEq(handler.proven(), 1, "proven");
        assertEq(handler.forged(), 0, "forged");
        invariant_solvency();
        invariant_stakeIsExact();
        invariant_exactlyOnce();
    }

    /// @notice Used up again in the epoch of the slashes, the cover still covers.
    function test_squeezedOperatorIsCovered() public {
        handler.stepSqueeze(5);
        assertGt(handler.slashedTotal(), 0, "slashed");
        assertGt(handler.liabilityOf(alice), 0, "and still in duty");
        invariant_penaltiesAreCovered();
        invariant_solvency();
        invariant_stakeIsExact();
    }
}
