// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EnclaveRegistry} from "../../src/EnclaveRegistry.sol";
import {IEnclaveRegistry, Receipt} from "../../src/interfaces/IEnclaveRegistry.sol";
import {IEvidenceVerifier} from "../../src/interfaces/IEvidenceVerifier.sol";
import {IReleases} from "../../src/interfaces/IReleases.sol";
import {Releases} from "../../src/Releases.sol";
import {SimulatedVerifier} from "../../src/attest/SimulatedVerifier.sol";
import {EvidenceBuilder} from "./EvidenceBuilder.sol";

/// @notice A registry with the real verifier, a listed release, and evidence that registers a key. Hashes are written
/// out again here from docs/protocol.md, apart from the libraries under test.
abstract contract RegistryFixture is EvidenceBuilder {
    uint40 internal constant LIFETIME = 24 hours;
    uint64 internal constant ANCHOR = 990;
    bytes32 internal constant ANCHOR_HASH = keccak256("the anchor block");
    bytes32 internal constant MANIFEST = keccak256("manifest hash");

    Releases internal releases;
    SimulatedVerifier internal verifier;
    EnclaveRegistry internal registry;
    bytes32 internal releaseId;

    address internal owner = makeAddr("timelock");
    address internal publisher = makeAddr("publisher");
    address internal operator = makeAddr("operator");
    address internal receiptKey;
    uint256 internal receiptPrivateKey;

    IEnclaveRegistry.Identity internal identity;
    IEnclaveRegistry.Config internal config;

    function setUp() public virtual {
        vm.warp(NOW);
        vm.roll(1000);
        vm.setBlockhash(ANCHOR, ANCHOR_HASH);
        (receiptKey, receiptPrivateKey) = makeKey("receipt key");
        releases = new Releases();
        verifier = deployVerifier();
        registry = newRegistry();
        releaseId = list(measurementOf(defaultRegisters()));
        identity = IEnclaveRegistry.Identity(receiptKey, keccak256("tls"), keccak256("hpke"));
        config = IEnclaveRegistry.Config(operator, releaseId, 65_536, 65_536, 0);
    }

    function newRegistry() internal returns (EnclaveRegistry) {
        IEvidenceVerifier[] memory verifiers = new IEvidenceVerifier[](1);
        verifiers[0] = verifier;
        return new EnclaveRegistry(releases, owner, LIFETIME, verifiers);
    }

    function list(bytes32 measurement) internal returns (bytes32) {
        IReleases.Measurement[] memory measurements = new IReleases.Measurement[](1);
        measurements[0] = IReleases.Measurement(1, measurement);
        vm.prank(publisher);
        return releases.list(MANIFEST, measurements);
    }

    function configHash() internal view returns (bytes32) {
        if (config.engineHash != 0) return keccak256(abi.encode(uint256(2), block.chainid, address(registry), config));
        return keccak256(
            abi.encode(
                uint256(1),
                block.chainid,
                address(registry),
                config.operator,
                config.releaseId,
                config.maxInput,
                config.maxOutput
            )
        );
    }

    function userData() internal view returns (bytes32) {
        return sha256(abi.encode(uint256(1), identity.receiptKey, identity.tlsKeyHash, identity.hpkeKey, configHash()));
    }

    function evidence() internal view returns (bytes memory) {
        return document(documentParts(userData(), ANCHOR_HASH));
    }

    function register() internal {
        registry.register(1, evidence(), "", identity, config, ANCHOR);
    }

    function receiptOf() internal view returns (Receipt memory receipt) {
        receipt.version = 1;
        receipt.requestId = keccak256("request");
        receipt.releaseId = releaseId;
        receipt.configHash = configHash();
        receipt.artifact = keccak256("artifact");
        receipt.inputHash = keccak256("input");
        receipt.outputHash = keccak256("output");
        receipt.parametersHash = keccak256("parameters");
        receipt.usageHash = keccak256("usage");
        receipt.sequence = 7;
        receipt.anchorNumber = ANCHOR;
        receipt.anchorHash = ANCHOR_HASH;
    }

    /// @dev EIP-712, for the domain of a registry on a chain.
    function digestOf(Receipt memory receipt, uint256 chainId, address verifyingContract)
        internal
        pure
        returns (bytes32)
    {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("Nacre"),
                keccak256("1"),
                chainId,
                verifyingContract
            )
        );
        bytes32 type_ = keccak256(
            "Receipt(uint16 version,bytes32 requestId,bytes32 releaseId,bytes32 configHash,bytes32 artifact,bytes32 inputHash,bytes32 outputHash,bytes32 parametersHash,bytes32 usageHash,uint8 status,uint64 sequence,uint64 anchorNumber,bytes32 anchorHash,bytes32 parentsRoot,bytes32 extensionsRoot)"
        );
        return keccak256(abi.encodePacked(hex"1901", domain, keccak256(abi.encode(type_, receipt))));
    }

    function signature(Receipt memory receipt) internal view returns (bytes memory) {
        return signatureOf(digestOf(receipt, block.chainid, address(registry)), receiptPrivateKey);
    }

    function signatureOf(bytes32 digest, uint256 privateKey) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(privateKey, digest);
        return abi.encodePacked(r, s, v);
    }
}
