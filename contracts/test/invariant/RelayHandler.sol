// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IRelay} from "../../src/interfaces/IRelay.sol";
import {Probe} from "../utils/relay/Probe.sol";
import {ZkBase} from "../utils/relay/ZkBase.sol";

/// @notice Random steps of consumers, operators, forgers and time, with a ledger of what must come out.
contract RelayHandler is ZkBase {
    address public bob;
    uint256 public bobKey;

    Job[] private _jobs;
    mapping(bytes32 id => uint256) public closings;
    uint256 public answered;
    uint256 public expired;
    uint256 public declined;
    uint256 public accepted;
    uint256 public excused;
    uint256 public proven;
    uint256 public forged;
    uint256 public slashedTotal;
    uint256 public etherHeld;
    uint256 public tokensHeld;
    uint256 public stakeHeld;

    constructor() {
        setUp();
        (bob, bobKey) = addBob(2);
        vm.prank(bob);
        operators.announce(ARTIFACT, address(token), 1, 60);
        announceZk(bob);
        mine(EPOCH);
        stakeHeld = 3 * SLOT;
    }

    // Steps

    function stepAsk(uint256 seed) external {
        IRelay.Params memory p = seed % 2 == 0 ? params() : tokenParams();
        p.deadline = uint64(vm.getBlockTimestamp() + 60 + seed % 400);
        _ask(p, false);
        mine(12);
    }

    function stepAskByHash(uint256 seed) external {
        IRelay.Params memory p = seed % 2 == 0 ? params() : tokenParams();
        p.deadline = uint64(vm.getBlockTimestamp() + 60 + seed % 400);
        _ask(p, true);
        mine(12);
    }

    function stepAskZk(uint256 seed) external {
        IRelay.Params memory p = zkParams();
        if (seed % 2 != 0) (p.feeToken, p.fee) = (address(token), 5e6);
        p.deadline = uint64(vm.getBlockTimestamp() + 60 + seed % 400);
        _ask(p, true);
        mine(12);
    }

    function stepAccept(uint256 seed) external {
        if (_jobs.length == 0) return;
        vm.prank(seed % 2 == 0 ? alice : bob);
        try relay.accept(_jobs[seed / 2 % _jobs.length].request) {
            ++accepted;
        } catch {}
    }

    /// @notice Lets as many requests as the relay takes fall on one operator, lets some of them expire, and asks for as
    /// many again in the same epoch, when the operator has been slashed but still serves.
    function stepSqueeze(uint256 seed) external {
        address target = seed % 4 == 0 ? bob : alice;
        mine(EPOCH - vm.getBlockTimestamp() % EPOCH);
        uint256 first = _jobs.length;
        _crowd(target);
        mine(61);
        uint256 last = _jobs.length;
        uint256 some = 1 + seed % 10;
        for (uint256 i = first; i < last && some > 0; ++i) {
            if (_expire(_jobs[i])) --some;
        }
        _crowd(target);
    }

    function stepFulfil(uint256 seed, uint256 mode) external {
        if (_jobs.length == 0) return;
        probe.misbehave(Probe.Mode(mode % 4), "");
        vm.txGasPrice(1 gwei + mode % 3 gwei);
        Job memory job = _prepared(seed % _jobs.length);
        if (_isZk(job)) return _prove(job, mode);
        if (mode % 5 == 0) job = fail(job, 1, "bad-input");
        if (mode % 7 == 0) return _failEngine(fail(job, 3, "engine-failed"));
        _fulfil(job);
    }

    /// @dev Asks until the relay takes no more, three times, answering in between what is not the target's duty.
    function _crowd(address target) private {
        IRelay.Params memory p = params();
        p.deadline = uint64(vm.getBlockTimestamp() + 60);
        probe.misbehave(Probe.Mode.Keep, "");
        for (uint256 round; round < 3; ++round) {
            uint256 first = _jobs.length;
            // One more than the cover lets: the last is refused.
            for (uint256 i; i <= relay.MAX_OPEN() && _ask(p, false); ++i) {}
            mine(1);
            for (uint256 i = first; i < _jobs.length && round < 2; ++i) {
                (address holder,) = relay.assignedOf(_jobs[i].request);
                if (holder != target) _fulfil(_prepared(i));
            }
            p.deadline += 1;
        }
    }

    function _ask(IRelay.Params memory p, bool byHash) private returns (bool asked) {
        uint256 value = relay.quote(p);
        vm.deal(address(this), value);
        IRelay.Request memory request = IRelay.Request(
            address(probe),
            relay.nextNonce(),
            uint64(vm.getBlockNumber()),
            uint64(vm.getBlockTimestamp()),
            p.assurance == 3 ? INPUT_HASH : keccak256(INPUT),
            p
        );
        if (p.feeToken != address(0)) token.mint(address(probe), p.fee);
        bytes memory call = byHash
            ? abi.encodeCall(Probe.askByHash, (p, request.inputHash, "https://input"))
            : abi.encodeCall(Probe.ask, (p, INPUT));
        (bool ok, bytes memory result) = address(probe).call{value: value}(call);
        // Otherwise the cover is used up, by open requests or by this epoch's slashes, or nobody announces now.
        if (!ok) return false;
        Job storage job = _jobs.push();
        (job.id, job.request) = (abi.decode(result, (bytes32)), request);
        (etherHeld, tokensHeld) = (etherHeld + value, tokensHeld + (p.feeToken == address(0) ? 0 : p.fee));
        return true;
    }

    function _fulfil(Job memory job) private {
        bytes memory signature = sign(job);
        try relay.fulfil(job.request, job.receipt, signature, job.output) {
            ++closings[job.id];
            ++answered;
        } catch {}
    }

    /// @dev Anyone sends it; only an honest one closes, and only what somebody accepted.
    function _prove(Job memory job, uint256 mode) private {
        bytes memory proof = proofOf(job);
        bool honest = mode % 3 != 0;
        if (!honest) proof[mode % 256] ^= 0x01;
        (address acceptor,) = relay.acceptanceOf(job.id);
        vm.prank(makeAddr("thief"));
        try relay.fulfil(job.request, job.receipt, proof, job.output) {
            ++closings[job.id];
            ++answered;
            ++proven;
            if (!honest || acceptor == address(0)) ++forged;
        } catch {}
    }

    /// @dev Closes nothing.
    function _failEngine(Job memory job) private {
        bytes memory signature = sign(job);
        try relay.fulfil(job.request, job.receipt, signature, job.output) {
            ++excused;
        } catch {}
    }

    /// @notice An answer that no enclave signed, or that was signed for something else.
    function stepForge(uint256 seed, uint256 field) external {
        if (_jobs.length == 0) return;
        Job memory job = _prepared(seed % _jobs.length);
        bool zk = _isZk(job);
        bytes memory signature = zk ? proofOf(job) : sign(job);
        if (field % 6 == 0) job.output = bytes.concat(job.output, hex"00");
        if (field % 6 == 1) job.receipt.outputHash = bytes32(field);
        if (field % 6 == 2) job.receipt.requestId = bytes32(field);
        if (field % 6 == 3) job.request.params.fee += 1;
        if (field % 6 == 4) job.signer = 1 + field % 1000;
        if (field % 6 == 5) job.receipt.status = 1;
        if (field % 6 == 4) signature = sign(job); // of an enclave that is none; for zk no proof either
        try relay.fulfil(job.request, job.receipt, signature, job.output) {
            ++forged;
        } catch {}
    }

    function stepExpire(uint256 seed) external {
        if (_jobs.length == 0) return;
        _expire(_jobs[seed % _jobs.length]);
    }

    function stepDecline(uint256 seed) external {
        if (_jobs.length == 0) return;
        vm.fee(GAS_PRICE + 1);
        vm.prank(seed % 2 == 0 ? alice : bob);
        try relay.decline(_jobs[seed / 2 % _jobs.length].request) {
            ++declined;
        } catch {}
        vm.fee(1 gwei);
    }

    function _expire(Job memory job) private returns (bool done) {
        uint256 before = operators.slashableOf(alice) + operators.slashableOf(bob);
        try relay.expire(job.request) {
            ++closings[job.id];
            ++expired;
            uint256 slashed = before - operators.slashableOf(alice) - operators.slashableOf(bob);
            (slashedTotal, etherHeld, stakeHeld) = (slashedTotal + slashed, etherHeld + slashed, stakeHeld - slashed);
            return true;
        } catch {}
    }

    function stepWithdraw(uint256 seed) external {
        address account = seed % 3 == 0 ? alice : seed % 3 == 1 ? bob : insurance;
        address asset = seed % 2 == 0 ? address(0) : address(token);
        uint256 credit = relay.balanceOf(account, asset);
        if (credit == 0) return;
        vm.prank(account);
        relay.withdraw(asset, account);
        if (asset == address(0)) etherHeld -= credit;
        else tokensHeld -= credit;
    }

    function stepStake(uint256 seed) external {
        address operator = seed % 2 == 0 ? alice : bob;
        (uint256 bonded,,) = operators.stakeOf(operator);
        uint256 amount = (operators.slotsOf(operator) + 1) * SLOT - bonded;
        if (operators.slotsOf(operator) > 4 || amount == 0) return;
        hoax(operator, amount);
        operators.bond{value: amount}();
        stakeHeld += amount;
    }

    function stepUnbond(uint256 seed) external {
        address operator = seed % 2 == 0 ? alice : bob;
        vm.prank(operator);
        try operators.unbond(seed % 3) {} catch {}
    }

    function stepWithdrawStake(uint256 seed) external {
        address operator = seed % 2 == 0 ? alice : bob;
        (, uint256 unbonding,) = operators.stakeOf(operator);
        vm.prank(operator);
        try operators.withdrawStake(operator) {
            stakeHeld -= unbonding;
        } catch {}
    }

    function stepTrim() external {
        operators.trim();
    }

    function stepOffer(uint256 seed) external {
        vm.prank(seed % 2 == 0 ? alice : bob);
        if (seed % 5 == 0) {
            try operators.retract(ARTIFACT, address(0)) {} catch {}
        } else {
            try operators.announce(ARTIFACT, address(0), uint128(FEE - seed % 3), 60) {} catch {}
        }
    }

    function stepTime(uint256 seed) external {
        mine(seed % 300);
    }

    // What is checked

    function jobs() external view returns (uint256) {
        return _jobs.length;
    }

    function idAt(uint256 index) external view returns (bytes32) {
        return _jobs[index].id;
    }

    /// @notice Whether an open request takes stake cover: assigned or accepted, and not declined.
    function isCovered(uint256 index) external view returns (bool) {
        (bytes32 id, bytes32 fields) = (_jobs[index].id, keccak256(abi.encode(_jobs[index].request)));
        (address acceptor,) = relay.acceptanceOf(id);
        return relay.commitmentOf(id) == fields || acceptor != address(0);
    }

    /// @notice Deposits of the open requests.
    function openDeposits() external view returns (uint256 inEther, uint256 inTokens) {
        for (uint256 i; i < _jobs.length; ++i) {
            if (relay.commitmentOf(_jobs[i].id) == 0) continue;
            IRelay.Params memory p = _jobs[i].request.params;
            inEther += relay.quote(p);
            if (p.feeToken != address(0)) inTokens += p.fee;
        }
    }

    function credits(address asset) external returns (uint256) {
        assertEq(relay.balanceOf(makeAddr("thief"), asset), 0, "who sends earns nothing");
        return relay.balanceOf(alice, asset) + relay.balanceOf(bob, asset) + relay.balanceOf(insurance, asset)
            + relay.balanceOf(address(probe), asset);
    }

    /// @notice Penalties of the open requests that are this operator's duty, until an epoch after their deadline.
    function liabilityOf(address operator) external view returns (uint256 sum) {
        for (uint256 i; i < _jobs.length; ++i) {
            IRelay.Request memory request = _jobs[i].request;
            if (relay.commitmentOf(_jobs[i].id) == 0) continue;
            if (vm.getBlockTimestamp() > request.params.deadline + EPOCH) continue;
            if (dutyOf(_jobs[i]) == operator) sum += PENALTY;
        }
    }

    /// @dev Who alone may answer a request by hash has a duty only once it accepted.
    function dutyOf(Job memory job) private view returns (address holder) {
        bool byHash = relay.commitmentOf(job.id) == keccak256(abi.encode("by-hash", keccak256(abi.encode(job.request))));
        (holder,) = byHash ? acceptorOf(job.id) : relay.assignedOf(job.request);
    }

    function acceptorOf(bytes32 id) private view returns (address acceptor, uint256 until) {
        return relay.acceptanceOf(id);
    }

    function addresses() external view returns (address relay_, address operators_, address token_, address alice_) {
        return (address(relay), address(operators), address(token), alice);
    }

    function _isZk(Job memory job) private pure returns (bool) {
        return job.request.params.assurance == 3;
    }

    function _prepared(uint256 index) private view returns (Job memory job) {
        job = _jobs[index];
        if (_isZk(job)) return answerZk(job);
        job.signer = aliceKey;
        job.output = hex"01010100000000" hex"0000803f";
        job.receipt = receiptFor(job);
        (address holder,) = relay.commitmentOf(job.id) == 0 ? (alice, 0) : relay.assignedOf(job.request);
        if (holder == bob) job = by(job, bobKey, bob, releaseId);
    }
}
