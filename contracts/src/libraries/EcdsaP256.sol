// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {P256} from "@openzeppelin/contracts/utils/cryptography/P256.sol";

/// @title ECDSA with P-256 and SHA-256, as certificates and COSE use it
library EcdsaP256 {
    uint256 internal constant POINT_SIZE = 65;
    uint256 internal constant SIGNATURE_SIZE = 64;

    struct PublicKey {
        bytes32 x;
        bytes32 y;
    }

    error InvalidPublicKey();

    /// @notice Key of an uncompressed point, 0x04 | x | y, on the curve.
    function toKey(bytes memory point) internal pure returns (PublicKey memory key) {
        if (point.length != POINT_SIZE || point[0] != 0x04) revert InvalidPublicKey();
        key = PublicKey(_word(point, 1), _word(point, 33));
        if (!P256.isValidPublicKey(key.x, key.y)) revert InvalidPublicKey();
    }

    /// @notice Whether `r | s` is a signature of the message.
    function verify(bytes memory message, bytes memory signature, PublicKey memory key) internal view returns (bool) {
        return signature.length == SIGNATURE_SIZE
            && _verify(message, uint256(_word(signature, 0)), uint256(_word(signature, 32)), key);
    }

    /// @notice Whether r and s, digits of any length as DER has them, are a signature of the message.
    function verify(bytes memory message, bytes memory r, bytes memory s, PublicKey memory key)
        internal
        view
        returns (bool)
    {
        return r.length <= 32 && s.length <= 32 && _verify(message, _number(r), _number(s), key);
    }

    /// @dev Low s only, as OpenZeppelin's library has it: each message has one signature of a given r.
    function _verify(bytes memory message, uint256 r, uint256 s, PublicKey memory key) private view returns (bool) {
        return P256.verify(sha256(message), bytes32(r), bytes32(s), key.x, key.y);
    }

    function _number(bytes memory digits) private pure returns (uint256) {
        return uint256(bytes32(digits)) >> (8 * (32 - digits.length));
    }

    /// @dev The caller has checked the length.
    function _word(bytes memory data, uint256 offset) private pure returns (bytes32 word) {
        assembly ("memory-safe") {
            word := mload(add(add(data, 0x20), offset))
        }
    }
}
