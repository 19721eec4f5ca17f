// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {DigitReader} from "../src/examples/DigitReader.sol";
import {IrisOracle} from "../src/examples/IrisOracle.sol";
import {IRelay} from "../src/interfaces/IRelay.sol";
import {Tensor} from "../src/libraries/Tensor.sol";
import {RelayBase} from "./utils/relay/RelayBase.sol";

/// @notice The example consumers, asked and answered through the real relay.
contract ExamplesTest is RelayBase {
    address private owner = makeAddr("owner");

    function template() private view returns (IRelay.Params memory p) {
        p = params();
        (p.deadline, p.maxGasPrice) = (600, 0);
    }

    function jobOf(address consumer, uint64 nonce, bytes memory input, bytes memory output)
        private
        view
        returns (Job memory job)
    {
        job.id = relay.requestIdOf(consumer, nonce);
        job.request = IRelay.Request(
            consumer,
            nonce,
            uint64(vm.getBlockNumber() - 1),
            uint64(vm.getBlockTimestamp() - 12),
            keccak256(input),
            params()
        );
        job.request.params.deadline -= 12;
        (job.signer, job.output) = (aliceKey, output);
        job.receipt = receiptFor(job);
    }

    function askIris(IrisOracle oracle) private returns (bytes memory input) {
        uint256 value = oracle.price(GAS_PRICE);
        vm.deal(address(this), value);
        oracle.ask{value: value}([int256(5.1e18), 3.5e18, 1.4e18, 0.2e18], GAS_PRICE);
        mine(12);
        return hex"01010201000000040000003333a340000060403333b33fcdcc4c3e";
    }

    function test_iris() public {
        IrisOracle oracle = new IrisOracle(relay, owner, template());
        bytes memory input = askIris(oracle);
        bytes memory output = hex"0101020100000003000000" hex"cdcccc3d" hex"cdcc4c3f" hex"cdcccc3d";
        Job memory job = jobOf(address(oracle), 0, input, output);
        vm.expectEmit(address(oracle));
        emit IrisOracle.Answered(job.id, 0, 1, 0.800000011920928955e18);
        fulfil(job);
        (bytes32 id, uint8 status, uint8 class, int240 value) = oracle.last();
        assertEq(id, job.id, "id");
        assertEq(uint256(status), 0, "status");
        assertEq(uint256(class), 1, "class");
        assertEq(uint256(int256(value)), 0.800000011920928955e18, "value");
    }

    function test_irisError() public {
        IrisOracle oracle = new IrisOracle(relay, owner, template());
        bytes memory input = askIris(oracle);
        Job memory job = fail(jobOf(address(oracle), 0, input, ""), 1, "bad-input: NaN");
        fulfil(job);
        (bytes32 id, uint8 status,,) = oracle.last();
        assertEq(id, job.id, "id");
        assertEq(uint256(status), 1, "status");
    }

    function test_ownerWithdrawsRefunds() public {
        IrisOracle oracle = new IrisOracle(relay, owner, template());
        bytes memory input = askIris(oracle);
        fulfil(jobOf(address(oracle), 0, input, hex"01010100000000" hex"0000803f"));
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, address(this)));
        oracle.withdraw(address(0), address(this));
        uint256 credit = relay.balanceOf(address(oracle), address(0));
        vm.prank(owner);
        oracle.withdraw(address(0), owner);
        assertEq(owner.balance, credit, "refund");
    }

    function test_digit() public {
        DigitReader reader = new DigitReader(relay, owner, template());
        uint256 price = reader.price(GAS_PRICE);
        vm.deal(address(this), price);
        bytes memory pixels = new bytes(784);
        pixels[100] = 0xff;
        reader.ask{value: price}(pixels, GAS_PRICE);
        mine(12);
        bytes memory input = bytes.concat(hex"010204" hex"01000000" hex"01000000" hex"1c000000" hex"1c000000", pixels);
        uint32[] memory dims = new uint32[](2);
        (dims[0], dims[1]) = (1, 10);
        int256[] memory scores = new int256[](10);
        for (uint256 i; i < 10; ++i) {
            scores[i] = i == 7 ? int256(3e18) : -int256(i) * 1e18;
        }
        Job memory job = jobOf(address(reader), 0, input, Tensor.encodeFloat32(dims, scores));
        fulfil(job);
        (bytes32 id, uint8 status, uint8 digit) = reader.last();
        assertEq(id, job.id, "id");
        assertEq(uint256(status), 0, "status");
        assertEq(uint256(digit), 7, "digit");
    }

    function test_notAPicture() public {
        DigitReader reader = new DigitReader(relay, owner, template());
        vm.expectRevert(abi.encodeWithSelector(DigitReader.NotAPicture.selector, 783));
        reader.ask(new bytes(783), GAS_PRICE);
    }

    function test_notADigit() public {
        DigitReader reader = new DigitReader(relay, owner, template());
        uint256 price = reader.price(GAS_PRICE);
        vm.deal(address(this), price);
        reader.ask{value: price}(new bytes(784), GAS_PRICE);
        mine(12);
        bytes memory input =
            bytes.concat(hex"010204" hex"01000000" hex"01000000" hex"1c000000" hex"1c000000", new bytes(784));
        Job memory job = jobOf(address(reader), 0, input, hex"01010100000000" hex"0000803f");
        fulfil(job);
        (bytes32 id,,) = reader.last();
        assertEq(id, bytes32(0), "an answer of another shape is not kept");
    }
}
