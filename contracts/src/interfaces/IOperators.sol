// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Operators: stake in slots, unbonding, announced artifacts and prices
/// @notice Stake is held in slots of SLOT_STAKE. Slots, offers and declared releases change from the next epoch on, so
/// that all that a request refers to was frozen before the request existed: nobody escapes a duty by re-pricing,
/// retracting or unbonding, and nobody gets a duty that it had not announced.
/// @dev Invariant, with the relay: an operator that holds a slot in an epoch begins it with at least SLOT_STAKE that can
/// be slashed; the relay keeps (open requests + slashes in this epoch) * PENALTY <= SLOT_STAKE at every request. So
/// one slot alone covers every open request that can fall on it, until an epoch after the last deadline.
interface IOperators {
    /// @param price lowest fee accepted, in the token announced
    /// @param minDeadline shortest time from request to deadline accepted, seconds
    struct Offer {
        uint128 price;
        uint32 minDeadline;
        bool active;
    }

    /// @notice What an operator runs; requests that do not accept it are no duty of the operator.
    struct Profile {
        bytes32 releaseId;
        uint8 assurance;
    }

    event Bonded(address indexed operator, uint256 slots, uint256 amount);
    event Unbonding(address indexed operator, uint256 slots, uint256 amount, uint64 availableAt);
    event StakeWithdrawn(address indexed operator, address to, uint256 amount);
    event Announced(
        address indexed operator, bytes32 indexed artifact, address indexed token, uint128 price, uint32 minDeadline
    );
    event Withdrawn(address indexed operator, bytes32 indexed artifact, address indexed token);
    event Declared(address indexed operator, bytes32 indexed releaseId, uint8 assurance);
    event Slashed(address indexed operator, uint256 amount);
    event Trimmed(uint256 slots);

    error InvalidParameter(string name);
    error WrongStake(uint256 sent, uint256 slotStake);
    error NoStake(address operator);
    error NotDeclared(address operator);
    error TooManySlots(uint256 asked, uint256 allowed);
    error NothingToWithdraw();
    error NotRelay(address caller);
    error TransferFailed(address to, uint256 amount);
    error NotAnnounced(bytes32 artifact, address token);

    /// @notice Bonds msg.value and fills new slots, which serve from the next epoch. The whole bond must come to a
    /// multiple of SLOT_STAKE and to at least one new slot: after a slash one adds exactly what was taken.
    function bond() external payable;

    /// @notice Starts unbonding of the caller's newest slots; they stop serving at the next epoch, stay slashable
    /// until UNBONDING has passed, and can then be withdrawn. What a slash left of a lost slot goes with them;
    /// unbond(0) moves that alone. Unbonding again restarts the time of all that is unbonding.
    function unbond(uint256 slots) external;

    /// @notice Pays what has unbonded to `to`, not to the relay nor to zero.
    function withdrawStake(address to) external;

    /// @notice Removes up to 32 slots at the end of the draw whose operators left them longer than UNBONDING ago: what
    /// falls on such a slot is nobody's duty. Anyone may call it.
    function trim() external returns (uint256 removed);

    /// @notice Announces or re-prices an artifact from the next epoch on; token zero is the chain's own coin. The
    /// caller holds stake and has declared its release. Requests with a shorter time than minDeadline it cannot answer.
    function announce(bytes32 artifact, address token, uint128 price, uint32 minDeadline) external;

    /// @notice Ends the offer at the next epoch; requests made before stay a duty.
    function retract(bytes32 artifact, address token) external;

    /// @notice Says what the caller runs, from the next epoch on: its duty is to requests that accept this release (or
    /// its publisher) and this assurance. An operator that declares what nobody accepts has no duty, and no window in
    /// which it alone may answer.
    function declare(bytes32 releaseId, uint8 assurance) external;

    /// @return the newest offer, which may begin only with the next epoch
    function offerOf(address operator, bytes32 artifact, address token) external view returns (Offer memory);

    /// @return the offer as it stood in that epoch
    function offerAt(address operator, bytes32 artifact, address token, uint64 epoch)
        external
        view
        returns (Offer memory);

    /// @return offer as offerAt
    /// @return slashable as slashableOf
    function standingAt(address operator, bytes32 artifact, address token, uint64 epoch)
        external
        view
        returns (Offer memory offer, uint256 slashable);

    /// @return what the operator had declared in that epoch; zeros when nothing
    function profileAt(address operator, uint64 epoch) external view returns (Profile memory);

    /// @notice How many operators announce the artifact in this token, counting the changes of the next epoch.
    function announcers(bytes32 artifact, address token) external view returns (uint256);

    /// @notice How many operators announced the artifact in this token in that epoch.
    function announcersAt(bytes32 artifact, address token, uint64 epoch) external view returns (uint256);

    function epochAt(uint256 timestamp) external view returns (uint64);

    function slotCountAt(uint64 epoch) external view returns (uint256);

    /// @return operator the holder of slot seed % slotCountAt(epoch) in that epoch; zero when there is none
    function assigned(uint256 seed, uint64 epoch) external view returns (address operator);

    /// @notice Slots that the operator will hold in the next epoch.
    function slotsOf(address operator) external view returns (uint256);

    /// @notice Stake that can be slashed now: bonded and unbonding.
    function slashableOf(address operator) external view returns (uint256);

    /// @return bonded stake behind slots, and what slashes left of lost ones
    /// @return unbonding stake on its way out, still slashable
    /// @return availableAt when `unbonding` can be withdrawn, seconds
    function stakeOf(address operator) external view returns (uint256 bonded, uint256 unbonding, uint64 availableAt);

    /// @notice Relay only: takes at most `amount` of the operator's stake, bonded first, and pays it to the relay. A
    /// slot that is no longer backed in full stops serving at the next epoch.
    function slash(address operator, uint256 amount) external returns (uint256 taken);

    /// @notice The only caller of `slash`.
    function RELAY() external view returns (address);

    /// @notice Stake of a slot, wei.
    function SLOT_STAKE() external view returns (uint256);

    /// @notice Length of an epoch, seconds.
    function EPOCH() external view returns (uint64);

    /// @notice Time from `unbond` to `withdrawStake`, seconds.
    function UNBONDING() external view returns (uint64);
}
