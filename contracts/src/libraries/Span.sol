// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice A slice of this call's calldata that can be kept in memory: offset * 2^128 + length, in bytes.
type Span is uint256;

using {slice, sizeOf, offsetIn} for Span global;

/// @dev Only slices become spans, so that what a span names lies within the calldata.
function spanOf(bytes calldata data) pure returns (Span span) {
    assembly ("memory-safe") {
        span := or(shl(128, data.offset), data.length)
    }
}

function slice(Span span) pure returns (bytes calldata data) {
    assembly ("memory-safe") {
        data.offset := shr(128, span)
        data.length := and(span, 0xffffffffffffffffffffffffffffffff)
    }
}

function sizeOf(Span span) pure returns (uint256) {
    return Span.unwrap(span) & type(uint128).max;
}

/// @dev How far a span of a slice begins behind the slice's beginning, bytes.
function offsetIn(Span span, bytes calldata data) pure returns (uint256) {
    return (Span.unwrap(span) >> 128) - (Span.unwrap(spanOf(data)) >> 128);
}
