// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EnclaveRegistry} from "../src/EnclaveRegistry.sol";
import {IEnclaveRegistry, Receipt} from "../src/interfaces/IEnclaveRegistry.sol";
import {IEvidenceVerifier} from "../src/interfaces/IEvidenceVerifier.sol";
import {IReleases} from "../src/interfaces/IReleases.sol";
import {Releases} from "../src/Releases.sol";
import {SimulatedVerifier} from "../src/attest/SimulatedVerifier.sol";
import {Test} from "./utils/Test.sol";

/// @notice The contracts accept what the simulator and @nacre/verify made: vectors/README.md.
contract GoldenTest is Test {
    uint64 internal constant ANCHOR = 990;
    address internal constant DEPLOYER = address(0xd0000);

    string internal vector;
    Releases internal releases = new Releases();
    SimulatedVerifier internal verifier;
    EnclaveRegistry internal registry;

    function setUp() public {
        vector = vm.readFile("test/vectors/registration.json");
        vm.warp(vm.parseJsonUint(vector, ".time"));
        vm.roll(1000);
        vm.setBlockhash(ANCHOR, _word(".anchorHash"));

        bytes32 rootId = sha256(_bytes(".root"));
        verifier = new SimulatedVerifier(rootId);
        verifier.cacheCertificate(_bytes(".root"), rootId, "");
        verifier.cacheCertificate(_bytes(".leaf"), rootId, "");

        IEvidenceVerifier[] memory verifiers = new IEvidenceVerifier[](1);
        verifiers[0] = verifier;
        vm.prank(DEPLOYER);
        registry = new EnclaveRegistry(releases, DEPLOYER, 24 hours, verifiers);
        assertEq(address(registry), vm.parseJsonAddress(vector, ".config.registry"), "the registry's address");
    }

    function test_evidence() public view {
        IEvidenceVerifier.Attestation memory attestation = verifier.verify(_bytes(".evidence"), "");
        assertEq(attestation.measurement, _word(".measurement"), "measurement");
        assertEq(attestation.userData, _word(".userData"), "user data");
        assertEq(attestation.nonce, _word(".anchorHash"), "nonce");
        assertEq(uint256(attestation.timestamp), vm.parseJsonUint(vector, ".time"), "time");
    }

    function test_registrationAndReceipt() public {
        _list();
        IEnclaveRegistry.Identity memory identity = IEnclaveRegistry.Identity(
            vm.parseJsonAddress(vector, ".identity.receiptKey"),
            _word(".identity.tlsKeyHash"),
            _word(".identity.hpkeKey")
        );
        IEnclaveRegistry.Config memory config = IEnclaveRegistry.Config(
            vm.parseJsonAddress(vector, ".config.operator"),
            _word(".config.releaseId"),
            uint32(vm.parseJsonUint(vector, ".config.maxInput")),
            uint32(vm.parseJsonUint(vector, ".config.maxOutput")),
            0
        );
        registry.register(1, _bytes(".evidence"), "", identity, config, ANCHOR);
        bytes32 configHash = _word(".identity.configHash");
        address registered = registry.keyOf(identity.receiptKey, config.releaseId, configHash).operator;
        assertEq(registered, config.operator, "configuration hash");

        Receipt memory receipt = _receipt();
        assertEq(registry.hashReceipt(receipt), _word(".receiptId"), "receipt id");
        (address signer,) = registry.checkReceipt(receipt, _bytes(".signature"));
        assertEq(signer, identity.receiptKey, "signer");
    }

    function _list() private {
        IReleases.Measurement[] memory measurements = new IReleases.Measurement[](1);
        measurements[0] = IReleases.Measurement(1, _word(".measurement"));
        vm.prank(vm.parseJsonAddress(vector, ".release.publisher"));
        bytes32 releaseId = releases.list(_word(".release.manifestHash"), measurements);
        assertEq(releaseId, _word(".config.releaseId"), "release id");
    }

    function _receipt() private view returns (Receipt memory) {
        return Receipt({
            version: 1,
            requestId: _word(".receipt.requestId"),
            releaseId: _word(".receipt.releaseId"),
            configHash: _word(".receipt.configHash"),
            artifact: _word(".receipt.artifact"),
            inputHash: _word(".receipt.inputHash"),
            outputHash: _word(".receipt.outputHash"),
            parametersHash: _word(".receipt.parametersHash"),
            usageHash: _word(".receipt.usageHash"),
            status: uint8(vm.parseJsonUint(vector, ".receipt.status")),
            sequence: uint64(vm.parseJsonUint(vector, ".receipt.sequence")),
            anchorNumber: uint64(vm.parseJsonUint(vector, ".receipt.anchorNumber")),
            anchorHash: _word(".receipt.anchorHash"),
            parentsRoot: 0,
            extensionsRoot: 0
        });
    }

    function _word(string memory path) private view returns (bytes32) {
        return vm.parseJsonBytes32(vector, path);
    }

    function _bytes(string memory path) private view returns (bytes memory) {
        return vm.parseJsonBytes(vector, path);
    }
}
