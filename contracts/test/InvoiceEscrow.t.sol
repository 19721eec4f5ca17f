// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {InvoiceEscrow} from "../src/examples/InvoiceEscrow.sol";
import {IRelay} from "../src/interfaces/IRelay.sol";
import {RelayBase} from "./utils/relay/RelayBase.sol";

/// @notice A party that takes no coin.
contract Refuser {
    function release(InvoiceEscrow escrow) external {
        escrow.release();
    }

    function withdraw(InvoiceEscrow escrow, address to) external {
        escrow.withdraw(to);
    }
}

/// @notice The escrow, asked and answered through the real relay: who gets the money, when, and that it is never lost
/// or given out twice.
contract InvoiceEscrowTest is RelayBase {
    uint256 private constant LOCKED = 3 ether;
    uint64 private constant PRICE = 123_450;
    uint16 private constant EUR = 978;
    bytes32 private constant PICTURE = keccak256("picture");

    address private buyer = makeAddr("buyer");
    address private seller = makeAddr("seller");
    address private purse = makeAddr("purse");
    InvoiceEscrow private escrow;

    function setUp() public override {
        super.setUp();
        escrow = deploy(terms(), template());
    }

    function terms() private view returns (InvoiceEscrow.Terms memory) {
        return InvoiceEscrow.Terms(seller, EUR, PRICE, 800, uint64(vm.getBlockTimestamp()) + 4 hours);
    }

    function template() private view returns (IRelay.Params memory p) {
        p = params();
        (p.deadline, p.maxGasPrice) = (600, 0);
    }

    function deploy(InvoiceEscrow.Terms memory t, IRelay.Params memory p) private returns (InvoiceEscrow) {
        hoax(buyer, LOCKED);
        return new InvoiceEscrow{value: LOCKED}(relay, t, p);
    }

    /// @dev The seller shows a picture; the answer is ready to send, signed by alice's enclave.
    function show(bytes memory output) private returns (Job memory job) {
        uint256 value = escrow.fee(GAS_PRICE);
        uint64 nonce = relay.nextNonce();
        hoax(seller, value);
        job.id = escrow.show{value: value}(PICTURE, SOURCE, GAS_PRICE);
        IRelay.Params memory p = params();
        job.request = IRelay.Request(
            address(escrow), nonce, uint64(vm.getBlockNumber()), uint64(vm.getBlockTimestamp()), PICTURE, p
        );
        mine(12);
        (job.signer, job.output) = (aliceKey, output);
        job.receipt = receiptFor(job);
    }

    function total(uint64 amount, uint64 currency, uint64 confidence) private pure returns (bytes memory) {
        return bytes.concat(hex"01070103000000", littleEndian(amount), littleEndian(currency), littleEndian(confidence));
    }

    function littleEndian(uint64 value) private pure returns (bytes memory data) {
        data = new bytes(8);
        for (uint256 i; i < 8; ++i) {
            data[i] = bytes1(uint8(value >> (8 * i)));
        }
    }

    function withdrawAs(address party) private {
        vm.prank(party);
        escrow.withdraw(purse);
    }

    function refuseWithdrawal(address party) private {
        vm.prank(party);
        vm.expectRevert(abi.encodeWithSelector(InvoiceEscrow.NothingFor.selector, party));
        escrow.withdraw(purse);
    }

    function test_anInvoiceThatCoversThePriceReleases() public {
        Job memory job = show(total(PRICE, EUR, 800));
        vm.expectEmit(address(escrow));
        emit InvoiceEscrow.Read(job.id, int64(PRICE), int64(uint64(EUR)), 800, true);
        fulfil(job);
        assertTrue(escrow.released(), "released");
        assertEq(address(escrow).balance, LOCKED, "the callback moves nothing");
        refuseWithdrawal(buyer);
        withdrawAs(seller);
        assertEq(purse.balance, LOCKED, "paid");
        refuseWithdrawal(seller);
        vm.warp(escrow.REFUND_AT());
        refuseWithdrawal(buyer);
    }

    function test_oneCentLessAnotherCurrencyOrLessConfidenceDoNot() public {
        fulfil(show(total(PRICE - 1, EUR, 1000)));
        fulfil(show(total(PRICE, 840, 1000)));
        fulfil(show(total(PRICE, EUR, 799)));
        fulfil(show(total(type(uint64).max, EUR, 1000)));
        assertFalse(escrow.released(), "released");
        refuseWithdrawal(seller);
        fulfil(show(total(PRICE + 1, EUR, 801)));
        assertTrue(escrow.released(), "a better picture");
    }

    function test_aRefusedPictureIsSaid() public {
        Job memory job = fail(show(""), 1, "low-confidence: two readings of the total differ");
        vm.expectEmit(address(escrow));
        emit InvoiceEscrow.Refused(job.id, 1, "low-confidence: two readings of the total differ");
        fulfil(job);
        assertFalse(escrow.released(), "released");
    }

    function test_anAnswerThatIsNoTotalChangesNothing() public {
        fulfil(show(hex"01010100000000" hex"0000803f"));
        fulfil(show(bytes.concat(hex"01070101000000", littleEndian(PRICE))));
        fulfil(show(""));
        assertFalse(escrow.released(), "released");
    }

    function test_theBuyerGetsItBackAfterTheDeadline() public {
        vm.warp(escrow.REFUND_AT() - 1);
        refuseWithdrawal(buyer);
        vm.warp(escrow.REFUND_AT());
        refuseWithdrawal(seller);
        withdrawAs(buyer);
        assertEq(purse.balance, LOCKED, "back");
        refuseWithdrawal(buyer);
        bytes memory tooLate = abi.encodeWithSelector(InvoiceEscrow.TooLate.selector, escrow.REFUND_AT());
        vm.prank(buyer);
        vm.expectRevert(tooLate);
        escrow.release();
    }

    /// @notice A question of the last second is answered in its last second, and the money still there.
    function test_whatWasAskedInTimeIsAnsweredInTime() public {
        vm.warp(escrow.DEADLINE());
        Job memory job = show(total(PRICE, EUR, 1000));
        vm.warp(job.request.params.deadline);
        refuseWithdrawal(buyer);
        fulfil(job);
        withdrawAs(seller);
        assertEq(purse.balance, LOCKED, "paid");
    }

    function test_afterTheDeadlineNothingIsShown() public {
        uint64 deadline = escrow.DEADLINE();
        uint256 value = escrow.fee(GAS_PRICE);
        vm.warp(deadline + 1);
        hoax(seller, value);
        vm.expectRevert(abi.encodeWithSelector(InvoiceEscrow.TooLate.selector, deadline));
        escrow.show{value: value}(PICTURE, SOURCE, GAS_PRICE);
    }

    function test_theBuyerMayRelease() public {
        vm.expectRevert(abi.encodeWithSelector(InvoiceEscrow.NotTheBuyer.selector, address(this)));
        escrow.release();
        vm.prank(buyer);
        escrow.release();
        withdrawAs(seller);
        assertEq(purse.balance, LOCKED, "paid");
        bytes memory tooLate = abi.encodeWithSelector(InvoiceEscrow.TooLate.selector, escrow.DEADLINE());
        hoax(seller, 1 ether);
        vm.expectRevert(tooLate);
        escrow.show{value: 1 ether}(PICTURE, SOURCE, GAS_PRICE);
    }

    function test_onlyTheSellerShowsAndTakesTheRefunds() public {
        vm.expectRevert(abi.encodeWithSelector(InvoiceEscrow.NotTheSeller.selector, address(this)));
        escrow.show(PICTURE, SOURCE, GAS_PRICE);
        fulfil(show(total(PRICE, EUR, 1000)));
        vm.expectRevert(abi.encodeWithSelector(InvoiceEscrow.NotTheSeller.selector, address(this)));
        escrow.withdrawFees(purse);
        uint256 credit = relay.balanceOf(address(escrow), address(0));
        assertGt(credit, 0, "the unused deposit");
        vm.prank(seller);
        escrow.withdrawFees(purse);
        assertEq(purse.balance, credit, "refund");
        assertEq(address(escrow).balance, LOCKED, "the money of the deal is apart");
    }

    function test_aPartyThatTakesNoCoinNamesAnother() public {
        Refuser refuser = new Refuser();
        InvoiceEscrow.Terms memory t = terms();
        t.seller = address(refuser);
        escrow = deploy(t, template());
        vm.prank(buyer);
        escrow.release();
        vm.expectRevert(abi.encodeWithSelector(InvoiceEscrow.PaymentFailed.selector, address(refuser)));
        refuser.withdraw(escrow, address(refuser));
        vm.expectRevert(abi.encodeWithSelector(InvoiceEscrow.PaymentFailed.selector, address(0)));
        refuser.withdraw(escrow, address(0));
        refuser.withdraw(escrow, purse);
        assertEq(purse.balance, LOCKED, "paid");
    }

    function test_termsThatCannotBe() public {
        InvoiceEscrow.Terms[4] memory bad = [terms(), terms(), terms(), terms()];
        bad[0].seller = address(0);
        bad[1].price = 0;
        bad[2].price = 1 << 63;
        bad[3].deadline = uint64(vm.getBlockTimestamp());
        for (uint256 i; i < bad.length; ++i) {
            vm.deal(address(this), LOCKED);
            vm.expectRevert(InvoiceEscrow.InvalidTerms.selector);
            new InvoiceEscrow{value: LOCKED}(relay, bad[i], template());
        }
        IRelay.Params memory p = template();
        p.feeToken = address(token);
        vm.expectRevert(InvoiceEscrow.InvalidTerms.selector);
        new InvoiceEscrow{value: LOCKED}(relay, terms(), p);
        vm.expectRevert(InvoiceEscrow.InvalidTerms.selector);
        new InvoiceEscrow(relay, terms(), template());
    }

    /// @notice Whatever is read, and whoever tries whatever in whichever order, the money goes once and whole to the
    /// seller if an invoice covered the price, and otherwise to the buyer, who waits for it.
    function testFuzz_theMoneyGoesOnce(uint64 amount, uint64 currency, uint64 confidence, uint256 steps) public {
        amount = uint64(bound(amount, PRICE - 2, PRICE + 2));
        currency = uint64(bound(currency, EUR - 1, EUR + 1));
        confidence = uint64(bound(confidence, 798, 802));
        bool covers = amount >= PRICE && currency == EUR && confidence >= 800;
        fulfil(show(total(amount, currency, confidence)));
        assertEq(escrow.released(), covers, "released");
        for (uint256 i; i < 12; ++i) {
            address party = (steps >> (2 * i)) & 1 == 0 ? seller : buyer;
            if ((steps >> (2 * i + 1)) & 1 == 1) mine(1 hours);
            bool due = !escrow.paid() && party == escrow.owner();
            if (due) withdrawAs(party);
            else refuseWithdrawal(party);
            assertTrue(!due || (party == seller) == covers, "to whom");
            assertEq(purse.balance + address(escrow).balance, LOCKED, "whole");
        }
        mine(1 days);
        if (!escrow.paid()) withdrawAs(covers ? seller : buyer);
        assertEq(purse.balance, LOCKED, "never lost");
    }
}
