// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IRelay} from "../src/interfaces/IRelay.sol";
import {Probe} from "./utils/relay/Probe.sol";
import {RelayBase} from "./utils/relay/RelayBase.sol";

/// @notice What the operator gets back for gas, against what the transaction costs: intrinsic gas and calldata as
/// its bytes are billed, execution with cold storage, less the refund for the cleared commitment.
abstract contract RelayMetering is RelayBase {
    uint256 private constant INTRINSIC = 21_000;
    uint256 private constant CLEARED = 4_800;

    /// @notice Never a profit, and at most a twentieth is not covered.
    function test_metersAnAnswer() public {
        Job memory job = ask();
        check(job, abi.encodeCall(relay.fulfil, (job.request, job.receipt, sign(job), job.output)));
    }

    function test_metersAnError() public {
        Job memory job = fail(ask(), 2, "limit-exceeded: output");
        check(job, abi.encodeCall(relay.fulfil, (job.request, job.receipt, sign(job), job.output)));
    }

    function test_metersATokenFee() public {
        Job memory job = ask(tokenParams());
        check(job, abi.encodeCall(relay.fulfil, (job.request, job.receipt, sign(job), job.output)));
    }

    function test_metersAPolicyOfEight() public {
        IRelay.Params memory p = params();
        p.releases = new bytes32[](8);
        for (uint256 i; i < 8; ++i) {
            p.releases[i] = i == 7 ? releaseId : keccak256(abi.encode(i));
        }
        Job memory job = ask(p);
        check(job, abi.encodeCall(relay.fulfil, (job.request, job.receipt, sign(job), job.output)));
    }

    function test_metersLongOutput() public {
        IRelay.Params memory p = params();
        (p.maxOutput, p.callbackGas) = (4096, 5_000_000);
        Job memory job = ask(p);
        job.output = new bytes(4096);
        for (uint256 i; i < 4096; ++i) {
            job.output[i] = 0x5a;
        }
        job.receipt.outputHash = keccak256(job.output);
        check(job, abi.encodeCall(relay.fulfil, (job.request, job.receipt, sign(job), job.output)));
    }

    function test_paddedCalldataIsNotPaid() public {
        Job memory job = ask();
        bytes memory data = abi.encodeCall(relay.fulfil, (job.request, job.receipt, sign(job), job.output));
        uint256 id = vm.snapshotState();
        uint256 plain = paidFor(job, data);
        vm.revertToState(id);
        uint256 padded = paidFor(job, bytes.concat(data, new bytes(20_000)));
        assertLe(padded, plain + 100 gwei, "padding earns nothing");
    }

    function test_capOfGasPrice() public {
        vm.txGasPrice(1000 gwei);
        Job memory job = ask();
        uint256 gas = paidFor(job, abi.encodeCall(relay.fulfil, (job.request, job.receipt, sign(job), job.output)));
        assertLe(gas, 400_000 * uint256(GAS_PRICE), "priced at the cap");
        assertGt(gas, 100_000 * uint256(GAS_PRICE), "priced at the cap");
    }

    function test_depositIsTheLimit() public {
        probe.misbehave(Probe.Mode.Burn, "");
        vm.txGasPrice(GAS_PRICE);
        Job memory job = ask();
        uint256 deposit = relay.quote(job.request.params) - FEE;
        uint256 paid = paidFor(job, abi.encodeCall(relay.fulfil, (job.request, job.receipt, sign(job), job.output)));
        assertLe(paid, deposit, "within the deposit");
        assertGt(paid, 300_000 * uint256(GAS_PRICE), "the burnt callback gas is covered");
    }

    function check(Job memory job, bytes memory data) private {
        uint256 before = relay.balanceOf(alice, address(0));
        uint256 cost = INTRINSIC + calldataGas(data) + executionGas(data) - CLEARED;
        uint256 price = job.receipt.status == 0 ? FEE : FEE / 10;
        if (job.request.params.feeToken != address(0)) price = 0;
        uint256 paid = (relay.balanceOf(alice, address(0)) - before - price) / 1 gwei;
        assertLe(paid, cost, "no profit");
        assertGe(paid, cost * 95 / 100, "little is not covered");
    }

    function paidFor(Job memory job, bytes memory data) private returns (uint256) {
        uint256 before = relay.balanceOf(alice, address(0));
        executionGas(data);
        assertEq(relay.commitmentOf(job.id), bytes32(0), "answered");
        return relay.balanceOf(alice, address(0)) - before - FEE;
    }

    function executionGas(bytes memory data) private returns (uint256 used) {
        vm.cool(address(relay));
        vm.cool(address(operators));
        vm.cool(address(registry));
        vm.cool(address(releases));
        vm.cool(address(probe));
        (bool ok,) = address(relay).call(data);
        assertTrue(ok, "answered");
        return vm.lastCallGas().gasTotalUsed;
    }

    function calldataGas(bytes memory data) private pure returns (uint256 gas) {
        for (uint256 i; i < data.length; ++i) {
            gas += data[i] == 0 ? 4 : 16;
        }
    }
}

/// @notice Nobody has a credit yet.
contract RelayMeteringFirstTest is RelayMetering {}

/// @notice Operator and consumer have credits from an earlier transaction.
contract RelayMeteringSteadyTest is RelayMetering {
    function setUp() public override {
        super.setUp();
        fulfil(ask());
        fulfil(ask(tokenParams()));
    }
}
