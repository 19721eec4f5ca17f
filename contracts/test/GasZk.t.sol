// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IRelay} from "../src/interfaces/IRelay.sol";
import {ZkBase} from "./utils/relay/ZkBase.sol";
import {Trapdoor} from "./utils/zk/Trapdoor.sol";

/// @notice Gas of zk requests, whole transactions with their calldata: a model with ten outputs of 20 bits, which are one
/// public signal beside the input's commitment.
contract GasZkTest is ZkBase {
    using Trapdoor for Trapdoor.Key;

    function test_check() public {
        assertLe(check(Trapdoor.digits(1), "zk.check"), 240_000, "target");
        check(Trapdoor.vector(16 * 7, 32, type(int32).min), "zk.check sixteen elements");
    }

    function check(Trapdoor.Key memory key, string memory name) private returns (uint256 gas) {
        (bytes32 artifact,) = zkVerifiers.register(key.fileOf());
        int256[] memory values = key.valuesOf(1);
        bytes memory proof = key.prove(INPUT_HASH, values, 1);
        bytes memory data = abi.encodeCall(zkVerifiers.check, (artifact, INPUT_HASH, key.tensor(values), proof));
        (bool ok,) = address(zkVerifiers).call(data); // a view is no transaction
        assertTrue(ok, "checked");
        gas = vm.lastCallGas().gasTotalUsed;
        vm.snapshotValue("zk", name, gas);
    }

    function test_register() public {
        zkVerifiers.register(Trapdoor.digits(0).fileOf());
        vm.snapshotGasLastCall("zk", "zk.register");
    }

    function test_request() public {
        Job memory job = askAs();
        acceptZk(alice, job);
        fulfilZk(job); // now all accounts have credits
        job = askAs();
        vm.snapshotValue("zk", "zk.requestByHash", lastRequest);
        acceptZk(alice, job);
        vm.snapshotValue("zk", "zk.accept", vm.lastCallGas().gasTotalUsed);
        bytes memory proof = proofOf(job);
        relay.fulfil(job.request, job.receipt, proof, job.output);
        vm.snapshotValue("zk", "zk.fulfil", vm.lastCallGas().gasTotalUsed);
    }

    uint256 private lastRequest;
    address private asker = makeAddr("asker");

    function askAs() private returns (Job memory job) {
        IRelay.Params memory p = zkParams();
        job.request = IRelay.Request(
            asker, relay.nextNonce(), uint64(vm.getBlockNumber()), uint64(vm.getBlockTimestamp()), INPUT_HASH, p
        );
        uint256 value = relay.quote(p);
        hoax(asker, value + 1 ether);
        job.id = relay.requestByHash{value: value}(p, INPUT_HASH, SOURCE);
        lastRequest = vm.lastCallGas().gasTotalUsed;
        mine(12);
        return answerZk(job);
    }
}
