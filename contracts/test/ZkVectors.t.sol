// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ZkVerifiers} from "../src/ZkVerifiers.sol";
import {IZkVerifiers} from "../src/interfaces/IZkVerifiers.sol";
import {Test} from "./utils/Test.sol";
import {Vm} from "./utils/Vm.sol";

/// @notice Proofs that snarkjs made of the repository's models: ../vectors/zk/groth16.
contract ZkVectorsTest is Test {
    struct Vector {
        bytes32 artifact;
        bytes key;
        bytes32 inputHash;
        bytes output;
        bytes proof;
    }

    ZkVerifiers private verifiers;

    function setUp() public {
        vm.chainId(31_337);
        verifiers = new ZkVerifiers();
    }

    function test_everyVector() public {
        Vm.DirEntry[] memory entries = vm.readDir("../vectors/zk/groth16");
        uint256 seen;
        for (uint256 i; i < entries.length; ++i) {
            string memory path = entries[i].path;
            if (vm.indexOf(path, ".json") == type(uint256).max) continue;
            ++seen;
            Vector memory v = read(path);
            (bytes32 artifact,) = verifiers.register(v.key);
            assertEq(artifact, v.artifact, path);
            verifiers.check(artifact, v.inputHash, v.output, v.proof);
            refuseChanges(v);
            vm.chainId(1);
            if (v.key[5] != 0) {
                vm.expectRevert(abi.encodeWithSelector(IZkVerifiers.DevelopmentKey.selector, 1));
                verifiers.check(artifact, v.inputHash, v.output, v.proof);
            } else {
                verifiers.check(artifact, v.inputHash, v.output, v.proof);
            }
            vm.chainId(31_337);
        }
        assertGe(seen, 4, "vectors");
    }

    /// @notice A proof of one setup is none of another's, though the model is the same.
    function test_anotherSetup() public {
        Vector memory development = read("../vectors/zk/groth16/iris-ols.json");
        Vector memory ceremony = read("../vectors/zk/groth16/ceremony.json");
        assertEq(development.inputHash, ceremony.inputHash, "one input");
        assertEq(development.output, ceremony.output, "one output");
        verifiers.register(development.key);
        verifiers.register(ceremony.key);
        refuse(development, ceremony.proof);
        refuse(ceremony, development.proof);
    }

    /// @dev Each word of the proof, the input, and the lowest bit of each value, one by one.
    function refuseChanges(Vector memory v) private {
        for (uint256 i; i < 8; ++i) {
            v.proof[32 * i + 31] ^= 0x01;
            refuse(v, v.proof);
            v.proof[32 * i + 31] ^= 0x01;
        }
        uint256 header = 3 + 4 * uint256(uint8(v.output[2]));
        for (uint256 i = header; i < v.output.length; i += 4) {
            v.output[i] ^= 0x01;
            refuse(v, v.proof);
            v.output[i] ^= 0x01;
        }
        v.inputHash ^= bytes32(uint256(1));
        refuse(v, v.proof);
        v.inputHash ^= bytes32(uint256(1));
    }

    function refuse(Vector memory v, bytes memory proof) private {
        vm.expectRevert(abi.encodeWithSelector(IZkVerifiers.InvalidProof.selector));
        verifiers.check(v.artifact, v.inputHash, v.output, proof);
    }

    function read(string memory path) private view returns (Vector memory v) {
        string memory json = vm.readFile(path);
        v.artifact = vm.parseJsonBytes32(json, ".artifact");
        v.key = vm.parseJsonBytes(json, ".key");
        v.inputHash = vm.parseJsonBytes32(json, ".inputHash");
        v.output = vm.parseJsonBytes(json, ".output");
        v.proof = vm.parseJsonBytes(json, ".proof");
    }
}
