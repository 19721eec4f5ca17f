// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {Balances} from "../src/Balances.sol";
import {IBalances} from "../src/interfaces/IBalances.sol";
import {IEnclaveRegistry} from "../src/interfaces/IEnclaveRegistry.sol";
import {ILedger} from "../src/interfaces/ILedger.sol";
import {BalancesBase} from "./utils/balances/BalancesBase.sol";
import {GenerousToken, HookedToken, ITokenHook, TaxedToken} from "./utils/relay/Tokens.sol";

/// @notice Reservations and batches: what is paid, and what is refused, one cause a test.
contract BalancesTest is BalancesBase, ITokenHook {
    bytes private onTransfer;
    bool private hookOk;
    bytes private hookError;

    // Reserving

    function test_reserves() public {
        vm.expectEmit(true, true, true, true, address(balances));
        emit IBalances.Reserved(id(), payer, operator, terms, 1 ether, expiry);
        bytes32 reserved = reserve(1 ether);
        assertEq(reserved, id(), "id");
        assertEq(balances.idOf(terms), id(), "idOf");
        assertEq(balances.reservationOf(id()).amount, 1 ether, "amount");
        assertEq(balances.reservationOf(id()).expiresAt, expiry, "expiry");
    }

    function test_addsAndExtends() public {
        reserve(1 ether);
        settle(batchOf(5, 9, 0.25 ether));
        expiry += 1 days;
        reserve(2 ether);
        assertEq(balances.reservationOf(id()).amount, 2.75 ether, "amount");
        assertEq(balances.reservationOf(id()).expiresAt, expiry, "expiry");
        assertEq(balances.reservationOf(id()).nextIndex, 10, "what was settled stays settled");
    }

    function test_refusesToShortenATerm() public {
        reserve(1 ether);
        vm.prank(payer);
        vm.expectRevert(
            abi.encodeWithSelector(
                IBalances.ExpiryOutOfRange.selector, expiry - 1, expiry, vm.getBlockTimestamp() + 366 days
            )
        );
        balances.reserve(terms, 0, expiry - 1);
    }

    function test_refusesATermInThePastOrTooLong() public {
        uint256 now_ = vm.getBlockTimestamp();
        uint64[2] memory wrong = [uint64(now_), uint64(now_ + 366 days + 1)];
        for (uint256 i; i < 2; ++i) {
            vm.prank(payer);
            vm.expectRevert(
                abi.encodeWithSelector(IBalances.ExpiryOutOfRange.selector, wrong[i], now_ + 1, now_ + 366 days)
            );
            balances.reserve(terms, 0, wrong[i]);
        }
    }

    function test_refusesOthersThanThePayer() public {
        hoax(operator, 1 ether);
        vm.expectRevert(abi.encodeWithSelector(IBalances.NotPayer.selector, operator, payer));
        balances.reserve{value: 1 ether}(terms, 1 ether, expiry);
    }

    function test_refusesUnusableTerms() public {
        IBalances.Terms memory good = terms;
        terms.signer = address(0);
        _refuses("signer");
        (terms = good).operator = address(0);
        _refuses("operator");
        (terms = good).assurance = 0;
        _refuses("assurance");
        (terms = good).assurance = 3;
        _refuses("assurance");
    }

    function test_refusesAnotherPayment() public {
        hoax(payer, 2 ether);
        vm.expectRevert(abi.encodeWithSelector(IBalances.WrongPayment.selector, 2 ether, 1 ether));
        balances.reserve{value: 2 ether}(terms, 1 ether, expiry);
        terms.token = address(new TaxedToken());
        hoax(payer, 1 ether);
        vm.expectRevert(abi.encodeWithSelector(IBalances.WrongPayment.selector, 1 ether, 0));
        balances.reserve{value: 1 ether}(terms, 1 ether, expiry);
    }

    function test_refusesTokensThatDeliverMoreOrLess() public {
        TaxedToken taxed = new TaxedToken();
        taxed.mint(payer, 100);
        _reserveToken(address(taxed), abi.encodeWithSelector(ILedger.TokenShortfall.selector, address(taxed), 99, 100));
        GenerousToken generous = new GenerousToken();
        generous.mint(payer, 100);
        _reserveToken(
            address(generous), abi.encodeWithSelector(ILedger.TokenShortfall.selector, address(generous), 101, 100)
        );
    }

    /// @dev In the hook of a token the payer settles what the token has not delivered.
    function test_nothingIsSettledOrReleasedInsideATokensHook() public {
        HookedToken token = new HookedToken();
        payer = address(this);
        (terms.payer, terms.token) = (payer, address(token));
        token.mint(payer, 100);
        token.approve(address(balances), 100);
        IBalances.Batch memory batch = batchOf(0, 0, 100);
        onTransfer = abi.encodeCall(balances.settle, (terms, batch, sign(batch)));
        balances.reserve(terms, 50, expiry);
        assertFalse(hookOk, "settled");
        assertEq(hookError, abi.encodeWithSelector(ILedger.TokenReentered.selector, address(token)), "why");
        vm.warp(expiry + 1);
        expiry += 2 days;
        onTransfer = abi.encodeCall(balances.release, (terms));
        balances.reserve(terms, 50, expiry);
        assertFalse(hookOk, "released");
        assertEq(hookError, abi.encodeWithSelector(ILedger.TokenReentered.selector, address(token)), "why");
        assertEq(token.balanceOf(address(balances)), 100, "held");
        assertEq(balances.reservationOf(id()).amount, 100, "reserved");
    }

    function beforeTransfer() external {
        (hookOk, hookError) = address(balances).call(onTransfer);
    }

    // Settling

    function test_settles() public {
        reserve(1 ether);
        IBalances.Batch memory batch = batchOf(3, 66, 0.64 ether);
        bytes memory signed = sign(batch);
        vm.expectEmit(true, true, true, true, address(balances));
        emit IBalances.Settled(id(), operator, batch.root, receiptKey, 3, 66, 64, 0.64 ether, 0.64 ether);
        balances.settle(terms, batch, signed);
        assertEq(balances.balanceOf(operator, address(0)), 0.64 ether, "operator");
        assertEq(balances.reservationOf(id()).amount, 0.36 ether, "left");
        assertEq(balances.reservationOf(id()).nextIndex, 67, "next");
        assertEq(balances.settledAt(id(), batch.root), vm.getBlockTimestamp(), "time");
    }

    function test_paysNoMoreThanIsReserved() public {
        reserve(1 ether);
        settle(batchOf(0, 9, 5 ether));
        assertEq(balances.balanceOf(operator, address(0)), 1 ether, "operator");
        assertEq(balances.reservationOf(id()).amount, 0, "left");
    }

    /// @dev Nothing is consumed then: when a reservation comes back, the batch is paid.
    function test_refusesToSettleForNothing() public {
        IBalances.Batch memory batch = batchOf(0, 9, 1 ether);
        bytes memory signed = sign(batch);
        vm.expectRevert(abi.encodeWithSelector(IBalances.NothingReserved.selector, id()));
        balances.settle(terms, batch, signed);
        reserve(1 ether);
        balances.settle(terms, batch, signed);
        assertEq(balances.balanceOf(operator, address(0)), 1 ether, "operator");
    }

    function test_anIndexIsPaidOnce() public {
        reserve(1 ether);
        IBalances.Batch memory batch = batchOf(0, 9, 0.1 ether);
        settle(batch);
        for (uint64 first = 0; first < 10; ++first) {
            batch = batchOf(first, 20, 0.1 ether);
            bytes memory signed = sign(batch);
            vm.expectRevert(abi.encodeWithSelector(IBalances.AlreadySettled.selector, id(), first, 10));
            balances.settle(terms, batch, signed);
        }
        settle(batchOf(10, 20, 0.1 ether));
        assertEq(balances.balanceOf(operator, address(0)), 0.2 ether, "operator");
    }

    function test_anIndexIsPaidOnceEvenAfterTheSameTermsAreUsedAgain() public {
        reserve(1 ether);
        IBalances.Batch memory batch = batchOf(0, 9, 0.1 ether);
        settle(batch);
        vm.warp(expiry + 1);
        balances.release(terms);
        expiry += 2 days;
        reserve(1 ether);
        bytes memory signed = sign(batch);
        vm.expectRevert(abi.encodeWithSelector(IBalances.AlreadySettled.selector, id(), 0, 10));
        balances.settle(terms, batch, signed);
    }

    function test_refusesABatchOfAnotherReservation() public {
        reserve(1 ether);
        IBalances.Batch memory batch = batchOf(0, 9, 0.1 ether);
        bytes memory signed = sign(batch);
        bytes32 other = id();
        terms.salt = 1;
        reserve(1 ether);
        vm.expectRevert(abi.encodeWithSelector(IBalances.WrongReservation.selector, id(), other));
        balances.settle(terms, batch, signed);
    }

    function test_refusesAnotherVersion() public {
        reserve(1 ether);
        IBalances.Batch memory batch = batchOf(0, 9, 0.1 ether);
        batch.version = 2;
        bytes memory signed = sign(batch);
        vm.expectRevert(abi.encodeWithSelector(IBalances.UnsupportedBatch.selector, 2));
        balances.settle(terms, batch, signed);
    }

    function test_refusesMalformedBatches() public {
        reserve(1 ether);
        _refusesBatch(5, 4, 1);
        _refusesBatch(5, 9, 0);
        _refusesBatch(5, 9, 6);
    }

    /// @dev Every field is signed: a changed one is another signer, or none.
    function test_refusesEachTamperedField() public {
        reserve(1 ether);
        IBalances.Batch memory batch = batchOf(0, 9, 0.1 ether);
        bytes memory signed = sign(batch);
        bytes memory words = abi.encode(batch);
        for (uint256 i; i < 9; ++i) {
            words[32 * i + 31] ^= 0x01;
            try balances.settle(terms, abi.decode(words, (IBalances.Batch)), signed) {
                fail("a tampered batch is settled");
            } catch {}
            words[32 * i + 31] ^= 0x01;
        }
        balances.settle(terms, batch, signed);
    }

    function test_refusesASignatureOfAnotherKey() public {
        reserve(1 ether);
        (address other, uint256 otherKey) = makeKey("another enclave");
        IBalances.Batch memory batch = batchOf(0, 9, 0.1 ether);
        bytes memory signed = signBatch(batch, otherKey);
        vm.expectRevert(
            abi.encodeWithSelector(IEnclaveRegistry.UnknownKey.selector, other, releaseId, batch.configHash)
        );
        balances.settle(terms, batch, signed);
    }

    function test_refusesTheOtherS() public {
        reserve(1 ether);
        IBalances.Batch memory batch = batchOf(0, 9, 0.1 ether);
        (bytes32 r, bytes32 s, uint8 v) = _split(sign(batch));
        bytes32 high = bytes32(0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141 - uint256(s));
        vm.expectRevert(abi.encodeWithSelector(ECDSA.ECDSAInvalidSignatureS.selector, high));
        balances.settle(terms, batch, abi.encodePacked(r, high, v == 27 ? uint8(28) : uint8(27)));
    }

    function test_refusesARevokedKey() public {
        reserve(1 ether);
        vm.prank(operator);
        registry.revokeKey(receiptKey, releaseId, configHash());
        _refusesSettling(abi.encodeWithSelector(IEnclaveRegistry.RevokedKey.selector, receiptKey));
    }

    function test_refusesAnExpiredKey() public {
        reserve(1 ether);
        uint40 expiresAt = registry.keyOf(receiptKey, releaseId, configHash()).expiresAt;
        vm.warp(expiresAt);
        _refusesSettling(abi.encodeWithSelector(IEnclaveRegistry.ExpiredKey.selector, receiptKey, expiresAt));
    }

    function test_refusesARevokedRelease() public {
        reserve(1 ether);
        vm.prank(publisher);
        releases.revoke(releaseId);
        _refusesSettling(abi.encodeWithSelector(IEnclaveRegistry.ReceiptReleaseRevoked.selector, releaseId));
    }

    function test_refusesAReleaseThatThePayerDidNotName() public {
        terms.releaseId = keccak256("another release");
        reserve(1 ether);
        IBalances.Batch memory batch = batchOf(0, 9, 0.1 ether);
        batch.releaseId = releaseId;
        bytes memory signed = sign(batch);
        vm.expectRevert(abi.encodeWithSelector(IBalances.WrongRelease.selector, terms.releaseId, releaseId));
        balances.settle(terms, batch, signed);
    }

    function test_refusesAnotherOperatorsEnclave() public {
        address other = makeAddr("another operator");
        terms.operator = other;
        reserve(1 ether);
        _refusesSettling(abi.encodeWithSelector(IBalances.WrongOperator.selector, other, operator));
    }

    /// @dev Simulated evidence never pays where a TEE was asked for.
    function test_refusesALowerAssurance() public {
        terms.assurance = 2;
        reserve(1 ether);
        _refusesSettling(abi.encodeWithSelector(IBalances.WrongAssurance.selector, 2, 1));
    }

    // What is left

    function test_releasesAfterTheExpiryOnly() public {
        reserve(1 ether);
        settle(batchOf(0, 9, 0.1 ether));
        vm.warp(expiry);
        vm.expectRevert(abi.encodeWithSelector(IBalances.NotExpired.selector, id(), expiry));
        balances.release(terms);
        vm.warp(expiry + 1);
        vm.expectEmit(true, true, true, true, address(balances));
        emit IBalances.Released(id(), payer, 0.9 ether);
        balances.release(terms);
        assertEq(balances.balanceOf(payer, address(0)), 0.9 ether, "payer");
        vm.expectRevert(abi.encodeWithSelector(IBalances.NothingReserved.selector, id()));
        balances.release(terms);
    }

    // Proofs

    function test_provesAReceiptOfASettledBatch() public {
        reserve(1 ether);
        bytes32[3] memory leaves;
        for (uint64 i; i < 3; ++i) {
            leaves[i] = keccak256(bytes.concat(keccak256(abi.encode(keccak256(abi.encode(i)), i, 7))));
            assertEq(balances.leafOf(keccak256(abi.encode(i)), i, 7), leaves[i], "leaf");
        }
        bytes32 pair = _pair(leaves[0], leaves[1]);
        IBalances.Batch memory batch = batchOf(0, 2, 21);
        batch.root = _pair(pair, leaves[2]);
        bytes32[] memory proof = new bytes32[](2);
        (proof[0], proof[1]) = (leaves[1], leaves[2]);
        bytes32 receipt = keccak256(abi.encode(uint64(0)));
        assertFalse(balances.isSettled(id(), batch.root, receipt, 0, 7, proof), "before it is settled");
        settle(batch);
        assertTrue(balances.isSettled(id(), batch.root, receipt, 0, 7, proof), "the receipt");
        assertFalse(balances.isSettled(id(), batch.root, receipt, 1, 7, proof), "another index");
        assertFalse(balances.isSettled(id(), batch.root, receipt, 0, 8, proof), "another price");
        assertFalse(balances.isSettled(id(), batch.root, keccak256("x"), 0, 7, proof), "another receipt");
        assertFalse(balances.isSettled(id(), pair, receipt, 0, 7, new bytes32[](0)), "another root");
        assertFalse(balances.isSettled(keccak256("x"), batch.root, receipt, 0, 7, proof), "another reservation");
    }

    // Any amounts

    function testFuzz_nothingIsLost(uint128 reserved, uint256[4] calldata totals) public {
        reserve(reserved);
        uint256 paid;
        for (uint64 i; i < 4; ++i) {
            IBalances.Batch memory batch = batchOf(10 * i, 10 * i + 9, totals[i]);
            bytes memory signed = sign(batch);
            bool empty = balances.reservationOf(id()).amount == 0;
            if (empty) vm.expectRevert(abi.encodeWithSelector(IBalances.NothingReserved.selector, id()));
            balances.settle(terms, batch, signed);
            uint256 now_ = balances.balanceOf(operator, address(0));
            assertLe(now_ - paid, totals[i], "more than the batch");
            paid = now_;
            assertEq(paid + balances.reservationOf(id()).amount, reserved, "sum");
        }
        vm.warp(expiry + 1);
        if (balances.reservationOf(id()).amount > 0) balances.release(terms);
        assertEq(paid + balances.balanceOf(payer, address(0)), reserved, "all of it is somebody's");
        if (paid > 0) {
            vm.prank(operator);
            balances.withdraw(address(0), operator);
        }
        if (paid < reserved) {
            vm.prank(payer);
            balances.withdraw(address(0), payer);
        }
        assertEq(address(balances).balance, 0, "nothing stays");
        assertEq(payer.balance + operator.balance, reserved, "paid out");
    }

    function _refuses(string memory name) private {
        hoax(payer, 1 ether);
        vm.expectRevert(abi.encodeWithSelector(IBalances.InvalidTerms.selector, name));
        balances.reserve{value: 1 ether}(terms, 1 ether, expiry);
    }

    function _refusesBatch(uint64 first, uint64 last, uint32 count) private {
        IBalances.Batch memory batch = batchOf(0, 9, 0.1 ether);
        (batch.first, batch.last, batch.count) = (first, last, count);
        bytes memory signed = sign(batch);
        vm.expectRevert(abi.encodeWithSelector(IBalances.MalformedBatch.selector, first, last, count));
        balances.settle(terms, batch, signed);
    }

    function _refusesSettling(bytes memory error) private {
        IBalances.Batch memory batch = batchOf(0, 9, 0.1 ether);
        bytes memory signed = sign(batch);
        vm.expectRevert(error);
        balances.settle(terms, batch, signed);
    }

    function _reserveToken(address token, bytes memory error) private {
        terms.token = token;
        vm.prank(payer);
        TaxedToken(token).approve(address(balances), 100);
        vm.prank(payer);
        vm.expectRevert(error);
        balances.reserve(terms, 100, expiry);
    }

    function _pair(bytes32 a, bytes32 b) private pure returns (bytes32) {
        return a < b ? keccak256(bytes.concat(a, b)) : keccak256(bytes.concat(b, a));
    }

    function _split(bytes memory signed) private pure returns (bytes32 r, bytes32 s, uint8 v) {
        assembly ("memory-safe") {
            r := mload(add(signed, 0x20))
            s := mload(add(signed, 0x40))
            v := byte(0, mload(add(signed, 0x60)))
        }
    }
}
