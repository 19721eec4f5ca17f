// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {Operators} from "../src/Operators.sol";
import {Relay} from "../src/Relay.sol";
import {ILedger} from "../src/interfaces/ILedger.sol";
import {IRelay} from "../src/interfaces/IRelay.sol";
import {IReleases} from "../src/interfaces/IReleases.sol";
import {RelayBase} from "./utils/relay/RelayBase.sol";
import {GenerousToken, HookedToken, ITokenHook, TaxedToken} from "./utils/relay/Tokens.sol";

/// @notice Every check of `request` and of the constructor.
contract RelayRequestTest is RelayBase, ITokenHook {
    bool private _again;
    Job private _answerInHook;
    IRelay.Params private _hookParams;

    function send(IRelay.Params memory p, bytes memory input) private returns (bytes32) {
        uint256 value = relay.quote(p);
        vm.deal(address(this), value);
        return relay.request{value: value}(p, input);
    }

    function refuseParams(IRelay.Params memory p, bytes memory error) private {
        uint256 value = relay.quote(p);
        vm.deal(address(this), value);
        vm.expectRevert(error);
        relay.request{value: value}(p, INPUT);
        assertEq(relay.coveredRequests(), 0, "nothing is open");
    }

    function test_commitsToEverything() public {
        IRelay.Params memory p = params();
        IRelay.Request memory expected = IRelay.Request(
            address(this), 0, uint64(vm.getBlockNumber()), uint64(vm.getBlockTimestamp()), keccak256(INPUT), p
        );
        bytes32 id = keccak256(abi.encode(block.chainid, address(relay), address(this), uint64(0)));
        vm.expectEmit(address(relay));
        emit IRelay.Requested(id, ARTIFACT, address(this), expected, INPUT);
        assertEq(send(p, INPUT), id, "id");
        assertEq(relay.commitmentOf(id), keccak256(abi.encode(expected)), "commitment");
        assertEq(relay.coveredRequests(), 1, "open");
    }

    function test_policy() public {
        IRelay.Params memory p = params();
        p.releases = new bytes32[](0);
        refuseParams(p, abi.encodeWithSelector(IRelay.EmptyPolicy.selector));
        p.releases = new bytes32[](8);
        p.publishers = new address[](1);
        refuseParams(p, abi.encodeWithSelector(IRelay.PolicyTooLong.selector, 9, 8));
    }

    function test_assurance() public {
        IRelay.Params memory p = params();
        for (uint8 assurance; assurance < 6; ++assurance) {
            if (assurance > 0 && assurance < 4) continue;
            p.assurance = assurance;
            refuseParams(p, abi.encodeWithSelector(IRelay.UnknownAssurance.selector, assurance));
        }
    }

    function test_limits() public {
        IRelay.Params memory p = params();
        p.fee = 0.001 ether - 1;
        refuseParams(p, abi.encodeWithSelector(IRelay.FeeTooLow.selector, 0.001 ether - 1, 0.001 ether));
        p = tokenParams();
        p.fee = 0;
        refuseParams(p, abi.encodeWithSelector(IRelay.FeeTooLow.selector, 0, 1));
        p = params();
        p.callbackGas = 29_999;
        refuseParams(p, abi.encodeWithSelector(IRelay.CallbackGasOutOfRange.selector, 29_999, 30_000, 5_000_000));
        p.callbackGas = 5_000_001;
        refuseParams(p, abi.encodeWithSelector(IRelay.CallbackGasOutOfRange.selector, 5_000_001, 30_000, 5_000_000));
        p = params();
        p.maxOutput = 4097;
        refuseParams(p, abi.encodeWithSelector(IRelay.OutputLimit.selector, 4097, 4096));
        p = params();
        p.maxEvidenceAge = 599;
        refuseParams(p, abi.encodeWithSelector(IRelay.EvidenceAgeTooStrict.selector, 599, 600));
        p = params();
        p.maxGasPrice = 1 gwei - 1;
        refuseParams(p, abi.encodeWithSelector(IRelay.GasPriceTooLow.selector, 1 gwei - 1, 1 gwei));
    }

    function test_limitsThemselvesAreAccepted() public {
        IRelay.Params memory p = params();
        (p.fee, p.callbackGas, p.maxOutput) = (0.001 ether, 30_000, 4096);
        (p.maxEvidenceAge, p.maxGasPrice) = (600, 1 gwei);
        p.releases = new bytes32[](8);
        send(p, INPUT);
        p.callbackGas = 5_000_000;
        send(p, INPUT);
        p = tokenParams();
        p.fee = 1;
        token.mint(address(this), 1);
        token.approve(address(relay), 1);
        send(p, INPUT);
        assertEq(relay.coveredRequests(), 3, "open");
    }

    function test_deadline() public {
        IRelay.Params memory p = params();
        (uint256 first, uint256 last) = (vm.getBlockTimestamp() + 60, vm.getBlockTimestamp() + MAX_DEADLINE);
        p.deadline = uint64(first - 1);
        refuseParams(p, abi.encodeWithSelector(IRelay.DeadlineOutOfRange.selector, first - 1, first, last));
        p.deadline = uint64(last + 1);
        refuseParams(p, abi.encodeWithSelector(IRelay.DeadlineOutOfRange.selector, last + 1, first, last));
        p.deadline = uint64(last);
        send(p, INPUT);
        p.deadline = uint64(first);
        send(p, INPUT);
    }

    function test_inputTooLarge() public {
        IRelay.Params memory p = params();
        uint256 value = relay.quote(p);
        vm.deal(address(this), 2 * value);
        vm.expectRevert(abi.encodeWithSelector(IRelay.InputTooLarge.selector, 4097, 4096));
        relay.request{value: value}(p, new bytes(4097));
        relay.request{value: value}(p, new bytes(4096));
    }

    function test_unknownArtifact() public {
        IRelay.Params memory p = params();
        p.artifact = "other";
        refuseParams(p, abi.encodeWithSelector(IRelay.UnknownArtifact.selector, bytes32("other"), address(0)));
        p = params();
        p.feeToken = address(7);
        refuseParams(p, abi.encodeWithSelector(IRelay.UnknownArtifact.selector, ARTIFACT, address(7)));
        vm.prank(alice);
        operators.announce("other", address(0), 0, 0);
        p = params();
        p.artifact = "other";
        refuseParams(p, abi.encodeWithSelector(IRelay.UnknownArtifact.selector, bytes32("other"), address(0)));
        mine(EPOCH);
        send(p, INPUT);
    }

    function testFuzz_payment(uint96 sent) public {
        IRelay.Params memory p = params();
        uint256 value = relay.quote(p);
        vm.assume(sent != value);
        vm.deal(address(this), sent);
        vm.expectRevert(abi.encodeWithSelector(IRelay.WrongPayment.selector, sent, value));
        relay.request{value: sent}(p, INPUT);
    }

    function test_stakeCover() public {
        assertEq(relay.MAX_OPEN(), 10, "1 ether of stake, 0.1 ether of penalty");
        for (uint256 i; i < 10; ++i) {
            send(params(), INPUT);
        }
        IRelay.Params memory p = params();
        uint256 value = relay.quote(p);
        vm.deal(address(this), value);
        vm.expectRevert(abi.encodeWithSelector(IRelay.StakeCoverExhausted.selector, 10, 10));
        relay.request{value: value}(p, INPUT);
    }

    function test_tokenWithoutAllowance() public {
        IRelay.Params memory p = tokenParams();
        token.mint(address(this), p.fee);
        bytes memory error =
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientAllowance.selector, address(relay), 0, p.fee);
        refuseParams(p, error);
    }

    function test_taxedToken() public {
        TaxedToken taxed = new TaxedToken();
        IRelay.Params memory p = _announced(address(taxed));
        taxed.mint(address(this), 1000);
        taxed.approve(address(relay), 1000);
        refuseParams(p, abi.encodeWithSelector(ILedger.TokenShortfall.selector, address(taxed), 990, 1000));
    }

    /// @notice More than the fee would be nobody's.
    function test_generousToken() public {
        GenerousToken generous = new GenerousToken();
        IRelay.Params memory p = _announced(address(generous));
        generous.mint(address(this), 1000);
        generous.approve(address(relay), 1000);
        refuseParams(p, abi.encodeWithSelector(ILedger.TokenShortfall.selector, address(generous), 1001, 1000));
    }

    /// @notice A token with hooks cannot have one transfer counted for two fees.
    function test_hookedToken() public {
        HookedToken hooked = new HookedToken();
        _hookParams = _announced(address(hooked));
        hooked.mint(address(this), 2000);
        hooked.approve(address(relay), 2000);
        _again = true;
        refuseParams(_hookParams, abi.encodeWithSelector(ILedger.TokenReentered.selector, address(hooked)));
    }

    /// @notice Nor can a request be answered while a token is being pulled: its callback could not pay a token fee.
    function test_noAnswerInsideAHook() public {
        HookedToken hooked = new HookedToken();
        IRelay.Params memory p = _announced(address(hooked));
        hooked.mint(address(this), 1000);
        hooked.approve(address(relay), 1000);
        Job memory job = ask();
        _answerInHook = job;
        uint256 value = relay.quote(p);
        vm.deal(address(this), value);
        vm.expectRevert(abi.encodeWithSelector(ILedger.TokenReentered.selector, address(hooked)));
        relay.request{value: value}(p, INPUT);
        assertNotEq(relay.commitmentOf(job.id), bytes32(0), "still open");
        fulfil(job);
    }

    function beforeTransfer() external {
        if (_answerInHook.id != 0) return fulfil(_answerInHook);
        if (!_again) return;
        _again = false;
        send(_hookParams, INPUT);
    }

    function _announced(address feeToken) private returns (IRelay.Params memory p) {
        vm.prank(alice);
        operators.announce(ARTIFACT, feeToken, 1, 60);
        mine(EPOCH);
        p = params();
        (p.feeToken, p.fee) = (feeToken, 1000);
    }

    function test_plainTransferIsRefused() public {
        vm.deal(address(this), 1);
        (bool ok, bytes memory error) = address(relay).call{value: 1}("");
        assertFalse(ok, "refused");
        assertEq(error, abi.encodeWithSelector(IRelay.NotOperators.selector, address(this)), "error");
    }

    function test_constructorRefusesBadParameters() public {
        string[13] memory names = [
            "operators",
            "insurance",
            "penalty",
            "compensationCap",
            "minDeadline",
            "maxDeadline",
            "maxCallbackGas",
            "maxOutput",
            "releases",
            "penalty",
            "minDeadline",
            "maxCallbackGas",
            "maxOutput"
        ];
        for (uint256 i; i < names.length; ++i) {
            IRelay.Parameters memory p = parameters();
            if (i == 1) p.insurance = address(0);
            if (i == 2) p.penalty = uint96(SLOT + 1);
            if (i == 3) p.compensationCap = PENALTY / 2 + 1;
            if (i == 4) p.minDeadline = 0;
            if (i == 5) p.maxDeadline += 1;
            if (i == 6) p.maxCallbackGas = 12_000_001;
            if (i == 7) p.maxOutput = 65_537;
            if (i == 8) p.releases = IReleases(address(7));
            if (i == 9) p.penalty = 0;
            if (i == 10) p.minDeadline = MAX_DEADLINE + 1;
            if (i == 11) p.minCallbackGas = p.maxCallbackGas + 1;
            if (i == 12) p.maxInput = 65_537;
            // All but the first name an operators contract that names them.
            address relayToBe = vm.computeCreateAddress(address(this), vm.getNonce(address(this)) + 1);
            if (i != 0) p.operators = new Operators(relayToBe, SLOT, EPOCH, UNBONDING);
            vm.expectRevert(abi.encodeWithSelector(IRelay.InvalidParameter.selector, names[i]));
            new Relay(p);
        }
    }
}
