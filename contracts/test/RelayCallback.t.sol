// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {RelayConsumer} from "../src/RelayConsumer.sol";
import {ILedger} from "../src/interfaces/ILedger.sol";
import {IRelay} from "../src/interfaces/IRelay.sol";
import {Vm} from "./utils/Vm.sol";
import {Probe} from "./utils/relay/Probe.sol";
import {RelayBase} from "./utils/relay/RelayBase.sol";

/// @notice What a consumer's callback can do to the relay: nothing.
contract RelayCallbackTest is RelayBase {
    /// @notice The operator is paid, the request is closed, and the event says that the callback failed.
    function misbehave(Probe.Mode mode) private returns (uint256 gasUsed) {
        Job memory job = ask();
        probe.misbehave(mode, "");
        uint256 held = relay.quote(job.request.params);
        bytes memory signature = sign(job);
        uint256 before = gasleft();
        relay.fulfil(job.request, job.receipt, signature, job.output);
        gasUsed = before - gasleft();
        assertEq(relay.commitmentOf(job.id), bytes32(0), "closed");
        assertGe(relay.balanceOf(alice, address(0)), FEE, "paid");
        uint256 credits = relay.balanceOf(alice, address(0)) + relay.balanceOf(address(probe), address(0));
        assertEq(credits, held, "nothing is lost");
    }

    function test_reverts() public {
        misbehave(Probe.Mode.Revert);
        assertEq(probe.answers(), 0, "not answered");
    }

    function test_burnsAllItsGas() public {
        uint256 used = misbehave(Probe.Mode.Burn);
        assertGt(used, 300_000, "its own gas");
        assertLt(used, 300_000 + 240_000, "and no more");
        assertEq(probe.answers(), 0, "not answered");
    }

    function test_returnsAMegabyte() public {
        IRelay.Params memory p = params();
        p.callbackGas = 5_000_000;
        Job memory job = ask(p);
        probe.misbehave(Probe.Mode.Megabyte, "");
        bytes memory signature = sign(job);
        uint256 before = gasleft();
        relay.fulfil(job.request, job.receipt, signature, job.output);
        // Growing memory to a megabyte costs 2.2 M in the callback; copying it would cost as much again.
        assertLt(before - gasleft(), 2_700_000, "not copied");
    }

    function test_callbackGetsItsGas() public {
        Job memory job = ask();
        fulfil(job);
        assertGt(probe.gasSeen(), 290_000, "all but the dispatch");
        assertLe(probe.gasSeen(), 300_000, "no more");
    }

    /// @notice With any gas limit: either the call reverts and the request stays open, or the callback has its gas.
    function testFuzz_neverStarved(uint256 gas) public {
        Job memory job = ask();
        bytes memory data = abi.encodeCall(relay.fulfil, (job.request, job.receipt, sign(job), job.output));
        (bool ok,) = address(relay).call{gas: bound(gas, 100_000, 900_000)}(data);
        if (ok) assertGe(probe.gasSeen(), 290_000, "its gas");
        else assertNotEq(relay.commitmentOf(job.id), bytes32(0), "open");
    }

    function test_shortOfGas() public {
        Job memory job = ask();
        bytes memory data = abi.encodeCall(relay.fulfil, (job.request, job.receipt, sign(job), job.output));
        (bool ok, bytes memory error) = address(relay).call{gas: 400_000}(data);
        assertFalse(ok, "refused");
        assertEq(bytes32(bytes4(error)), bytes32(IRelay.CallbackGasShort.selector), "error");
        assertNotEq(relay.commitmentOf(job.id), bytes32(0), "stays open");
        fulfil(job);
        assertEq(probe.answers(), 1, "answered with more");
    }

    /// @notice An account without code may ask; it is called like any other, and reads its answer in the receipt.
    function test_accountWithoutCode() public {
        address asker = makeAddr("asker");
        IRelay.Params memory p = params();
        Job memory job = ask(p);
        job.request.consumer = asker;
        job.request.nonce = relay.nextNonce();
        job.request.blockNumber = uint64(vm.getBlockNumber());
        job.request.timestamp = uint64(vm.getBlockTimestamp());
        uint256 value = relay.quote(p);
        hoax(asker, value);
        job.id = relay.request{value: value}(p, INPUT);
        mine(12);
        job.receipt = receiptFor(job);
        vm.recordLogs();
        fulfil(job);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        (,, bool callbackOk,,) = abi.decode(logs[logs.length - 1].data, (bytes32, uint8, bool, uint256, uint256));
        assertTrue(callbackOk, "a call without code succeeds");
        assertGt(relay.balanceOf(asker, address(0)), 0, "refund");
    }

    // Reentrancy

    function reenter(Job memory job, bytes memory data) private {
        probe.misbehave(Probe.Mode.CallRelay, data);
        uint256 before = probe.answers();
        fulfil(job);
        assertEq(probe.answers(), before + 1, "answered");
    }

    function test_reentersFulfil() public {
        Job memory job = ask();
        reenter(job, abi.encodeCall(relay.fulfil, (job.request, job.receipt, sign(job), job.output)));
        expectRefused();
    }

    function test_reentersFulfilOfAnother() public {
        Job memory other = ask();
        Job memory job = ask();
        reenter(job, abi.encodeCall(relay.fulfil, (other.request, other.receipt, sign(other), other.output)));
        expectRefused();
        assertNotEq(relay.commitmentOf(other.id), bytes32(0), "still open");
    }

    function test_reentersExpire() public {
        Job memory job = ask();
        reenter(job, abi.encodeCall(relay.expire, (job.request)));
        expectRefused();
    }

    function test_reentersDecline() public {
        Job memory job = ask();
        reenter(job, abi.encodeCall(relay.decline, (job.request)));
        expectRefused();
    }

    function expectRefused() private view {
        assertFalse(probe.callOk(), "refused");
        bytes memory error = abi.encodeWithSelector(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector);
        assertEq(probe.callResult(), error, "error");
    }

    function test_withdrawsInTheCallback() public {
        fulfil(ask());
        uint256 credit = relay.balanceOf(address(probe), address(0));
        Job memory job = ask();
        reenter(job, abi.encodeCall(relay.withdraw, (address(0), address(probe))));
        assertTrue(probe.callOk(), "allowed");
        assertEq(address(probe).balance, credit, "what it had before, once");
        assertGt(relay.balanceOf(address(probe), address(0)), 0, "this request's rest came after");
    }

    function test_asksAgainInTheCallback() public {
        Job memory job = ask();
        IRelay.Params memory p = params();
        vm.deal(address(probe), relay.quote(p));
        probe.setValue(relay.quote(p));
        reenter(job, abi.encodeCall(relay.request, (p, INPUT)));
        assertTrue(probe.callOk(), "allowed");
        bytes32 id = abi.decode(probe.callResult(), (bytes32));
        assertNotEq(relay.commitmentOf(id), bytes32(0), "open");
        assertEq(relay.coveredRequests(), 1, "one open");
    }

    function test_withdrawReentered() public {
        Greedy greedy = new Greedy(relay);
        IRelay.Params memory p = params();
        uint256 value = relay.quote(p);
        vm.deal(address(greedy), value);
        IRelay.Request memory request = greedy.ask(p, INPUT, value);
        ask(); // another's money
        vm.warp(p.deadline + 1);
        relay.expire(request);
        uint256 credit = relay.balanceOf(address(greedy), address(0));
        greedy.take();
        assertEq(address(greedy).balance, credit, "once");
        assertEq(greedy.failed(), 1, "the second was refused");
    }

    // The consumer's base

    function test_onlyTheRelayAnswers() public {
        vm.expectRevert(abi.encodeWithSelector(RelayConsumer.NotRelay.selector, address(this)));
        probe.onAnswer(0, 0, "");
        vm.prank(address(relay));
        vm.expectRevert(abi.encodeWithSelector(RelayConsumer.NotAsked.selector, bytes32(0)));
        probe.onAnswer(0, 0, "");
    }

    function test_consumerIsAnsweredOnce() public {
        Job memory job = ask();
        fulfil(job);
        vm.prank(address(relay));
        vm.expectRevert(abi.encodeWithSelector(RelayConsumer.NotAsked.selector, job.id));
        probe.onAnswer(job.id, 0, "");
    }

    function test_withdrawRefusesNothingAndBadReceivers() public {
        vm.expectRevert(abi.encodeWithSelector(ILedger.NothingToWithdraw.selector, address(this), address(0)));
        relay.withdraw(address(0), address(this));
        fulfil(ask());
        uint256 credit = relay.balanceOf(alice, address(0));
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(ILedger.TransferFailed.selector, address(token), credit));
        relay.withdraw(address(0), address(token));
        assertEq(relay.balanceOf(alice, address(0)), credit, "still there");
        address[2] memory nobody = [address(0), address(relay)];
        for (uint256 i; i < 2; ++i) {
            vm.prank(alice);
            vm.expectRevert(abi.encodeWithSelector(ILedger.TransferFailed.selector, nobody[i], credit));
            relay.withdraw(address(0), nobody[i]);
        }
        vm.prank(alice);
        relay.withdraw(address(0), makeAddr("wallet"));
        assertEq(makeAddr("wallet").balance, credit, "elsewhere");
    }
}

/// @notice Withdraws again while it is being paid.
contract Greedy {
    IRelay private immutable _relay;
    uint256 public failed;

    constructor(IRelay relay) {
        _relay = relay;
    }

    receive() external payable {
        try _relay.withdraw(address(0), address(this)) {}
        catch {
            ++failed;
        }
    }

    function ask(IRelay.Params calldata p, bytes calldata input, uint256 value)
        external
        returns (IRelay.Request memory)
    {
        uint64 nonce = _relay.nextNonce();
        _relay.request{value: value}(p, input);
        return IRelay.Request(address(this), nonce, uint64(block.number), uint64(block.timestamp), keccak256(input), p);
    }

    function take() external {
        _relay.withdraw(address(0), address(this));
    }
}
