// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ProvenClassifier} from "../src/examples/ProvenClassifier.sol";
import {IRelay} from "../src/interfaces/IRelay.sol";
import {Tensor} from "../src/libraries/Tensor.sol";
import {ZkStatement} from "../src/libraries/ZkStatement.sol";
import {RelayBase} from "./utils/relay/RelayBase.sol";
import {Vm} from "./utils/Vm.sol";

/// @notice Statements of proofs against ../vectors/zk-statements, and a consumer of them behind the real relay.
contract ZkStatementTest is RelayBase {
    bytes32 private constant FILE = keccak256("proof file");

    function decode(bytes calldata statement) external pure returns (ZkStatement.Proven memory, bytes memory) {
        return ZkStatement.decode(statement);
    }

    function first(bytes calldata tensors) external pure returns (bytes memory, bytes memory) {
        return Tensor.first(tensors);
    }

    function int32s(bytes calldata tensor) external pure returns (int32[] memory) {
        return Tensor.int32s(tensor);
    }

    // Vectors

    function test_vectors() public view {
        Vm.DirEntry[] memory entries = vm.readDir("../vectors/zk-statements");
        (uint256 valid, uint256 invalid) = (0, 0);
        for (uint256 i = 0; i < entries.length; ++i) {
            if (vm.indexOf(entries[i].path, ".json") == type(uint256).max) continue;
            string memory vector = vm.readFile(entries[i].path);
            if (!vm.keyExistsJson(vector, ".statement")) continue;
            bytes memory statement = vm.parseJsonBytes(vector, ".statement");
            if (vm.keyExistsJson(vector, ".revert")) {
                ++invalid;
                _checkInvalid(statement, vm.parseJsonString(vector, ".revert"), entries[i].path);
            } else {
                ++valid;
                _checkValid(statement, vector, entries[i].path);
            }
        }
        assertEq(valid, 2, "statements");
        assertEq(invalid, 16, "bytes that are none");
    }

    function _checkValid(bytes memory statement, string memory vector, string memory name) private view {
        assertEq(keccak256(statement), vm.parseJsonBytes32(vector, ".hash"), name);
        (ZkStatement.Proven memory proven, bytes memory outputs) = this.decode(statement);
        assertEq(proven.model, vm.parseJsonBytes32(vector, ".model"), name);
        assertEq(proven.proofHash, vm.parseJsonBytes32(vector, ".proofHash"), name);
        assertEq(proven.inputHash, vm.parseJsonBytes32(vector, ".inputHash"), name);
        assertEq(proven.outputHash, vm.parseJsonBytes32(vector, ".outputHash"), name);
        assertEq(proven.securityBits, vm.parseJsonUint(vector, ".securityBits"), name);
        assertEq(outputs, vm.parseJsonBytes(vector, ".outputs"), name);
    }

    function _checkInvalid(bytes memory statement, string memory wanted, string memory name) private view {
        try this.decode(statement) {
            fail(string.concat(name, ": accepted"));
        } catch (bytes memory error_) {
            bool isReason = keccak256(bytes(wanted)) == keccak256("InvalidStatement");
            string memory signature = string.concat(wanted, isReason ? "(bytes32)" : "(uint256)");
            assertEq(bytes4(error_), bytes4(keccak256(bytes(signature))), name);
        }
    }

    /// @notice Of a model with two outputs: sums, then classes.
    function test_outputsFollowEachOther() public {
        string memory vector = vm.readFile("../vectors/zk-statements/attention.json");
        (, bytes memory outputs) = this.decode(vm.parseJsonBytes(vector, ".statement"));
        (bytes memory sums, bytes memory rest) = this.first(outputs);
        (bytes memory classes, bytes memory nothing) = this.first(rest);
        assertEq(nothing.length, 0, "nothing follows");
        assertEq(this.int32s(sums).length, 3, "sums");
        int32[] memory values = this.int32s(classes);
        assertTrue(values[0] == 0 && values[1] == 0 && values[2] == 5, "classes");
        vm.expectRevert(abi.encodeWithSelector(Tensor.InvalidTensor.selector, bytes32("data length")));
        this.int32s(outputs);
        vm.expectRevert(abi.encodeWithSelector(Tensor.InvalidTensor.selector, bytes32("header")));
        this.first(nothing);
    }

    function testFuzz_statementsHaveOneEncoding(uint256 index, bytes1 value) public view {
        bytes memory statement = statementOf(keccak256("input"), hex"010602010000000300000001000000feffffff03000000");
        index = bound(index, 0, statement.length - 1);
        if (statement[index] == value) return;
        statement[index] = value;
        try this.decode(statement) returns (ZkStatement.Proven memory proven, bytes memory outputs) {
            assertEq(encode(proven, outputs), statement, "the same bytes");
        } catch {}
    }

    function testFuzz_int32s(int32 a, int32 b) public view {
        bytes memory tensor = bytes.concat(hex"01060102000000", littleEndian(a), littleEndian(b));
        int32[] memory values = this.int32s(tensor);
        assertTrue(values.length == 2 && values[0] == a && values[1] == b, "the same numbers");
        assertEq(Tensor.argmax(values), b > a ? 1 : 0, "argmax");
        (bytes memory one, bytes memory rest) = this.first(bytes.concat(tensor, hex"00"));
        assertEq(one, tensor, "the first");
        assertEq(rest, hex"00", "the rest");
    }

    function test_whatIsNoInt32() public {
        vm.expectRevert(abi.encodeWithSelector(Tensor.NotInt32.selector, 1));
        this.int32s(hex"010100" hex"0000803f");
        vm.expectRevert(abi.encodeWithSelector(Tensor.InvalidTensor.selector, bytes32("data length")));
        this.first(hex"010602ffffffffffffffff");
        vm.expectRevert(abi.encodeWithSelector(Tensor.InvalidTensor.selector, bytes32("rank")));
        this.first(hex"0106ff");
    }

    // A consumer

    function test_theClassOfTheInputThatWasMeant() public {
        (ProvenClassifier reader, Job memory job, bytes32 input) = askClassifier();
        job.output = statementOf(input, hex"010602010000000300000001000000feffffff03000000");
        job.receipt = receiptFor(job);
        vm.expectEmit(address(reader));
        emit ProvenClassifier.Answered(job.id, 0, input, 2);
        fulfil(job);
        (bytes32 id,, uint8 class, bytes32 proven) = reader.last();
        assertEq(id, job.id, "id");
        assertEq(class, 2, "class");
        assertEq(proven, input, "input");
    }

    function test_aProofAboutAnotherInputIsNotTaken() public {
        (ProvenClassifier reader, Job memory job,) = askClassifier();
        job.output = statementOf(keccak256("another"), hex"010602010000000300000001000000feffffff03000000");
        job.receipt = receiptFor(job);
        fulfil(job);
        (bytes32 id,,,) = reader.last();
        assertEq(id, bytes32(0), "nothing kept");
    }

    function test_aRefusedProofIsSaid() public {
        (ProvenClassifier reader, Job memory job,) = askClassifier();
        job = fail(job, 1, "zk-invalid-proof: refused by lookup-sum");
        fulfil(job);
        (bytes32 id, uint8 status,, bytes32 proven) = reader.last();
        assertEq(id, job.id, "id");
        assertEq(status, 1, "status");
        assertEq(proven, bytes32(0), "no input");
    }

    function askClassifier() private returns (ProvenClassifier reader, Job memory job, bytes32 input) {
        IRelay.Params memory p = params();
        (p.deadline, p.maxGasPrice, p.maxOutput) = (600, 0, 1024);
        reader = new ProvenClassifier(relay, address(this), p);
        input = keccak256("input");
        uint256 value = reader.price(GAS_PRICE);
        uint64 nonce = relay.nextNonce();
        hoax(alice, value);
        job.id = reader.ask{value: value}(FILE, SOURCE, input, GAS_PRICE);
        p = params();
        p.maxOutput = 1024;
        job.request = IRelay.Request(
            address(reader), nonce, uint64(vm.getBlockNumber()), uint64(vm.getBlockTimestamp()), FILE, p
        );
        mine(12);
        job.signer = aliceKey;
        job.receipt = receiptFor(job);
    }

    function statementOf(bytes32 input, bytes memory outputs) private pure returns (bytes memory) {
        bytes32 proof = sha256("proof");
        return encode(ZkStatement.Proven(keccak256("identity"), proof, input, keccak256(outputs), 102), outputs);
    }

    /// @dev As the protocol has it.
    function encode(ZkStatement.Proven memory p, bytes memory outputs) private pure returns (bytes memory) {
        return abi.encode(uint16(1), uint8(3), p.model, p.proofHash, p.inputHash, p.outputHash, p.securityBits, outputs);
    }

    function littleEndian(int32 value) private pure returns (bytes memory data) {
        data = new bytes(4);
        for (uint256 i; i < 4; ++i) {
            data[i] = bytes1(uint8(uint32(value) >> (8 * i)));
        }
    }
}
