// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Operators} from "../src/Operators.sol";
import {IOperators} from "../src/interfaces/IOperators.sol";
import {Test} from "./utils/Test.sol";

/// @notice Stake, slots and offers alone; this test is the relay.
contract OperatorsTest is Test {
    uint256 private constant SLOT = 1 ether;
    uint64 private constant EPOCH = 100;
    uint64 private constant UNBONDING = 1000;
    bytes32 private constant ARTIFACT = "model";

    Operators private operators;
    address private alice = makeAddr("alice");
    address private bob = makeAddr("bob");

    receive() external payable {}

    function setUp() public {
        vm.warp(1_800_000_000);
        operators = new Operators(address(this), SLOT, EPOCH, UNBONDING);
    }

    function bond(address operator, uint256 amount) private {
        hoax(operator, amount);
        operators.bond{value: amount}();
    }

    function declare(address operator) private {
        vm.prank(operator);
        operators.declare("release", 2);
    }

    function now_() private view returns (uint64) {
        return operators.epochAt(vm.getBlockTimestamp());
    }

    function pass(uint256 time) private {
        vm.warp(vm.getBlockTimestamp() + time);
    }

    function test_constructor() public {
        vm.expectRevert(abi.encodeWithSelector(IOperators.InvalidParameter.selector, "relay"));
        new Operators(address(0), SLOT, EPOCH, UNBONDING);
        vm.expectRevert(abi.encodeWithSelector(IOperators.InvalidParameter.selector, "slotStake"));
        new Operators(address(this), 0, EPOCH, UNBONDING);
        vm.expectRevert(abi.encodeWithSelector(IOperators.InvalidParameter.selector, "epoch"));
        new Operators(address(this), SLOT, 0, UNBONDING);
        vm.expectRevert(abi.encodeWithSelector(IOperators.InvalidParameter.selector, "unbonding"));
        new Operators(address(this), SLOT, EPOCH, 2 * EPOCH - 1);
    }

    function test_slotServesFromTheNextEpoch() public {
        uint64 epoch = now_();
        bond(alice, SLOT);
        assertEq(operators.slotCountAt(epoch), 0, "now");
        assertEq(operators.assigned(7, epoch), address(0), "nobody");
        assertEq(operators.slotCountAt(epoch + 1), 1, "next");
        assertEq(operators.assigned(7, epoch + 1), alice, "alice");
    }

    function test_wrongStake() public {
        uint256[3] memory amounts = [uint256(0), SLOT - 1, SLOT + 1];
        for (uint256 i; i < 3; ++i) {
            hoax(alice, amounts[i]);
            vm.expectRevert(abi.encodeWithSelector(IOperators.WrongStake.selector, amounts[i], SLOT));
            operators.bond{value: amounts[i]}();
        }
    }

    function test_tooManySlots() public {
        hoax(alice, 33 * SLOT);
        vm.expectRevert(abi.encodeWithSelector(IOperators.TooManySlots.selector, 33, 32));
        operators.bond{value: 33 * SLOT}();
        bond(alice, 32 * SLOT);
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(IOperators.TooManySlots.selector, 33, 32));
        operators.unbond(33);
    }

    function test_unbondServesOutItsEpochAndStaysSlashable() public {
        bond(alice, 2 * SLOT);
        pass(EPOCH);
        uint64 epoch = now_();
        vm.prank(alice);
        operators.unbond(1);
        assertEq(operators.assigned(1, epoch), alice, "this epoch");
        assertEq(operators.assigned(1, epoch + 1), address(0), "next epoch");
        assertEq(operators.assigned(0, epoch + 1), alice, "the other slot");
        assertEq(operators.slashableOf(alice), 2 * SLOT, "slashable");

        pass(UNBONDING - 1);
        vm.prank(alice);
        vm.expectRevert(IOperators.NothingToWithdraw.selector);
        operators.withdrawStake(bob);
        pass(1);
        vm.prank(alice);
        operators.withdrawStake(bob);
        assertEq(bob.balance, SLOT, "paid");
        assertEq(operators.slashableOf(alice), SLOT, "left");
        vm.prank(alice);
        vm.expectRevert(IOperators.NothingToWithdraw.selector);
        operators.withdrawStake(bob);
    }

    function test_unbondNothing() public {
        vm.prank(alice);
        vm.expectRevert(IOperators.NothingToWithdraw.selector);
        operators.unbond(0);
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(IOperators.TooManySlots.selector, 1, 0));
        operators.unbond(1);
    }

    function test_withdrawToWhoRefuses() public {
        bond(alice, SLOT);
        vm.prank(alice);
        operators.unbond(1);
        pass(UNBONDING);
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(IOperators.TransferFailed.selector, address(operators), SLOT));
        operators.withdrawStake(address(operators));
    }

    function test_withdrawToNobody() public {
        bond(alice, SLOT);
        vm.prank(alice);
        operators.unbond(1);
        pass(UNBONDING);
        address[2] memory nobody = [address(0), operators.RELAY()];
        for (uint256 i; i < 2; ++i) {
            vm.prank(alice);
            vm.expectRevert(abi.encodeWithSelector(IOperators.TransferFailed.selector, nobody[i], SLOT));
            operators.withdrawStake(nobody[i]);
        }
        assertEq(operators.slashableOf(alice), SLOT, "still there");
    }

    function test_mostSlotsPerCall() public {
        bond(alice, 32 * SLOT);
        bond(alice, SLOT);
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(IOperators.TooManySlots.selector, 33, 32));
        operators.unbond(33);
        vm.prank(alice);
        operators.unbond(32);
        assertEq(operators.slotsOf(alice), 1, "the rest");
    }

    function test_slotIsReusedFromTheSecondItsStakeIsFree() public {
        bond(alice, SLOT);
        vm.prank(alice);
        operators.unbond(1);
        uint64 until = now_() + 1;
        vm.warp(uint256(until) * EPOCH + UNBONDING - 1);
        bond(bob, SLOT);
        assertEq(operators.slotCountAt(now_() + 1), 2, "a new slot");
        pass(1);
        bond(bob, SLOT);
        assertEq(operators.slotCountAt(now_() + 1), 2, "alice's");
    }

    function test_slashOfExactlyOneSlot() public {
        bond(alice, 2 * SLOT);
        operators.slash(alice, SLOT);
        assertEq(operators.slotsOf(alice), 1, "the other is still backed in full");
    }

    function test_slotIsReusedOnlyWhenNobodyCanReferToIt() public {
        bond(alice, SLOT);
        pass(EPOCH);
        uint64 aliceEpoch = now_();
        vm.prank(alice);
        operators.unbond(1);
        bond(bob, SLOT);
        assertEq(operators.slotCountAt(now_() + 1), 2, "a new slot: alice's is too fresh");
        pass(UNBONDING + EPOCH);
        bond(bob, SLOT);
        assertEq(operators.slotCountAt(now_() + 1), 2, "alice's slot is reused");
        assertEq(operators.assigned(0, now_() + 1), bob, "bob's from the next epoch");
        assertEq(operators.assigned(0, aliceEpoch), address(0), "an old request finds nobody, never bob");
    }

    function test_slashTakesBondedThenUnbonding() public {
        vm.deal(address(this), 0);
        bond(alice, 2 * SLOT);
        vm.prank(alice);
        operators.unbond(1);
        assertEq(operators.slash(alice, 0.4 ether), 0.4 ether, "taken");
        (uint256 bonded, uint256 unbonding,) = operators.stakeOf(alice);
        assertEq(bonded, 0.6 ether, "bonded first");
        assertEq(unbonding, SLOT, "unbonding untouched");
        assertEq(operators.slotsOf(alice), 0, "a slot that is not backed in full stops");
        assertEq(operators.slash(alice, 1 ether), 1 ether, "both");
        assertEq(operators.slashableOf(alice), 0.6 ether, "left");
        assertEq(operators.slash(alice, 1 ether), 0.6 ether, "no more than there is");
        assertEq(operators.slash(alice, 1 ether), 0, "nothing");
        assertEq(address(this).balance, 2 ether, "the relay got all");
    }

    function test_slashedSlotServesOutItsEpoch() public {
        bond(alice, SLOT);
        pass(EPOCH);
        operators.slash(alice, 0.1 ether);
        assertEq(operators.assigned(0, now_()), alice, "frozen");
        assertEq(operators.assigned(0, now_() + 1), address(0), "stops");
    }

    function test_topUpAfterASlash() public {
        bond(alice, 2 * SLOT);
        operators.slash(alice, 0.1 ether);
        operators.slash(alice, 0.1 ether);
        assertEq(operators.slotsOf(alice), 1, "one slot is still backed");
        bond(alice, 0.2 ether);
        assertEq(operators.slotsOf(alice), 2, "back");
        operators.slash(alice, 0.1 ether);
        vm.prank(alice);
        operators.unbond(0);
        (uint256 bonded, uint256 unbonding,) = operators.stakeOf(alice);
        assertEq(bonded, SLOT, "the slot's");
        assertEq(unbonding, 0.9 ether, "what was left of the lost one");
    }

    function test_onlyTheRelaySlashes() public {
        bond(alice, SLOT);
        vm.prank(bob);
        vm.expectRevert(abi.encodeWithSelector(IOperators.NotRelay.selector, bob));
        operators.slash(alice, 1);
    }

    function test_offersChangeFromTheNextEpoch() public {
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(IOperators.NoStake.selector, alice));
        operators.announce(ARTIFACT, address(0), 5, 60);
        bond(alice, SLOT);
        uint64 epoch = now_();
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(IOperators.NotDeclared.selector, alice));
        operators.announce(ARTIFACT, address(0), 5, 60);
        declare(alice);
        vm.prank(alice);
        operators.announce(ARTIFACT, address(0), 5, 60);
        expectOffer(epoch, 0, 0, false);
        expectOffer(epoch + 1, 5, 60, true);
        assertEq(operators.announcersAt(ARTIFACT, address(0), epoch), 0, "now");
        assertEq(operators.announcersAt(ARTIFACT, address(0), epoch + 1), 1, "next");
        pass(EPOCH);
        vm.prank(alice);
        operators.announce(ARTIFACT, address(0), 9, 70);
        expectOffer(epoch + 1, 5, 60, true);
        expectOffer(epoch + 2, 9, 70, true);
        assertEq(operators.announcers(ARTIFACT, address(0)), 1, "re-priced, counted once");
        vm.prank(alice);
        operators.retract(ARTIFACT, address(0));
        expectOffer(epoch + 1, 5, 60, true);
        expectOffer(epoch + 2, 0, 0, false);
        assertEq(operators.announcers(ARTIFACT, address(0)), 0, "retracted");
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(IOperators.NotAnnounced.selector, ARTIFACT, address(0)));
        operators.retract(ARTIFACT, address(0));
    }

    function expectOffer(uint64 epoch, uint128 price, uint32 minDeadline, bool active) private view {
        IOperators.Offer memory offer = operators.offerAt(alice, ARTIFACT, address(0), epoch);
        assertEq(uint256(offer.price), price, "price");
        assertEq(uint256(offer.minDeadline), minDeadline, "minDeadline");
        assertEq(offer.active, active, "active");
    }

    function testFuzz_offerKeepsItsFields(uint128 price, uint32 minDeadline) public {
        bond(alice, SLOT);
        declare(alice);
        vm.prank(alice);
        operators.announce(ARTIFACT, bob, price, minDeadline);
        IOperators.Offer memory offer = operators.offerOf(alice, ARTIFACT, bob);
        assertEq(uint256(offer.price), price, "price");
        assertEq(uint256(offer.minDeadline), minDeadline, "minDeadline");
        assertTrue(offer.active, "active");
    }

    function test_nothingIsNoRelease() public {
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(IOperators.NotDeclared.selector, alice));
        operators.declare(0, 2);
    }

    /// @notice Slots that somebody bonded and left do not stay in the draw once their stake is free.
    function test_trimsWhatWasLeft() public {
        bond(alice, SLOT);
        bond(bob, 32 * SLOT);
        bond(bob, 8 * SLOT);
        vm.prank(bob);
        operators.unbond(32);
        vm.prank(bob);
        operators.unbond(8);
        assertEq(operators.trim(), 0, "not while their stake can be slashed");
        pass(UNBONDING + EPOCH);
        uint64 epoch = now_();
        assertEq(operators.trim(), 32, "32 a call");
        vm.expectEmit(address(operators));
        emit IOperators.Trimmed(8);
        assertEq(operators.trim(), 8, "the rest");
        assertEq(operators.trim(), 0, "alice's stays");
        assertEq(operators.slotCountAt(epoch), 41, "this epoch's draws are as they were");
        assertEq(operators.slotCountAt(epoch + 1), 1, "the next's are alice's");
        assertEq(operators.assigned(123, epoch + 1), alice, "alice");
    }

    /// @notice Trimmed slots are passed over where freed ones are looked for, also when they are in use again.
    function test_bondAfterTrim() public {
        bond(alice, SLOT);
        bond(bob, 20 * SLOT);
        vm.prank(bob);
        operators.unbond(20);
        pass(UNBONDING + EPOCH);
        operators.trim();
        bond(bob, 3 * SLOT);
        bond(bob, 3 * SLOT);
        uint64 next = now_() + 1;
        assertEq(operators.slotCountAt(next), 7, "no slot twice");
        uint256 his;
        for (uint256 i; i < 7; ++i) {
            if (operators.assigned(i, next) == bob) ++his;
        }
        assertEq(his, 6, "bob's");
        assertEq(operators.assigned(0, next), alice, "alice's");
        assertEq(operators.assigned(3, next - 1), address(0), "older draws never find the new holder");
    }

    function test_declaredFromTheNextEpoch() public {
        uint64 epoch = now_();
        vm.prank(alice);
        operators.declare("one", 2);
        pass(EPOCH);
        vm.prank(alice);
        operators.declare("two", 1);
        assertEq(operators.profileAt(alice, epoch).releaseId, bytes32(0), "nothing yet");
        assertEq(operators.profileAt(alice, epoch + 1).releaseId, bytes32("one"), "one");
        assertEq(operators.profileAt(alice, epoch + 2).releaseId, bytes32("two"), "two");
        assertEq(uint256(operators.profileAt(alice, epoch + 2).assurance), 1, "assurance");
    }

    /// @notice Every slot is drawn by its residue, and only by it.
    function testFuzz_assigned(uint256 seed, uint8 aliceSlots, uint8 bobSlots) public {
        uint256 a = bound(aliceSlots, 1, 32);
        uint256 b = bound(bobSlots, 1, 32);
        bond(alice, a * SLOT);
        bond(bob, b * SLOT);
        address expected = seed % (a + b) < a ? alice : bob;
        assertEq(operators.assigned(seed, now_() + 1), expected, "holder");
    }
}
