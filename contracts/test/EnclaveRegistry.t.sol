// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {EnclaveRegistry} from "../src/EnclaveRegistry.sol";
import {IEnclaveRegistry, Receipt} from "../src/interfaces/IEnclaveRegistry.sol";
import {IEvidenceVerifier} from "../src/interfaces/IEvidenceVerifier.sol";
import {BlockHash} from "../src/libraries/BlockHash.sol";
import {SimulatedVerifier} from "../src/attest/SimulatedVerifier.sol";
import {RegistryFixture} from "./utils/RegistryFixture.sol";

/// @dev A verifier of any kind and assurance; it is never asked to verify.
contract NamedVerifier {
    uint8 public immutable kind;
    uint8 public immutable assurance;

    constructor(uint8 kind_, uint8 assurance_) {
        (kind, assurance) = (kind_, assurance_);
    }
}

/// @notice Registration and revocation of keys, and verifiers: what is refused, one cause a test.
contract EnclaveRegistryTest is RegistryFixture {
    function test_registers() public {
        vm.expectEmit(address(registry));
        emit IEnclaveRegistry.KeyRegistered(receiptKey, operator, releaseId, configHash(), 1, uint40(NOW + LIFETIME));
        register();
        IEnclaveRegistry.Key memory key = registry.keyOf(receiptKey, releaseId, configHash());
        assertEq(key.operator, operator, "operator");
        assertEq(uint256(key.evidenceTime), NOW, "evidence time");
        assertEq(uint256(key.expiresAt), NOW + LIFETIME, "expiry");
        assertEq(uint256(key.kind), 1, "kind");
        assertEq(uint256(key.assurance), 1, "assurance");
        assertFalse(key.revoked, "revoked");
        assertEq(key.releaseId, releaseId, "release");
        assertEq(key.configHash, configHash(), "configuration");
        assertEq(key.publisher, publisher, "publisher");
    }

    function test_anyoneRegistersForTheOperatorOfTheEvidence() public {
        bytes memory bytes_ = evidence();
        vm.prank(makeAddr("someone"));
        registry.register(1, bytes_, "", identity, config, ANCHOR);
        assertEq(registry.keyOf(receiptKey, releaseId, configHash()).operator, operator, "operator");
    }

    function test_unknownKeyIsAllZero() public view {
        IEnclaveRegistry.Key memory none;
        bytes memory key = abi.encode(registry.keyOf(receiptKey, releaseId, configHash()));
        assertEq(key, abi.encode(none), "key");
    }

    function test_acceptsAnchorsFromTheHistoryContract() public {
        vm.roll(ANCHOR + 1000);
        vm.etch(BlockHash.HISTORY, abi.encodePacked(hex"7f", ANCHOR_HASH, hex"5f5260205ff3"));
        register();
        assertEq(registry.keyOf(receiptKey, releaseId, configHash()).operator, operator, "operator");
    }

    // Replays, and evidence for something else

    function test_refusesReplays() public {
        register();
        _refuse(abi.encodeWithSelector(IEnclaveRegistry.KeyAlreadyRegistered.selector, receiptKey));
    }

    function test_refusesReplaysOfARevokedKey() public {
        register();
        vm.prank(operator);
        registry.revokeKey(receiptKey, releaseId, configHash());
        _refuse(abi.encodeWithSelector(IEnclaveRegistry.KeyAlreadyRegistered.selector, receiptKey));
    }

    /// @dev Evidence does not prove that its enclave holds the key that it names: somebody else may attest it first, in
    /// an image and for an operator of its own. That stands in nobody's way.
    function test_anotherEnclaveMayNameTheSameKey() public {
        IEnclaveRegistry.Config memory ours = config;
        address squatter = makeAddr("squatter");
        config.operator = squatter;
        bytes32 theirs = configHash();
        registry.register(1, document(documentParts(userData(), ANCHOR_HASH)), "", identity, config, ANCHOR);
        config = ours;
        register();

        assertEq(registry.keyOf(receiptKey, releaseId, theirs).operator, squatter, "theirs");
        assertEq(registry.keyOf(receiptKey, releaseId, configHash()).operator, operator, "ours");
        Receipt memory receipt = receiptOf();
        (, IEnclaveRegistry.Key memory key) = registry.checkReceipt(receipt, signature(receipt));
        assertEq(key.operator, operator, "our answers are ours");
        vm.prank(squatter);
        vm.expectRevert(abi.encodeWithSelector(IEnclaveRegistry.NotKeyOperator.selector, squatter, operator));
        registry.revokeKey(receiptKey, releaseId, configHash());
        vm.prank(squatter);
        registry.revokeKey(receiptKey, releaseId, theirs);
        registry.checkReceipt(receipt, signature(receipt));
    }

    function test_refusesAnotherOperator() public {
        bytes memory bytes_ = evidence();
        config.operator = makeAddr("thief");
        _refuseUserData(bytes_);
    }

    /// @dev An operator may not make its own enclave refuse what the relay lets others ask.
    function test_refusesLowLimits() public {
        config.maxInput = 65_535;
        _refuse(abi.encodeWithSelector(IEnclaveRegistry.LimitsTooLow.selector, 65_535, 65_536, 65_536));
        (config.maxInput, config.maxOutput) = (65_536, 0);
        _refuse(abi.encodeWithSelector(IEnclaveRegistry.LimitsTooLow.selector, 65_536, 0, 65_536));
    }

    function test_refusesEachOtherConfiguration() public {
        bytes memory bytes_ = evidence();
        config.maxInput += 1;
        _refuseUserData(bytes_);
        config.maxInput -= 1;
        config.maxOutput += 1;
        _refuseUserData(bytes_);
        config.maxOutput -= 1;
        config.engineHash = keccak256("an engine");
        _refuseUserData(bytes_);
        config.engineHash = 0;
        config.releaseId = keccak256("another release");
        _refuseUserData(bytes_);
    }

    /// @dev Version 2 of a configuration is another hash than version 1, and binds each field.
    function test_registersAnEngineOutsideTheImage() public {
        bytes32 without = configHash();
        config.engineHash = keccak256("an engine");
        bytes32 with = configHash();
        assertNotEq(without, with, "another hash");
        register();
        assertEq(registry.keyOf(receiptKey, releaseId, with).operator, operator, "registered");
        assertEq(registry.keyOf(receiptKey, releaseId, without).operator, address(0), "the other one");
    }

    function test_refusesEachOtherIdentity() public {
        bytes memory bytes_ = evidence();
        identity.tlsKeyHash = keccak256("another");
        _refuseUserData(bytes_);
        identity.tlsKeyHash = keccak256("tls");
        identity.hpkeKey = 0;
        _refuseUserData(bytes_);
        identity.hpkeKey = keccak256("hpke");
        identity.receiptKey = makeAddr("another");
        _refuseUserData(bytes_);
    }

    function test_refusesEvidenceForAnotherRegistry() public {
        bytes memory bytes_ = evidence();
        registry = newRegistry();
        _refuseUserData(bytes_);
    }

    function test_refusesEvidenceForAnotherChain() public {
        uint256 chain = block.chainid;
        vm.chainId(1);
        bytes32 elsewhere = userData();
        vm.chainId(chain);
        _refuseUserData(document(documentParts(elsewhere, ANCHOR_HASH)));
    }

    // Freshness

    function test_refusesAnotherNonce() public {
        bytes memory bytes_ = document(documentParts(userData(), keccak256("another")));
        _refuse(
            bytes_,
            ANCHOR,
            abi.encodeWithSelector(IEnclaveRegistry.NonceMismatch.selector, ANCHOR_HASH, keccak256("another"))
        );
    }

    function test_refusesAnotherAnchor() public {
        bytes32 other = keccak256("another block");
        vm.setBlockhash(ANCHOR + 1, other);
        bytes memory error_ = abi.encodeWithSelector(IEnclaveRegistry.NonceMismatch.selector, other, ANCHOR_HASH);
        _refuse(evidence(), ANCHOR + 1, error_);
    }

    function test_refusesUnavailableAnchors() public {
        vm.etch(BlockHash.HISTORY, "");
        uint64[4] memory anchors = [1000, 1001, type(uint64).max, 743];
        for (uint256 i = 0; i < anchors.length; ++i) {
            _refuse(
                document(documentParts(userData(), 0)),
                anchors[i],
                abi.encodeWithSelector(IEnclaveRegistry.AnchorUnavailable.selector, anchors[i])
            );
        }
    }

    function test_refusesStaleEvidence() public {
        bytes memory bytes_ = evidence();
        vm.warp(NOW + registry.MAX_EVIDENCE_AGE() + 1);
        _refuse(bytes_, ANCHOR, abi.encodeWithSelector(IEnclaveRegistry.EvidenceTooOld.selector, NOW));
        vm.warp(NOW + registry.MAX_EVIDENCE_AGE());
        registry.register(1, bytes_, "", identity, config, ANCHOR);
    }

    function test_refusesEvidenceFromTheFuture() public {
        bytes memory bytes_ = evidence();
        uint256 skew = registry.MAX_CLOCK_SKEW();
        vm.warp(NOW - skew - 1);
        _refuse(bytes_, ANCHOR, abi.encodeWithSelector(IEnclaveRegistry.EvidenceFromFuture.selector, NOW));
        vm.warp(NOW - skew);
        registry.register(1, bytes_, "", identity, config, ANCHOR);
        assertEq(
            uint256(registry.keyOf(receiptKey, releaseId, configHash()).evidenceTime),
            NOW - skew,
            "evidence time, never ahead"
        );
    }

    // Measurements and releases

    function test_refusesUnlistedMeasurements() public {
        bytes[] memory registers = defaultRegisters();
        registers[2] = bytes.concat(keccak256("other"), bytes16(0));
        DocumentParts memory parts = documentParts(userData(), ANCHOR_HASH);
        parts.fields[PCRS] = field("pcrs", pcrs(registers));
        bytes32 digest = measurementOf(registers);
        _refuse(
            document(parts),
            ANCHOR,
            abi.encodeWithSelector(IEnclaveRegistry.MeasurementNotListed.selector, releaseId, 1, digest)
        );
    }

    function test_refusesUnlistedPublishers() public {
        config.releaseId = keccak256(abi.encode(makeAddr("another publisher"), MANIFEST));
        bytes32 digest = measurementOf(defaultRegisters());
        _refuse(abi.encodeWithSelector(IEnclaveRegistry.MeasurementNotListed.selector, config.releaseId, 1, digest));
    }

    function test_refusesRevokedReleases() public {
        vm.prank(publisher);
        releases.revoke(releaseId);
        _refuse(abi.encodeWithSelector(IEnclaveRegistry.ReceiptReleaseRevoked.selector, releaseId));
    }

    // The call's own values

    function test_refusesZeroIdentities() public {
        identity.receiptKey = address(0);
        _refuse(abi.encodeWithSelector(IEnclaveRegistry.ZeroIdentity.selector, address(0), operator));
        identity.receiptKey = receiptKey;
        config.operator = address(0);
        _refuse(abi.encodeWithSelector(IEnclaveRegistry.ZeroIdentity.selector, receiptKey, address(0)));
    }

    function test_refusesUnknownKinds() public {
        bytes memory bytes_ = evidence();
        for (uint8 kind = 0; kind < 7; ++kind) {
            if (kind == 1) continue;
            vm.expectRevert(abi.encodeWithSelector(IEnclaveRegistry.UnknownKind.selector, kind));
            registry.register(kind, bytes_, "", identity, config, ANCHOR);
        }
    }

    function test_refusesInvalidEvidence() public {
        DocumentParts memory parts = documentParts(userData(), ANCHOR_HASH);
        parts.signer = ROOT_KEY;
        _refuse(document(parts), ANCHOR, abi.encodeWithSelector(SimulatedVerifier.InvalidDocumentSignature.selector));
    }

    // Revocation of keys

    function test_operatorRevokesItsKey() public {
        register();
        vm.expectEmit(address(registry));
        emit IEnclaveRegistry.KeyRevoked(receiptKey, operator, releaseId, configHash());
        vm.prank(operator);
        registry.revokeKey(receiptKey, releaseId, configHash());
        assertTrue(registry.keyOf(receiptKey, releaseId, configHash()).revoked, "revoked");
        vm.prank(operator);
        vm.expectRevert(abi.encodeWithSelector(IEnclaveRegistry.RevokedKey.selector, receiptKey));
        registry.revokeKey(receiptKey, releaseId, configHash());
    }

    function test_othersDoNotRevokeIt() public {
        register();
        address[3] memory others = [owner, publisher, receiptKey];
        for (uint256 i = 0; i < others.length; ++i) {
            vm.prank(others[i]);
            vm.expectRevert(abi.encodeWithSelector(IEnclaveRegistry.NotKeyOperator.selector, others[i], operator));
            registry.revokeKey(receiptKey, releaseId, configHash());
        }
        vm.expectRevert(abi.encodeWithSelector(IEnclaveRegistry.UnknownKey.selector, owner, releaseId, configHash()));
        registry.revokeKey(owner, releaseId, configHash());
    }

    // Verifiers

    function test_ownerAddsVerifiersOfOtherKinds() public {
        IEvidenceVerifier nitro = _named(2, 2);
        vm.expectEmit(address(registry));
        emit IEnclaveRegistry.VerifierAdded(2, address(nitro));
        vm.prank(owner);
        registry.addVerifier(nitro);
        assertEq(address(registry.verifierOf(2)), address(nitro), "verifier");
        vm.prank(owner);
        vm.expectRevert(abi.encodeWithSelector(IEnclaveRegistry.VerifierExists.selector, 2));
        registry.addVerifier(nitro);
    }

    function test_aTimelockOwnsIt() public {
        address[] memory roles = new address[](1);
        roles[0] = address(this);
        TimelockController timelock = new TimelockController(2 days, roles, roles, address(0));
        owner = address(timelock);
        registry = newRegistry();
        bytes memory call = abi.encodeCall(registry.addVerifier, (_named(2, 2)));
        timelock.schedule(address(registry), 0, call, 0, 0, 2 days);
        vm.expectPartialRevert(TimelockController.TimelockUnexpectedOperationState.selector);
        timelock.execute(address(registry), 0, call, 0, 0);
        vm.warp(NOW + 2 days);
        timelock.execute(address(registry), 0, call, 0, 0);
        assertNotEq(address(registry.verifierOf(2)), address(0), "verifier");
    }

    function test_othersAddNone() public {
        IEvidenceVerifier nitro = _named(2, 2);
        vm.prank(operator);
        vm.expectRevert(abi.encodeWithSelector(IEnclaveRegistry.NotOwner.selector, operator));
        registry.addVerifier(nitro);
    }

    function test_refusesVerifiersOfAnotherAssurance() public {
        uint8[2][5] memory odd = [[1, 2], [2, 1], [2, 0], [3, 3], [5, 5]];
        for (uint256 i = 0; i < odd.length; ++i) {
            IEvidenceVerifier[] memory verifiers = new IEvidenceVerifier[](1);
            verifiers[0] = _named(odd[i][0], odd[i][1]);
            bytes memory error_ = abi.encodeWithSelector(IEnclaveRegistry.WrongAssurance.selector, odd[i][0], odd[i][1]);
            vm.expectRevert(error_);
            new EnclaveRegistry(releases, owner, LIFETIME, verifiers);
        }
        IEvidenceVerifier zero = _named(0, 2);
        vm.prank(owner);
        vm.expectRevert(abi.encodeWithSelector(IEnclaveRegistry.UnknownKind.selector, 0));
        registry.addVerifier(zero);
    }

    function _named(uint8 kind, uint8 assurance) private returns (IEvidenceVerifier) {
        return IEvidenceVerifier(address(new NamedVerifier(kind, assurance)));
    }

    function _refuse(bytes memory error_) private {
        _refuse(evidence(), ANCHOR, error_);
    }

    function _refuse(bytes memory bytes_, uint64 anchor, bytes memory error_) private {
        vm.expectRevert(error_);
        registry.register(1, bytes_, "", identity, config, anchor);
    }

    function _refuseUserData(bytes memory bytes_) private {
        vm.expectPartialRevert(IEnclaveRegistry.UserDataMismatch.selector);
        registry.register(1, bytes_, "", identity, config, ANCHOR);
    }
}
