// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EnclaveRegistry} from "../../../src/EnclaveRegistry.sol";
import {Operators} from "../../../src/Operators.sol";
import {Relay} from "../../../src/Relay.sol";
import {Releases} from "../../../src/Releases.sol";
import {ZkVerifiers} from "../../../src/ZkVerifiers.sol";
import {DevToken} from "../../../src/dev/DevToken.sol";
import {IEnclaveRegistry, Receipt} from "../../../src/interfaces/IEnclaveRegistry.sol";
import {IEvidenceVerifier} from "../../../src/interfaces/IEvidenceVerifier.sol";
import {IRelay} from "../../../src/interfaces/IRelay.sol";
import {IReleases} from "../../../src/interfaces/IReleases.sol";
import {Test} from "../Test.sol";
import {FakeTee} from "./FakeTee.sol";
import {Probe} from "./Probe.sol";

/// @notice The real contracts with one staked operator whose key was attested by a test double of a TEE.
abstract contract RelayBase is Test {
    /// @notice A request and its answer, ready to be changed in one place and sent.
    struct Job {
        bytes32 id;
        IRelay.Request request;
        Receipt receipt;
        bytes output;
        uint256 signer;
    }

    uint256 internal constant SLOT = 1 ether;
    uint96 internal constant PENALTY = 0.1 ether;
    uint96 internal constant COMPENSATION = 0.03 ether;
    uint64 internal constant EPOCH = 100;
    uint32 internal constant MAX_DEADLINE = 3600;
    uint64 internal constant UNBONDING = MAX_DEADLINE + 2 * EPOCH;
    uint32 internal constant WINDOW = 30;
    uint128 internal constant FEE = 0.01 ether;
    uint64 internal constant GAS_PRICE = 2 gwei;
    bytes32 internal constant ARTIFACT = keccak256("model");
    bytes32 internal constant MANIFEST = keccak256("manifest");
    bytes32 internal constant MEASUREMENT = keccak256("measurement");
    bytes internal constant SOURCE = "https://inputs.example/1";
    bytes internal constant INPUT = hex"01010201000000040000000000803f000000400000404000008040";

    Releases internal releases;
    EnclaveRegistry internal registry;
    Operators internal operators;
    ZkVerifiers internal zkVerifiers;
    Relay internal relay;
    DevToken internal token;
    Probe internal probe;
    FakeTee internal tee;

    address internal alice = makeAddr("alice");
    address internal insurance = makeAddr("insurance");
    address internal publisher = makeAddr("publisher");
    bytes32 internal releaseId;
    uint256 internal aliceKey = uint256(keccak256("alice's enclave"));

    function setUp() public virtual {
        vm.warp(1_800_000_000);
        vm.roll(1000);
        vm.fee(1 gwei);
        vm.txGasPrice(1 gwei);
        releases = new Releases();
        tee = new FakeTee(2, 2);
        IEvidenceVerifier[] memory verifiers = new IEvidenceVerifier[](1);
        verifiers[0] = tee;
        registry = new EnclaveRegistry(releases, address(this), 24 hours, verifiers);
        zkVerifiers = new ZkVerifiers();
        operators = new Operators(
            vm.computeCreateAddress(address(this), vm.getNonce(address(this)) + 1), SLOT, EPOCH, UNBONDING
        );
        relay = new Relay(parameters());
        token = new DevToken();
        probe = new Probe(relay);
        releaseId = list(publisher, MANIFEST);
        enlist(alice, 1);
        vm.prank(alice);
        operators.announce(ARTIFACT, address(token), 1e6, 60);
        register(aliceKey, alice, releaseId);
        mine(EPOCH);
    }

    function parameters() internal view returns (IRelay.Parameters memory) {
        return IRelay.Parameters({
            registry: registry,
            releases: releases,
            operators: operators,
            zkVerifiers: zkVerifiers,
            insurance: insurance,
            minFee: 0.001 ether,
            minCallbackGas: 30_000,
            maxCallbackGas: 5_000_000,
            minDeadline: 60,
            maxDeadline: MAX_DEADLINE,
            maxInput: 4096,
            maxOutput: 4096,
            window: WINDOW,
            minEvidenceAge: 600,
            penalty: PENALTY,
            compensationCap: COMPENSATION
        });
    }

    // Steps

    function mine(uint256 time) internal {
        vm.roll(vm.getBlockNumber() + 1);
        vm.warp(vm.getBlockTimestamp() + time);
    }

    function list(address by, bytes32 manifestHash) internal returns (bytes32) {
        IReleases.Measurement[] memory measurements = new IReleases.Measurement[](1);
        measurements[0] = IReleases.Measurement(2, MEASUREMENT);
        vm.prank(by);
        return releases.list(manifestHash, measurements);
    }

    function enlist(address operator, uint256 slots) internal {
        hoax(operator, slots * SLOT);
        operators.bond{value: slots * SLOT}();
        vm.prank(operator);
        operators.declare(releaseId, 2);
        vm.prank(operator);
        operators.announce(ARTIFACT, address(0), FEE, 60);
    }

    function config(address operator, bytes32 release) internal pure returns (IEnclaveRegistry.Config memory) {
        return IEnclaveRegistry.Config(operator, release, 65_536, 65_536, 0);
    }

    function configHash(address operator, bytes32 release) internal view returns (bytes32) {
        return keccak256(
            abi.encode(uint16(1), block.chainid, address(registry), operator, release, uint32(65_536), uint32(65_536))
        );
    }

    function register(uint256 key, address operator, bytes32 release) internal {
        registerAged(key, operator, release, 0);
    }

    function registerAged(uint256 key, address operator, bytes32 release, uint64 age) internal {
        IEnclaveRegistry.Identity memory identity =
            IEnclaveRegistry.Identity(vm.addr(key), bytes32(0), bytes32(uint256(7)));
        bytes32 userData = sha256(abi.encode(uint16(1), identity, configHash(operator, release)));
        uint64 anchor = uint64(vm.getBlockNumber() - 1);
        uint64 time = uint64(vm.getBlockTimestamp()) - age;
        bytes memory evidence =
            abi.encode(IEvidenceVerifier.Attestation(MEASUREMENT, userData, blockhash(anchor), time));
        registry.register(2, evidence, "", identity, config(operator, release), anchor);
    }

    function params() internal view returns (IRelay.Params memory p) {
        p.artifact = ARTIFACT;
        p.fee = FEE;
        p.maxOutput = 64;
        p.callbackGas = 300_000;
        p.maxGasPrice = GAS_PRICE;
        p.deadline = uint64(vm.getBlockTimestamp()) + 600;
        p.assurance = 2;
        p.maxEvidenceAge = 12 hours;
        p.releases = new bytes32[](1);
        p.releases[0] = releaseId;
    }

    function tokenParams() internal view returns (IRelay.Params memory p) {
        p = params();
        (p.feeToken, p.fee) = (address(token), 5e6);
    }

    function ask() internal returns (Job memory) {
        return ask(params());
    }

    /// @notice The probe asks; the answer is ready to send in the next block, signed by alice's enclave.
    function ask(IRelay.Params memory p) internal returns (Job memory) {
        return ask(p, "");
    }

    /// @notice The same by the input's hash.
    function askByHash(IRelay.Params memory p) internal returns (Job memory) {
        return ask(p, SOURCE);
    }

    /// @dev With a source, by hash.
    function ask(IRelay.Params memory p, bytes memory source) private returns (Job memory job) {
        job.request = IRelay.Request(
            address(probe),
            relay.nextNonce(),
            uint64(vm.getBlockNumber()),
            uint64(vm.getBlockTimestamp()),
            keccak256(INPUT),
            p
        );
        uint256 value = relay.quote(p);
        if (p.feeToken == address(token)) token.mint(address(probe), p.fee);
        vm.deal(address(this), value);
        job.id = source.length == 0
            ? probe.ask{value: value}(p, INPUT)
            : probe.askByHash{value: value}(p, keccak256(INPUT), source);
        mine(12);
        job.signer = aliceKey;
        job.output = hex"01010100000000" hex"0000803f";
        job.receipt = receiptFor(job);
    }

    function receiptFor(Job memory job) internal view returns (Receipt memory r) {
        r.version = 1;
        r.requestId = job.id;
        r.releaseId = releaseId;
        r.configHash = configHash(alice, releaseId);
        r.artifact = job.request.params.artifact;
        r.inputHash = job.request.inputHash;
        r.outputHash = keccak256(job.output);
        r.parametersHash = keccak256("parameters");
        r.usageHash = usage(job.request.params.fee, job.request.params);
        r.sequence = 1;
        r.anchorNumber = job.request.blockNumber;
        r.anchorHash = blockhash(job.request.blockNumber);
    }

    function usage(uint128 price, IRelay.Params memory p) internal pure returns (bytes32) {
        return keccak256(abi.encode(uint64(1), uint256(price), p.feeToken, p.maxOutput));
    }

    /// @notice Signs for another operator's key.
    function by(Job memory job, uint256 key, address operator, bytes32 release) internal view returns (Job memory) {
        job.signer = key;
        job.receipt.releaseId = release;
        job.receipt.configHash = configHash(operator, release);
        return job;
    }

    /// @notice Turns the answer into an error.
    function fail(Job memory job, uint8 status, bytes memory text) internal view returns (Job memory) {
        job.output = text;
        job.receipt.status = status;
        job.receipt.outputHash = keccak256(text);
        job.receipt.usageHash = usage(relay.priceOf(status, job.request.params.fee), job.request.params);
        return job;
    }

    function sign(Job memory job) internal view returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(job.signer, registry.hashReceipt(job.receipt));
        return abi.encodePacked(r, s, v);
    }

    function fulfil(Job memory job) internal {
        relay.fulfil(job.request, job.receipt, sign(job), job.output);
    }

    /// @notice Sends the answer and expects exactly this error.
    function refuse(Job memory job, bytes memory error) internal {
        bytes memory signature = sign(job);
        vm.expectRevert(error);
        relay.fulfil(job.request, job.receipt, signature, job.output);
        assertNotEq(relay.commitmentOf(job.id), bytes32(0), "request stays open");
    }

    /// @notice A second operator with stake, offer and key; it serves from the next epoch, which this waits for.
    function addBob(uint256 slots) internal returns (address bob, uint256 bobKey) {
        (bob, bobKey) = (makeAddr("bob"), uint256(keccak256("bob's enclave")));
        enlist(bob, slots);
        register(bobKey, bob, releaseId);
        mine(EPOCH);
    }

    /// @notice Asks until the draw falls on `operator`.
    function askFor(address operator) internal returns (Job memory job) {
        for (uint256 i; i < 30; ++i) {
            job = ask();
            (address holder,) = relay.assignedOf(job.request);
            if (holder == operator) return job;
            fulfil(holder == alice ? job : by(job, uint256(keccak256("bob's enclave")), holder, releaseId));
        }
        fail("no draw fell on the operator");
    }
}
