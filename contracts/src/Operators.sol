// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {IOperators} from "./interfaces/IOperators.sol";

/// @title Operators: see IOperators
contract Operators is IOperators {
    using Checkpoints for Checkpoints.Trace208;
    using SafeCast for uint256;

    /// @dev Serves while fromEpoch <= epoch < untilEpoch. A freed slot keeps its record until it is reused.
    struct Slot {
        address operator;
        uint48 fromEpoch;
        uint48 untilEpoch;
    }

    /// @dev bonded >= held slots * SLOT_STAKE; the rest is what slashes left of lost slots.
    struct Stake {
        uint96 bonded;
        uint96 unbonding;
        uint64 availableAt;
    }

    /// @notice Most slots that one call bonds or unbonds.
    uint256 public constant MAX_SLOTS_PER_CALL = 32;

    /// @dev Most entries of trimmed slots that taking one slot passes over.
    uint256 private constant MAX_SKIPPED = 8;

    address public immutable RELAY;
    uint256 public immutable SLOT_STAKE;
    uint64 public immutable EPOCH;
    uint64 public immutable UNBONDING;

    mapping(uint256 index => Slot) private _slots;
    uint32 private _slotTotal;
    uint32[] private _freed;
    uint256 private _reused;
    Checkpoints.Trace208 private _slotCount;
    mapping(address operator => Stake) private _stakes;
    mapping(address operator => uint32[]) private _held;
    mapping(bytes32 offerKey => Checkpoints.Trace208) private _offers;
    mapping(bytes32 marketKey => Checkpoints.Trace208) private _announcers;
    mapping(address operator => Profile[]) private _profiles;
    mapping(address operator => Checkpoints.Trace208) private _profileAt;

    /// @param relay the relay's address, predicted: it is deployed after this contract and checks
    constructor(address relay, uint256 slotStake, uint64 epoch, uint64 unbonding) {
        if (relay == address(0)) revert InvalidParameter("relay");
        if (slotStake == 0 || slotStake > type(uint96).max / 1e6) revert InvalidParameter("slotStake");
        if (epoch == 0) revert InvalidParameter("epoch");
        if (unbonding < 2 * epoch) revert InvalidParameter("unbonding");
        (RELAY, SLOT_STAKE, EPOCH, UNBONDING) = (relay, slotStake, epoch, unbonding);
    }

    /// @inheritdoc IOperators
    function bond() external payable {
        Stake storage stake = _stakes[msg.sender];
        uint256 bonded = stake.bonded + msg.value;
        uint256 held = _held[msg.sender].length;
        if (bonded % SLOT_STAKE != 0 || bonded / SLOT_STAKE <= held) revert WrongStake(msg.value, SLOT_STAKE);
        uint256 added = bonded / SLOT_STAKE - held;
        if (added > MAX_SLOTS_PER_CALL) revert TooManySlots(added, MAX_SLOTS_PER_CALL);

        stake.bonded = bonded.toUint96();
        uint48 next = _nextEpoch();
        for (uint256 i; i < added; ++i) {
            _held[msg.sender].push(_takeSlot(msg.sender, next));
        }
        _slotCount.push(next, _slotTotal);
        emit Bonded(msg.sender, added, msg.value);
    }

    /// @inheritdoc IOperators
    function unbond(uint256 slots) external {
        uint256 held = _held[msg.sender].length;
        uint256 allowed = held < MAX_SLOTS_PER_CALL ? held : MAX_SLOTS_PER_CALL;
        if (slots > allowed) revert TooManySlots(slots, allowed);
        Stake storage stake = _stakes[msg.sender];
        uint256 amount = stake.bonded - (held - slots) * SLOT_STAKE;
        if (amount == 0) revert NothingToWithdraw();

        for (uint256 i; i < slots; ++i) {
            _freeNewestSlot(msg.sender);
        }
        uint64 availableAt = (block.timestamp + UNBONDING).toUint64();
        stake.bonded -= amount.toUint96();
        stake.unbonding += amount.toUint96();
        stake.availableAt = availableAt;
        emit Unbonding(msg.sender, slots, amount, availableAt);
    }

    /// @inheritdoc IOperators
    function trim() external returns (uint256 removed) {
        uint32 total = _slotTotal;
        while (removed < MAX_SLOTS_PER_CALL && total > 0 && _isReusable(_slots[total - 1])) {
            --total;
            ++removed;
        }
        if (removed == 0) return 0;
        _slotTotal = total;
        _slotCount.push(_nextEpoch(), total);
        emit Trimmed(removed);
    }

    /// @inheritdoc IOperators
    function withdrawStake(address to) external {
        Stake storage stake = _stakes[msg.sender];
        uint256 amount = stake.unbonding;
        if (amount == 0 || block.timestamp < stake.availableAt) revert NothingToWithdraw();
        if (to == address(0) || to == RELAY) revert TransferFailed(to, amount); // it would be nobody's there
        stake.unbonding = 0;
        emit StakeWithdrawn(msg.sender, to, amount);
        _send(to, amount);
    }

    /// @inheritdoc IOperators
    function announce(bytes32 artifact, address token, uint128 price, uint32 minDeadline) external {
        if (_held[msg.sender].length == 0) revert NoStake(msg.sender);
        if (_profiles[msg.sender].length == 0) revert NotDeclared(msg.sender);
        _setOffer(artifact, token, Offer(price, minDeadline, true));
        emit Announced(msg.sender, artifact, token, price, minDeadline);
    }

    /// @inheritdoc IOperators
    function retract(bytes32 artifact, address token) external {
        if (!offerOf(msg.sender, artifact, token).active) revert NotAnnounced(artifact, token);
        _setOffer(artifact, token, Offer(0, 0, false));
        emit Withdrawn(msg.sender, artifact, token);
    }

    /// @inheritdoc IOperators
    function declare(bytes32 releaseId, uint8 assurance) external {
        if (releaseId == 0) revert NotDeclared(msg.sender);
        Profile[] storage profiles = _profiles[msg.sender];
        profiles.push(Profile(releaseId, assurance));
        _profileAt[msg.sender].push(_nextEpoch(), profiles.length.toUint208());
        emit Declared(msg.sender, releaseId, assurance);
    }

    /// @inheritdoc IOperators
    function slash(address operator, uint256 amount) external returns (uint256 taken) {
        if (msg.sender != RELAY) revert NotRelay(msg.sender);
        Stake storage stake = _stakes[operator];
        uint256 fromBonded = amount < stake.bonded ? amount : stake.bonded;
        uint256 rest = amount - fromBonded;
        uint256 fromUnbonding = rest < stake.unbonding ? rest : stake.unbonding;
        stake.bonded -= fromBonded.toUint96();
        stake.unbonding -= fromUnbonding.toUint96();
        // At most amount / SLOT_STAKE + 1 rounds; the relay's penalty is at most SLOT_STAKE, so one.
        while (stake.bonded < _held[operator].length * SLOT_STAKE) _freeNewestSlot(operator);

        taken = fromBonded + fromUnbonding;
        emit Slashed(operator, taken);
        _send(RELAY, taken);
    }

    /// @inheritdoc IOperators
    function offerOf(address operator, bytes32 artifact, address token) public view returns (Offer memory) {
        return _unpack(_offers[_offerKey(operator, artifact, token)].latest());
    }

    /// @inheritdoc IOperators
    function offerAt(address operator, bytes32 artifact, address token, uint64 epoch)
        public
        view
        returns (Offer memory)
    {
        return _unpack(_offers[_offerKey(operator, artifact, token)].upperLookupRecent(uint256(epoch).toUint48()));
    }

    /// @inheritdoc IOperators
    function standingAt(address operator, bytes32 artifact, address token, uint64 epoch)
        external
        view
        returns (Offer memory offer, uint256 slashable)
    {
        return (offerAt(operator, artifact, token, epoch), slashableOf(operator));
    }

    /// @inheritdoc IOperators
    function profileAt(address operator, uint64 epoch) external view returns (Profile memory profile) {
        uint256 number = _profileAt[operator].upperLookupRecent(uint256(epoch).toUint48());
        if (number != 0) profile = _profiles[operator][number - 1];
    }

    /// @inheritdoc IOperators
    function announcers(bytes32 artifact, address token) external view returns (uint256) {
        return _announcers[_marketKey(artifact, token)].latest();
    }

    /// @inheritdoc IOperators
    function announcersAt(bytes32 artifact, address token, uint64 epoch) external view returns (uint256) {
        return _announcers[_marketKey(artifact, token)].upperLookupRecent(uint256(epoch).toUint48());
    }

    /// @inheritdoc IOperators
    function epochAt(uint256 timestamp) public view returns (uint64) {
        return (timestamp / EPOCH).toUint48();
    }

    /// @inheritdoc IOperators
    function slotCountAt(uint64 epoch) public view returns (uint256) {
        return _slotCount.upperLookupRecent(uint256(epoch).toUint48());
    }

    /// @inheritdoc IOperators
    function assigned(uint256 seed, uint64 epoch) external view returns (address operator) {
        uint256 count = slotCountAt(epoch);
        if (count == 0) return address(0);
        Slot memory slot = _slots[seed % count];
        if (slot.fromEpoch <= epoch && epoch < slot.untilEpoch) operator = slot.operator;
    }

    /// @inheritdoc IOperators
    function slotsOf(address operator) external view returns (uint256) {
        return _held[operator].length;
    }

    /// @inheritdoc IOperators
    function slashableOf(address operator) public view returns (uint256) {
        Stake storage stake = _stakes[operator];
        return uint256(stake.bonded) + stake.unbonding;
    }

    /// @inheritdoc IOperators
    function stakeOf(address operator) external view returns (uint256 bonded, uint256 unbonding, uint64 availableAt) {
        Stake storage stake = _stakes[operator];
        return (stake.bonded, stake.unbonding, stake.availableAt);
    }

    /// @dev The oldest freed slot if it is reusable, else a new one.
    /// An older request that is still open then finds nobody in the slot, never its new holder: fromEpoch is later.
    function _takeSlot(address operator, uint48 next) private returns (uint32 index) {
        Slot memory slot = Slot(operator, next, type(uint48).max);
        uint256 last = _reused + MAX_SKIPPED;
        for (; _reused < _freed.length && _reused < last; ++_reused) {
            index = _freed[_reused];
            // Trimmed since it was freed, and perhaps in use again.
            if (index >= _slotTotal || _slots[index].untilEpoch == type(uint48).max) continue;
            if (!_isReusable(_slots[index])) break;
            ++_reused;
            _slots[index] = slot;
            return index;
        }
        index = _slotTotal++;
        _slots[index] = slot;
    }

    /// @dev Left so long ago that no request from its time can be open with its stake still there.
    function _isReusable(Slot memory slot) private view returns (bool) {
        return uint256(slot.untilEpoch) * EPOCH + UNBONDING <= block.timestamp;
    }

    function _freeNewestSlot(address operator) private {
        uint32[] storage held = _held[operator];
        uint32 index = held[held.length - 1];
        held.pop();
        _slots[index].untilEpoch = _nextEpoch();
        _freed.push(index);
    }

    function _setOffer(bytes32 artifact, address token, Offer memory offer) private {
        uint48 next = _nextEpoch();
        Checkpoints.Trace208 storage trace = _offers[_offerKey(msg.sender, artifact, token)];
        bool before = _unpack(trace.latest()).active;
        trace.push(next, _pack(offer));
        if (before == offer.active) return;
        Checkpoints.Trace208 storage count = _announcers[_marketKey(artifact, token)];
        count.push(next, offer.active ? count.latest() + 1 : count.latest() - 1);
    }

    function _nextEpoch() private view returns (uint48) {
        return (uint256(epochAt(block.timestamp)) + 1).toUint48();
    }

    function _send(address to, uint256 amount) private {
        (bool ok,) = to.call{value: amount}("");
        if (!ok) revert TransferFailed(to, amount);
    }

    function _offerKey(address operator, bytes32 artifact, address token) private pure returns (bytes32) {
        return keccak256(abi.encode(operator, artifact, token));
    }

    function _marketKey(bytes32 artifact, address token) private pure returns (bytes32) {
        return keccak256(abi.encode(artifact, token));
    }

    function _pack(Offer memory offer) private pure returns (uint208) {
        return uint208(offer.price) | uint208(offer.minDeadline) << 128 | uint208(offer.active ? 1 : 0) << 160;
    }

    function _unpack(uint208 packed) private pure returns (Offer memory) {
        // Each cast takes the bits of one field of _pack.
        // forge-lint: disable-next-line(unsafe-typecast)
        return Offer(uint128(packed), uint32(packed >> 128), packed >> 160 != 0);
    }
}
