// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Operators: stake in slots, unbonding, announced artifacts and prices
/// @notice Stake is held in slots of SLOT_STAKE. A slot serves from the epoch after it was bonded, so that the slots
/// of a request's epoch were frozen before the request existed.
interface IOperators {
    /// @param price lowest fee accepted, in the token announced
    /// @param minDeadline shortest time from request to deadline accepted, seconds
    struct Offer {
        uint128 price;
        uint32 minDeadline;
        bool active;
    }

    event Bonded(address indexed operator, uint256 slots, uint256 amount);
    event Unbonding(address indexed operator, uint256 slots, uint256 amount, uint64 availableAt);
    event StakeWithdrawn(address indexed operator, address to, uint256 amount);
    event Announced(address indexed operator, bytes32 indexed artifact, address indexed token, uint128 price, uint32 minDeadline);
    event Withdrawn(address indexed operator, bytes32 indexed artifact, address indexed token);
    event Slashed(address indexed operator, uint256 amount);

    error WrongStake(uint256 sent, uint256 slotStake);
    error NoStake(address operator);
    error TooManySlots(uint256 asked, uint256 held);
    error NothingToWithdraw();
    error NotRelay(address caller);
    error TransferFailed(address to, uint256 amount);
    error NotAnnounced(bytes32 artifact, address token);

    /// @notice Bonds msg.value, a positive multiple of SLOT_STAKE.
    function bond() external payable;

    /// @notice Starts unbonding of the caller's newest slots; they stop serving at the next epoch, stay slashable
    /// until UNBONDING has passed, and can then be withdrawn.
    function unbond(uint256 slots) external;

    function withdrawStake(address to) external;

    /// @notice Announces or re-prices an artifact; token zero is the chain's own coin.
    function announce(bytes32 artifact, address token, uint128 price, uint32 minDeadline) external;

    function retract(bytes32 artifact, address token) external;

    function offerOf(address operator, bytes32 artifact, address token) external view returns (Offer memory);

    /// @notice How many operators announce the artifact in this token.
    function announcers(bytes32 artifact, address token) external view returns (uint256);

    function epochAt(uint256 timestamp) external view returns (uint64);

    function slotCountAt(uint64 epoch) external view returns (uint256);

    /// @return operator the holder of slot seed % slotCountAt(epoch) in that epoch; zero when there is none
    function assigned(uint256 seed, uint64 epoch) external view returns (address operator);

    /// @notice Stake that can be slashed now: bonded and unbonding.
    function slashableOf(address operator) external view returns (uint256);

    /// @notice Relay only: takes at most `amount` of the operator's stake and pays it to the relay.
    function slash(address operator, uint256 amount) external returns (uint256 taken);
}
