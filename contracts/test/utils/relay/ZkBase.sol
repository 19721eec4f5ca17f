// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IRelay} from "../../../src/interfaces/IRelay.sol";
import {Receipt} from "../../../src/interfaces/IEnclaveRegistry.sol";
import {Trapdoor} from "../zk/Trapdoor.sol";
import {RelayBase} from "./RelayBase.sol";

/// @notice A provable model with a development key, and one that claims a ceremony: alice announces the first.
abstract contract ZkBase is RelayBase {
    using Trapdoor for Trapdoor.Key;

    bytes32 internal constant INPUT_HASH = bytes32(uint256(0x1234));

    bytes32 internal zkArtifact;

    function setUp() public virtual override {
        super.setUp();
        vm.chainId(31_337);
        (zkArtifact,) = zkVerifiers.register(Trapdoor.digits(1).fileOf());
        announceZk(alice);
        mine(EPOCH);
    }

    function announceZk(address operator) internal {
        vm.prank(operator);
        operators.announce(zkArtifact, address(0), FEE, 60);
        vm.prank(operator);
        operators.announce(zkArtifact, address(token), 1e6, 60);
    }

    function zkParams() internal view returns (IRelay.Params memory p) {
        p = params();
        (p.artifact, p.assurance, p.maxEvidenceAge) = (zkArtifact, 3, 0);
        (p.releases, p.maxOutput) = (new bytes32[](0), 128);
    }

    function askZk() internal returns (Job memory) {
        return askZk(zkParams());
    }

    /// @notice The probe asks; the answer is ready to send in the next block.
    function askZk(IRelay.Params memory p) internal returns (Job memory job) {
        job.request = IRelay.Request(
            address(probe),
            relay.nextNonce(),
            uint64(vm.getBlockNumber()),
            uint64(vm.getBlockTimestamp()),
            INPUT_HASH,
            p
        );
        uint256 value = relay.quote(p);
        if (p.feeToken == address(token)) token.mint(address(probe), p.fee);
        vm.deal(address(this), value);
        job.id = probe.askByHash{value: value}(p, INPUT_HASH, SOURCE);
        mine(12);
        return answerZk(job);
    }

    function answerZk(Job memory job) internal view returns (Job memory) {
        Trapdoor.Key memory key = Trapdoor.digits(1);
        job.signer = aliceKey;
        job.output = key.tensor(key.valuesOf(uint256(job.id)));
        job.receipt = zkReceipt(job);
        return job;
    }

    function zkReceipt(Job memory job) internal view returns (Receipt memory r) {
        r = receiptFor(job);
        (r.releaseId, r.configHash, r.parametersHash, r.sequence) = (0, 0, 0, 0);
    }

    function proofOf(Job memory job) internal view returns (bytes memory) {
        Trapdoor.Key memory key = Trapdoor.digits(1);
        return key.prove(job.request.inputHash, key.valuesOf(uint256(job.id)), uint256(job.id) % 1000);
    }

    function acceptZk(address operator, Job memory job) internal {
        vm.prank(operator);
        relay.accept(job.request);
    }

    function fulfilZk(Job memory job) internal {
        bytes memory proof = proofOf(job);
        relay.fulfil(job.request, job.receipt, proof, job.output);
    }

    /// @notice Sends the answer with a proof and expects exactly this error.
    function refuseZk(Job memory job, bytes memory proof, bytes memory error_) internal {
        vm.expectRevert(error_);
        relay.fulfil(job.request, job.receipt, proof, job.output);
        assertNotEq(relay.commitmentOf(job.id), bytes32(0), "request stays open");
    }
}
