// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {NitroVerifier} from "../../src/attest/NitroVerifier.sol";
import {P384} from "../../src/attest/P384.sol";
import {Sha384} from "../../src/attest/Sha384.sol";
import {EnclaveRegistry} from "../../src/EnclaveRegistry.sol";
import {IEnclaveRegistry} from "../../src/interfaces/IEnclaveRegistry.sol";
import {IEvidenceVerifier} from "../../src/interfaces/IEvidenceVerifier.sol";
import {IP384} from "../../src/interfaces/IP384.sol";
import {IReleases} from "../../src/interfaces/IReleases.sol";
import {ISha384} from "../../src/interfaces/ISha384.sol";
import {Releases} from "../../src/Releases.sol";
import {Test} from "./Test.sol";

/// @notice A registry with a NitroVerifier, a listed release, and the registration of vectors/nitro.
abstract contract NitroFixture is Test {
    address internal constant DEPLOYER = address(0xd0000);
    uint8 internal constant KIND = 2;
    uint256 internal constant CERTIFICATES = 5;

    string internal vector;
    address internal owner = makeAddr("timelock");
    IP384 internal p384 = IP384(address(new P384()));
    ISha384 internal hasher = ISha384(address(new Sha384()));
    NitroVerifier internal verifier;
    EnclaveRegistry internal registry;

    bytes internal evidence;
    bytes[] internal chain;
    bytes[] internal hints;
    IEnclaveRegistry.Identity internal identity;
    IEnclaveRegistry.Config internal config;
    uint64 internal anchor;

    function setUp() public virtual {
        vector = vm.readFile("../vectors/nitro/registration.json");
        vm.warp(vm.parseJsonUint(vector, ".time"));
        vm.roll(1000);
        anchor = uint64(vm.parseJsonUint(vector, ".anchor.number"));
        vm.setBlockhash(anchor, _word(".anchor.hash"));
        evidence = vm.parseJsonBytes(vector, ".evidence");
        chain = vm.parseJsonBytesArray(vector, ".chain");
        hints = vm.parseJsonBytesArray(vector, ".hints");
        identity = IEnclaveRegistry.Identity(
            vm.parseJsonAddress(vector, ".identity.receiptKey"),
            _word(".identity.tlsKeyHash"),
            _word(".identity.hpkeKey")
        );
        config = IEnclaveRegistry.Config(
            vm.parseJsonAddress(vector, ".config.operator"),
            _word(".config.releaseId"),
            uint32(vm.parseJsonUint(vector, ".config.maxInput")),
            uint32(vm.parseJsonUint(vector, ".config.maxOutput")),
            0
        );
        _deploy();
    }

    function _deploy() internal {
        verifier = new NitroVerifier(_word(".root"), owner, p384, hasher);
        IEvidenceVerifier[] memory verifiers = new IEvidenceVerifier[](1);
        verifiers[0] = verifier;
        Releases releases = new Releases();
        vm.setNonce(DEPLOYER, 0);
        vm.prank(DEPLOYER);
        registry = new EnclaveRegistry(releases, owner, 24 hours, verifiers);
        assertEq(address(registry), vm.parseJsonAddress(vector, ".config.registry"), "the registry's address");

        IReleases.Measurement[] memory measurements = new IReleases.Measurement[](1);
        measurements[0] = IReleases.Measurement(KIND, _word(".measurement"));
        vm.prank(vm.parseJsonAddress(vector, ".publisher"));
        bytes32 releaseId = releases.list(_word(".manifestHash"), measurements);
        assertEq(releaseId, config.releaseId, "the release");
    }

    /// @dev The hints from one position to before another; those before are empty. The document's is the last.
    function _hints(uint256 from, uint256 to) internal view returns (bytes memory all) {
        for (uint256 i = 0; i < to; ++i) {
            bytes memory hint = i < from ? bytes("") : hints[i];
            all = bytes.concat(all, bytes2(uint16(hint.length)), hint);
        }
    }

    /// @dev The upper certificates of the chain.
    function _chain(uint256 count) internal view returns (bytes[] memory part) {
        part = new bytes[](count);
        for (uint256 i = 0; i < count; ++i) {
            part[i] = chain[i];
        }
    }

    function _word(string memory key) internal view returns (bytes32) {
        return vm.parseJsonBytes32(vector, key);
    }
}
