// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Vm} from "./Vm.sol";

/// @notice Base of every test: cheatcodes, assertions that say what differs, bounded fuzz inputs, invariant targets.
abstract contract Test {
    error AssertionFailed(string message);

    /// @notice A contract and those of its functions that an invariant run calls.
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    /// @dev forge looks for this to tell a test contract from others.
    bool public constant IS_TEST = true;

    address[] private _targetContracts;
    address[] private _targetSenders;
    FuzzSelector[] private _targetSelectors;

    function fail(string memory message) internal pure {
        revert AssertionFailed(message);
    }

    function assertTrue(bool value, string memory what) internal pure {
        if (!value) fail(string.concat(what, ": expected true"));
    }

    function assertFalse(bool value, string memory what) internal pure {
        if (value) fail(string.concat(what, ": expected false"));
    }

    function assertEq(uint256 actual, uint256 expected, string memory what) internal pure {
        if (actual != expected) _differ(what, vm.toString(actual), "==", vm.toString(expected));
    }

    function assertEq(bytes32 actual, bytes32 expected, string memory what) internal pure {
        if (actual != expected) _differ(what, vm.toString(actual), "==", vm.toString(expected));
    }

    function assertEq(address actual, address expected, string memory what) internal pure {
        if (actual != expected) _differ(what, vm.toString(actual), "==", vm.toString(expected));
    }

    function assertEq(bool actual, bool expected, string memory what) internal pure {
        if (actual != expected) _differ(what, actual ? "true" : "false", "==", expected ? "true" : "false");
    }

    function assertEq(bytes memory actual, bytes memory expected, string memory what) internal pure {
        if (keccak256(actual) != keccak256(expected)) _differ(what, vm.toString(actual), "==", vm.toString(expected));
    }

    function assertEq(string memory actual, string memory expected, string memory what) internal pure {
        if (keccak256(bytes(actual)) != keccak256(bytes(expected))) _differ(what, actual, "==", expected);
    }

    function assertNotEq(uint256 actual, uint256 other, string memory what) internal pure {
        if (actual == other) _differ(what, vm.toString(actual), "!=", vm.toString(other));
    }

    function assertNotEq(bytes32 actual, bytes32 other, string memory what) internal pure {
        if (actual == other) _differ(what, vm.toString(actual), "!=", vm.toString(other));
    }

    function assertNotEq(address actual, address other, string memory what) internal pure {
        if (actual == other) _differ(what, vm.toString(actual), "!=", vm.toString(other));
    }

    function assertLt(uint256 actual, uint256 limit, string memory what) internal pure {
        if (actual >= limit) _differ(what, vm.toString(actual), "<", vm.toString(limit));
    }

    function assertLe(uint256 actual, uint256 limit, string memory what) internal pure {
        if (actual > limit) _differ(what, vm.toString(actual), "<=", vm.toString(limit));
    }

    function assertGt(uint256 actual, uint256 limit, string memory what) internal pure {
        if (actual <= limit) _differ(what, vm.toString(actual), ">", vm.toString(limit));
    }

    function assertGe(uint256 actual, uint256 limit, string memory what) internal pure {
        if (actual < limit) _differ(what, vm.toString(actual), ">=", vm.toString(limit));
    }

    /// @notice Brings a fuzzed value into min..max, both included, keeping the small values and the edges likely.
    function bound(uint256 value, uint256 min, uint256 max) internal pure returns (uint256) {
        if (min > max) fail("bound: min > max");
        if (value >= min && value <= max) return value;
        uint256 span = max - min;
        if (span == type(uint256).max) return value;
        if (value >= type(uint256).max - 3) return max - (type(uint256).max - value) % (span + 1);
        return min + value % (span + 1);
    }

    /// @notice A labelled address without code or key.
    function makeAddr(string memory name) internal returns (address account) {
        account = vm.addr(uint256(keccak256(bytes(name))));
        vm.label(account, name);
    }

    /// @notice A labelled address and its private key.
    function makeKey(string memory name) internal returns (address account, uint256 privateKey) {
        privateKey = uint256(keccak256(bytes(name)));
        account = makeAddr(name);
    }

    /// @notice Sets an account's balance and makes it the sender of the next call.
    function hoax(address account, uint256 balance) internal {
        vm.deal(account, balance);
        vm.prank(account);
    }

    function targetContract(address target) internal {
        _targetContracts.push(target);
    }

    function targetSender(address sender) internal {
        _targetSenders.push(sender);
    }

    function targetSelector(FuzzSelector memory selector) internal {
        _targetSelectors.push(selector);
    }

    /// @dev forge calls the next three to learn what an invariant run may do.
    function targetContracts() external view returns (address[] memory) {
        return _targetContracts;
    }

    function targetSenders() external view returns (address[] memory) {
        return _targetSenders;
    }

    function targetSelectors() external view returns (FuzzSelector[] memory) {
        return _targetSelectors;
    }

    function _differ(string memory what, string memory actual, string memory relation, string memory expected)
        private
        pure
    {
        fail(string.concat(what, ": expected ", actual, " ", relation, " ", expected));
    }
}
