// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IReleases} from "../src/interfaces/IReleases.sol";
import {Releases} from "../src/Releases.sol";
import {Test} from "./utils/Test.sol";

contract ReleasesTest is Test {
    bytes32 internal constant MANIFEST = keccak256("manifest");
    bytes32 internal constant DIGEST = keccak256("measurement");

    Releases internal releases = new Releases();
    address internal publisher = makeAddr("publisher");
    address internal other = makeAddr("other");

    function test_listsUnderTheCaller() public {
        bytes32 expected = keccak256(abi.encode(publisher, MANIFEST));
        vm.expectEmit(address(releases));
        emit IReleases.Listed(expected, publisher, MANIFEST);
        vm.expectEmit(address(releases));
        emit IReleases.Measured(expected, 1, DIGEST);
        bytes32 id = _list();
        assertEq(id, expected, "release id");
        (address owner, bool revoked) = releases.releaseOf(id);
        assertEq(owner, publisher, "publisher");
        assertFalse(revoked, "revoked");
        assertTrue(releases.isMeasured(id, 1, DIGEST), "measured");
        assertFalse(releases.isMeasured(id, 2, DIGEST), "measured for another kind");
        assertFalse(releases.isMeasured(id, 1, keccak256("other")), "measured with another digest");
    }

    function test_sameManifestOfAnotherPublisherIsAnotherRelease() public {
        bytes32 id = _list();
        vm.prank(other);
        bytes32 otherId = releases.list(MANIFEST, _one(1, keccak256("other")));
        assertNotEq(id, otherId, "ids");
        assertFalse(releases.isMeasured(id, 1, keccak256("other")), "the other's measurement");
    }

    function test_unknownReleaseHasNoPublisher() public view {
        (address owner, bool revoked) = releases.releaseOf(keccak256("unknown"));
        assertEq(owner, address(0), "publisher");
        assertFalse(revoked, "revoked");
    }

    function test_addsMeasurements() public {
        bytes32 id = _list();
        vm.prank(publisher);
        releases.measure(id, _one(3, keccak256("tdx")));
        assertTrue(releases.isMeasured(id, 3, keccak256("tdx")), "added");
        assertTrue(releases.isMeasured(id, 1, DIGEST), "kept");
    }

    function test_revokesForEver() public {
        bytes32 id = _list();
        vm.expectEmit(address(releases));
        emit IReleases.Revoked(id);
        vm.prank(publisher);
        releases.revoke(id);
        (address owner, bool revoked) = releases.releaseOf(id);
        assertEq(owner, publisher, "publisher");
        assertTrue(revoked, "revoked");

        vm.startPrank(publisher);
        bytes memory error_ = abi.encodeWithSelector(IReleases.ReleaseRevoked.selector, id);
        vm.expectRevert(error_);
        releases.revoke(id);
        vm.expectRevert(error_);
        releases.measure(id, _one(1, keccak256("more")));
        vm.expectRevert(abi.encodeWithSelector(IReleases.AlreadyListed.selector, id));
        releases.list(MANIFEST, _one(1, DIGEST));
    }

    function test_refusesOthersThanThePublisher() public {
        bytes32 id = _list();
        bytes memory error_ = abi.encodeWithSelector(IReleases.NotPublisher.selector, other, publisher);
        vm.startPrank(other);
        vm.expectRevert(error_);
        releases.revoke(id);
        vm.expectRevert(error_);
        releases.measure(id, _one(1, keccak256("more")));
    }

    function test_refusesUnlistedReleases() public {
        bytes32 id = keccak256("unknown");
        bytes memory error_ = abi.encodeWithSelector(IReleases.NotListed.selector, id);
        vm.expectRevert(error_);
        releases.revoke(id);
        vm.expectRevert(error_);
        releases.measure(id, _one(1, DIGEST));
    }

    function test_refusesListingTwice() public {
        bytes32 id = _list();
        vm.expectRevert(abi.encodeWithSelector(IReleases.AlreadyListed.selector, id));
        _list();
    }

    function test_refusesNoAndInvalidMeasurements() public {
        vm.expectRevert(IReleases.NoMeasurement.selector);
        releases.list(MANIFEST, new IReleases.Measurement[](0));
        uint8[3] memory kinds = [0, 6, 255];
        for (uint256 i = 0; i < kinds.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IReleases.InvalidMeasurement.selector, kinds[i], DIGEST));
            releases.list(MANIFEST, _one(kinds[i], DIGEST));
        }
        vm.expectRevert(abi.encodeWithSelector(IReleases.InvalidMeasurement.selector, 1, 0));
        releases.list(MANIFEST, _one(1, 0));
    }

    function _list() private returns (bytes32) {
        vm.prank(publisher);
        return releases.list(MANIFEST, _one(1, DIGEST));
    }

    function _one(uint8 kind, bytes32 digest) private pure returns (IReleases.Measurement[] memory list) {
        list = new IReleases.Measurement[](1);
        list[0] = IReleases.Measurement(kind, digest);
    }
}
