// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EnclaveRegistry} from "../../src/EnclaveRegistry.sol";
import {IEnclaveRegistry, Receipt} from "../../src/interfaces/IEnclaveRegistry.sol";
import {IEvidenceVerifier} from "../../src/interfaces/IEvidenceVerifier.sol";
import {IReleases} from "../../src/interfaces/IReleases.sol";
import {Releases} from "../../src/Releases.sol";
import {VerifierEnclave} from "../../src/attest/VerifierEnclave.sol";
import {FakeTee} from "./relay/FakeTee.sol";
import {Test} from "./Test.sol";

/// @notice Two verifier enclaves of two operators, and a statement that they sign. The enclaves are registered as
/// Nitro's by a stand-in for the verifier of Nitro documents: what it believes is this test's own word.
abstract contract VerifierEnclaveFixture is Test {
    /// @notice docs/protocol.md, Statement; as whole words, so that numbers can be out of range.
    struct Statement {
        uint256 version;
        uint256 kind;
        bytes32 evidenceHash;
        bytes32 measurement;
        bytes32 userData;
        bytes32 nonce;
        uint256 time;
    }

    struct Enclave {
        address key;
        uint256 privateKey;
        address operator;
        Receipt receipt;
    }

    uint40 internal constant NOW = 1_790_000_000;
    uint40 internal constant LIFETIME = 24 hours;
    uint64 internal constant ANCHOR = 990;
    bytes32 internal constant ANCHOR_HASH = keccak256("the anchor block");
    bytes32 internal constant POLICY = keccak256("policy");
    bytes32 internal constant MEASUREMENT = keccak256("a td's measurement");
    uint8 internal constant SIMULATED = 1;
    uint8 internal constant NITRO = 2;
    uint8 internal constant TDX = 3;
    uint8 internal constant NVIDIA = 6;

    Releases internal releases;
    EnclaveRegistry internal registry;
    VerifierEnclave internal quorum;
    bytes32 internal releaseId;
    address internal owner = makeAddr("timelock");
    address internal publisher = makeAddr("publisher");

    /// @dev By rising keys.
    Enclave internal first;
    Enclave internal second;
    Statement internal statement;

    /// @dev What the statement's evidence binds: a TD to be registered.
    IEnclaveRegistry.Identity internal identity;
    IEnclaveRegistry.Config internal config;

    function setUp() public virtual {
        vm.warp(NOW);
        vm.roll(1000);
        vm.setBlockhash(ANCHOR, ANCHOR_HASH);
        releases = new Releases();
        IEvidenceVerifier[] memory verifiers = new IEvidenceVerifier[](2);
        (verifiers[0], verifiers[1]) = (new FakeTee(SIMULATED, 1), new FakeTee(NITRO, 2));
        registry = new EnclaveRegistry(releases, owner, LIFETIME, verifiers);
        quorum = new VerifierEnclave(registry, TDX, POLICY, owner);
        vm.prank(owner);
        registry.addVerifier(quorum);
        releaseId = _list("the verifiers' image", [SIMULATED, NITRO, TDX]);
        accept(quorum);
        Enclave memory one = enclave("enclave one", makeAddr("operator one"), NITRO);
        place(one, enclave("enclave two", makeAddr("operator two"), NITRO));
        identity = IEnclaveRegistry.Identity(makeAddr("a td's key"), keccak256("tls"), keccak256("hpke"));
        config = IEnclaveRegistry.Config(makeAddr("operator three"), releaseId, 65_536, 65_536, 0);
        statement = Statement(1, TDX, keccak256("quote"), MEASUREMENT, userData(), ANCHOR_HASH, NOW - 60);
    }

    /// @notice Has the verifiers' release and both operators count, and the enclaves that there are.
    function accept(VerifierEnclave verifier) internal {
        vm.startPrank(owner);
        verifier.acceptRelease(releaseId);
        verifier.acceptOperator(makeAddr("operator one"));
        verifier.acceptOperator(makeAddr("operator two"));
        vm.stopPrank();
        if (first.key == address(0)) return;
        vm.prank(first.operator);
        verifier.claimKey(first.key);
        vm.prank(second.operator);
        verifier.claimKey(second.key);
    }

    /// @notice The two that sign, by rising keys.
    function place(Enclave memory one, Enclave memory two) internal {
        (Enclave memory lower, Enclave memory higher) = one.key < two.key ? (one, two) : (two, one);
        first = lower;
        second = higher;
    }

    /// @notice A registered enclave of a kind that its operator claims, with a receipt that is its to sign.
    function enclave(string memory name, address operator, uint8 kind) internal returns (Enclave memory made) {
        made = start(name, operator, kind);
        vm.prank(operator);
        quorum.claimKey(made.key);
    }

    /// @notice One that anybody may have started and registered: what it is configured for is not the operator's word.
    function start(string memory name, address operator, uint8 kind) internal returns (Enclave memory made) {
        (made.key, made.privateKey) = makeKey(name);
        made.operator = operator;
        IEnclaveRegistry.Config memory own = IEnclaveRegistry.Config(operator, releaseId, 1_048_576, 65_536, 0);
        made.receipt = receiptOf(own);
        IEnclaveRegistry.Identity memory keys = IEnclaveRegistry.Identity(made.key, 0, 0);
        bytes memory evidence_ = abi.encode(
            IEvidenceVerifier.Attestation(
                MEASUREMENT, _userData(keys, hashOf(own)), ANCHOR_HASH, uint64(block.timestamp)
            )
        );
        registry.register(kind, evidence_, "", keys, own, ANCHOR);
    }

    function receiptOf(IEnclaveRegistry.Config memory own) internal view returns (Receipt memory receipt) {
        receipt.version = 1;
        receipt.requestId = keccak256("request");
        receipt.releaseId = own.releaseId;
        receipt.configHash = hashOf(own);
        receipt.artifact = POLICY;
        receipt.inputHash = keccak256("case");
        receipt.parametersHash = keccak256("parameters");
        receipt.usageHash = keccak256("usage");
        receipt.sequence = 7;
        receipt.anchorNumber = ANCHOR;
        receipt.anchorHash = ANCHOR_HASH;
    }

    function userData() internal view returns (bytes32) {
        return _userData(identity, hashOf(config));
    }

    function hashOf(IEnclaveRegistry.Config memory own) internal view returns (bytes32) {
        return keccak256(
            abi.encode(
                uint256(1), block.chainid, address(registry), own.operator, own.releaseId, own.maxInput, own.maxOutput
            )
        );
    }

    /// @notice The receipt of an enclave for the statement as it is, and its signature.
    function signed(Enclave memory by) internal view returns (bytes memory) {
        return signed(by, abi.encode(statement));
    }

    function signed(Enclave memory by, bytes memory stated) internal view returns (bytes memory) {
        by.receipt.outputHash = keccak256(stated);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(by.privateKey, registry.hashReceipt(by.receipt));
        return bytes.concat(abi.encode(by.receipt), abi.encodePacked(r, s, v));
    }

    function evidence() internal view returns (bytes memory) {
        return evidence(abi.encode(statement));
    }

    function evidence(bytes memory stated) internal view returns (bytes memory) {
        return bytes.concat(stated, signed(first, stated), signed(second, stated));
    }

    function register() internal {
        registry.register(TDX, evidence(), "", identity, config, ANCHOR);
    }

    function refuse(bytes memory error_) internal view {
        refuse(evidence(), error_);
    }

    function refuse(bytes memory evidence_, bytes memory error_) internal view {
        (bool ok, bytes memory actual) = address(quorum).staticcall(abi.encodeCall(quorum.verify, (evidence_, "")));
        assertFalse(ok, "refused");
        assertEq(actual, error_, "the error");
    }

    function accepts(bytes memory evidence_) internal view returns (bool ok) {
        (ok,) = address(quorum).staticcall(abi.encodeCall(quorum.verify, (evidence_, "")));
    }

    function _userData(IEnclaveRegistry.Identity memory keys, bytes32 configHash) private pure returns (bytes32) {
        return sha256(abi.encode(uint256(1), keys, configHash));
    }

    function _list(string memory manifest, uint8[3] memory kinds) private returns (bytes32) {
        IReleases.Measurement[] memory measurements = new IReleases.Measurement[](kinds.length);
        for (uint256 i = 0; i < kinds.length; ++i) {
            measurements[i] = IReleases.Measurement(kinds[i], MEASUREMENT);
        }
        vm.prank(publisher);
        return releases.list(keccak256(bytes(manifest)), measurements);
    }
}
