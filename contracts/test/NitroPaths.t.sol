// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {NitroCertificates} from "../src/attest/NitroCertificates.sol";
import {NitroFixture} from "./utils/NitroFixture.sol";

/// @notice That what is kept is found by the path that it was checked on alone.
contract NitroPathsTest is NitroFixture {
    bytes[] internal shorter;

    /// @dev The identifier of a certificate is a hash of 64 bytes, which stand in the root's place here.
    function test_noRootStandsForAPath() public {
        verifier.cacheCertificates(chain, _hints(0, CERTIFICATES - 1));
        bytes32 parent = keccak256(chain[0]);
        for (uint256 depth = 1; depth < CERTIFICATES - 1; ++depth) {
            delete shorter;
            shorter.push(abi.encode(parent, keccak256(chain[depth])));
            parent = keccak256(shorter[0]);
            for (uint256 i = depth + 1; i < CERTIFICATES; ++i) {
                shorter.push(chain[i]);
            }
            vm.expectRevert(
                abi.encodeWithSelector(NitroCertificates.WrongRoot.selector, verifier.ROOT(), sha256(shorter[0]))
            );
            verifier.cacheCertificates(shorter, new bytes(2 * (shorter.length - 1)));
        }
    }

    /// @dev Two elements of the array in the same place are two certificates all the same; one that ends behind the
    /// calldata is none.
    function test_refusesElementsBehindTheCalldata() public {
        bytes memory call =
            abi.encodeCall(NitroCertificates.cacheCertificates, (_chain(2), _hints(0, CERTIFICATES - 1)));
        // Selector, two offsets, the array's count; then the offsets of its elements.
        uint256[5] memory wrong = [call.length, type(uint64).max, type(uint128).max, type(uint256).max, 1 << 255];
        for (uint256 i = 0; i < wrong.length; ++i) {
            for (uint256 place = 100; place <= 132; place += 32) {
                (bool ok,) = address(verifier).call(_with(call, place, wrong[i]));
                assertEq(ok, false, "an offset");
            }
            // The first element's length.
            (bool isCached,) = address(verifier).call(_with(call, 164, wrong[i]));
            assertEq(isCached, false, "a length");
        }
        (bool aliased,) = address(verifier).call(_with(call, 132, 64));
        assertEq(aliased, false, "the root twice");
        assertEq(verifier.isCached(keccak256(abi.encode(keccak256(chain[0]), keccak256(chain[0])))), false, "kept");
    }

    function _with(bytes memory data, uint256 place, uint256 word) private pure returns (bytes memory changed) {
        changed = bytes.concat(data);
        assembly ("memory-safe") {
            mstore(add(add(changed, 32), place), word)
        }
    }
}
