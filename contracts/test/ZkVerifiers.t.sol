// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ZkVerifiers} from "../src/ZkVerifiers.sol";
import {IGroth16Verifier, IZkVerifiers} from "../src/interfaces/IZkVerifiers.sol";
import {Test} from "./utils/Test.sol";
import {Trapdoor} from "./utils/zk/Trapdoor.sol";

/// @notice Keys and proofs of setups whose secrets are known, so that any statement can be proven.
contract ZkVerifiersTest is Test {
    using Trapdoor for Trapdoor.Key;

    uint256 private constant POINTS = 24;
    bytes32 private constant INPUT_HASH = bytes32(uint256(0x1234));

    ZkVerifiers private verifiers;

    function setUp() public {
        vm.chainId(31_337);
        verifiers = new ZkVerifiers();
    }

    function register(Trapdoor.Key memory key) private returns (bytes32 artifact) {
        (artifact,) = verifiers.register(key.fileOf());
    }

    // Registering

    function test_registersOnce() public {
        bytes memory file = Trapdoor.digits(1).fileOf();
        bytes32 expected = sha256(file);
        assertEq(verifiers.verifierOf(expected), address(0), "not yet");
        vm.expectEmit(true, false, false, true, address(verifiers));
        emit IZkVerifiers.Registered(expected, address(0), true);
        (bytes32 artifact, address verifier) = verifiers.register(file);
        assertEq(artifact, expected, "artifact");
        assertEq(verifiers.verifierOf(artifact), verifier, "kept");
        vm.prank(makeAddr("mallory"));
        (, address again) = verifiers.register(file);
        assertEq(again, verifier, "who registers does not matter");
    }

    /// @notice The address follows from the file and the factory: a front-runner can only do the work.
    function test_addressFollowsFromTheFile() public {
        bytes memory file = Trapdoor.digits(1).fileOf();
        uint256 state = vm.snapshotState();
        vm.prank(makeAddr("mallory"));
        (, address first) = verifiers.register(file);
        vm.revertToState(state);
        register(Trapdoor.digits(0));
        (, address second) = verifiers.register(file);
        assertEq(second, first, "address");
    }

    function test_codeEndsWithTheFile() public {
        bytes memory file = Trapdoor.digits(1).fileOf();
        (, address verifier) = verifiers.register(file);
        bytes memory code = verifier.code;
        for (uint256 i; i < file.length; ++i) {
            assertEq(uint256(uint8(code[code.length - 4 - file.length + i])), uint256(uint8(file[i])), "byte");
        }
    }

    function test_developmentKeysAreForTheDevelopmentChain() public {
        Trapdoor.Key memory key = Trapdoor.digits(1);
        bytes memory file = key.fileOf();
        bytes32 ceremony = register(Trapdoor.digits(0));
        (bytes32 artifact, address verifier) = verifiers.register(file);
        (bytes memory output, bytes memory proof) = answer(key);
        verifiers.check(artifact, INPUT_HASH, output, proof);

        vm.chainId(1);
        bytes memory refused = abi.encodeWithSelector(IZkVerifiers.DevelopmentKey.selector, 1);
        vm.expectRevert(refused);
        verifiers.check(artifact, INPUT_HASH, output, proof);
        vm.expectRevert(refused);
        IGroth16Verifier(verifier).verify(INPUT_HASH, output, proof);
        ZkVerifiers fresh = new ZkVerifiers();
        vm.expectRevert(refused);
        fresh.register(file);
        // A wrong flag does not help: gamma tells.
        file[5] = 0x00;
        refuseKey(file, "setup");
        (output, proof) = answer(Trapdoor.digits(0));
        verifiers.check(ceremony, INPUT_HASH, output, proof);
    }

    function test_setup() public {
        bytes memory file = Trapdoor.digits(0).fileOf();
        file[5] = 0x01; // a development key with the generator as its gamma
        refuseKey(file, "setup");
        file[5] = 0x02;
        refuseKey(file, "setup");
        (uint256 gamma, uint256 delta) = (POINTS + 192, POINTS + 320);
        refuseKey(put(Trapdoor.digits(0).fileOf(), delta, Trapdoor.g2(1)), "no contribution");
        refuseKey(put(Trapdoor.digits(1).fileOf(), delta, Trapdoor.g2(1)), "no contribution");
        refuseKey(put(Trapdoor.digits(1).fileOf(), gamma, Trapdoor.g2(7)), "no contribution");
        refuseKey(put(Trapdoor.digits(0).fileOf(), gamma, Trapdoor.g2(11)), "setup");
    }

    function test_header() public {
        bytes memory file = Trapdoor.digits(1).fileOf();
        refuseKey("", "version");
        refuseKey(slice(file, 15), "version");
        refuseKey(put(file, 0, "NZKH"), "version");
        refuseKey(put(file, 4, hex"00"), "version");
        refuseKey(put(file, 4, hex"02"), "version");
        refuseKey(put(file, 6, hex"00"), "width");
        refuseKey(put(file, 6, hex"21"), "width");
        refuseKey(put(file, 7, hex"00000000"), "count");
        refuseKey(put(file, 7, hex"000000c1"), "count"); // 193 of 12 an element: the 17th
        refuseKey(put(file, 7, hex"ffffffff"), "count");
        refuseKey(put(file, 7, hex"00000009"), "dimensions");
        refuseKey(put(file, 15, hex"00"), "rank");
        refuseKey(put(file, 15, hex"09"), "rank");
        refuseKey(put(file, 15, hex"01"), "size");
        refuseKey(put(file, 16, hex"00000000"), "dimensions");
        refuseKey(put(file, 16, hex"00000002"), "dimensions");
    }

    /// @notice The product of the dimensions is not taken modulo anything.
    function test_dimensionsThatOverflow() public {
        Trapdoor.Key memory key = Trapdoor.vector(1, 8, 0);
        key.dims = new uint32[](8);
        for (uint256 i; i < 8; ++i) {
            key.dims[i] = 1;
        }
        bytes memory file = key.fileOf();
        verifiers.register(file);
        for (uint256 i; i < 8; ++i) {
            file = put(file, 16 + 4 * i, hex"ffffffff");
        }
        refuseKey(file, "dimensions");
    }

    function test_size() public {
        bytes memory file = Trapdoor.digits(1).fileOf();
        refuseKey(slice(file, file.length - 1), "size");
        refuseKey(slice(file, file.length - 64), "size");
        refuseKey(bytes.concat(file, hex"00"), "size");
        refuseKey(bytes.concat(file, Trapdoor.g1(9)), "size");
    }

    /// @notice Each point at infinity, off its curve, above the field, or outside its group.
    function test_points() public {
        checkG1(POINTS, "alpha");
        checkG2(POINTS + 64, "beta");
        checkG2(POINTS + 192, "gamma");
        checkG2(POINTS + 320, "delta");
        for (uint256 i; i < 3; ++i) {
            checkG1(POINTS + 448 + 64 * i, "ic");
        }
    }

    function checkG1(uint256 offset, bytes32 rule) private {
        bytes memory file = Trapdoor.digits(1).fileOf();
        refuseKey(put(file, offset, new bytes(64)), rule);
        refuseKey(put(file, offset, abi.encode(1, 3)), rule);
        refuseKey(put(file, offset, abi.encode(Trapdoor.Q + 1, 2)), rule);
        refuseKey(put(file, offset, abi.encode(1, Trapdoor.Q + 2)), rule);
    }

    function checkG2(uint256 offset, bytes32 rule) private {
        bytes memory file = Trapdoor.digits(1).fileOf();
        refuseKey(put(file, offset, new bytes(128)), rule);
        refuseKey(put(file, offset, Trapdoor.outsideG2()), rule);
        bytes memory point = Trapdoor.g2(17);
        for (uint256 i; i < 4; ++i) {
            uint256 word = uint256(wordAt(point, 32 * i));
            refuseKey(put(file, offset + 32 * i, abi.encode(word + Trapdoor.Q)), rule);
        }
        point[127] ^= 0x01;
        refuseKey(put(file, offset, point), rule);
    }

    /// @notice Every byte of a key file counts: a changed one is refused, or another artifact that knows no old proof.
    function test_everyByteOfAKeyCounts() public {
        Trapdoor.Key memory key = Trapdoor.digits(1);
        bytes memory file = key.fileOf();
        bytes32 honest = sha256(file);
        (bytes memory output, bytes memory proof) = answer(key);
        for (uint256 i; i < file.length; i += i < POINTS ? 1 : 37) {
            bytes memory changed = put(file, i, abi.encodePacked(file[i] ^ 0x01));
            try verifiers.register(changed) returns (bytes32 artifact, address) {
                assertNotEq(artifact, honest, "another artifact");
                vm.expectRevert();
                verifiers.check(artifact, INPUT_HASH, output, proof);
            } catch {}
        }
    }

    function test_registeringWithTooLittleGas() public {
        bytes memory file = Trapdoor.digits(1).fileOf();
        for (uint256 gas_ = 30_000; gas_ < 2_000_000; gas_ += 97_000) {
            try verifiers.register{gas: gas_}(file) returns (bytes32, address verifier) {
                assertGt(verifier.code.length, file.length, "whole");
                return;
            } catch (bytes memory error_) {
                assertTrue(bytes4(error_) != IZkVerifiers.InvalidKey.selector, "the key is not called wrong");
            }
        }
        fail("never registered");
    }

    // Proofs

    function test_proof() public {
        Trapdoor.Key memory key = Trapdoor.digits(1);
        bytes32 artifact = register(key);
        (bytes memory output, bytes memory proof) = answer(key);
        verifiers.check(artifact, INPUT_HASH, output, proof);
        IGroth16Verifier(verifiers.verifierOf(artifact)).verify(INPUT_HASH, output, proof);
    }

    function testFuzz_proofsOfAnyStatement(bytes32 inputHash, uint8 width, uint16 count, uint256 seed) public {
        inputHash = bytes32(uint256(inputHash) % Trapdoor.R);
        width = uint8(bound(width, 1, 32));
        count = uint16(bound(count, 1, width < 4 ? 40 : 2 * (253 / uint256(width)) + 1));
        int32 lo = width == 32 ? type(int32).min : -int32(int256(seed % 2 ** uint256(width)));
        Trapdoor.Key memory key = Trapdoor.vector(count, width, lo);
        bytes32 artifact = register(key);
        int256[] memory values = key.valuesOf(seed);
        bytes memory proof = key.prove(inputHash, values, seed);
        bytes memory output = key.tensor(values);
        verifiers.check(artifact, inputHash, output, proof);

        // another value, input or proof
        uint256 index = seed % count;
        values[index] = values[index] == key.lo ? key.lo + 1 : values[index] - 1;
        refuse(artifact, inputHash, key.tensor(values), proof, "");
        refuse(artifact, bytes32((uint256(inputHash) + 1) % Trapdoor.R), output, proof, "");
        proof[seed % 256] ^= bytes1(uint8(1 << (seed >> 8) % 8));
        refuse(artifact, inputHash, output, proof, "");
    }

    /// @notice As many public signals as there can be.
    function test_sixteenElements() public {
        Trapdoor.Key memory key = Trapdoor.vector(16 * 7, 32, type(int32).min);
        bytes32 artifact = register(key);
        int256[] memory values = key.valuesOf(3);
        (values[0], values[111]) = (type(int32).min, type(int32).max);
        bytes memory proof = key.prove(INPUT_HASH, values, 3);
        verifiers.check(artifact, INPUT_HASH, key.tensor(values), proof);
        for (uint256 i; i < 112; i += 7) {
            values[i] ^= 1;
            refuse(artifact, INPUT_HASH, key.tensor(values), proof, "");
            values[i] ^= 1;
        }
    }

    function test_theEdgesOfTheRange() public {
        Trapdoor.Key memory key = Trapdoor.vector(3, 4, -8);
        bytes32 artifact = register(key);
        int256[] memory values = key.valuesOf(1);
        (values[0], values[1], values[2]) = (-8, 7, 0);
        bytes memory proof = key.prove(INPUT_HASH, values, 1);
        verifiers.check(artifact, INPUT_HASH, key.tensor(values), proof);
        values[1] = 8; // would be one more in the next value
        values[2] = -1;
        refuse(artifact, INPUT_HASH, key.tensor(values), proof, outOfRange(1));
        values[0] = -9;
        refuse(artifact, INPUT_HASH, key.tensor(values), proof, outOfRange(0));
        (values[0], values[1], values[2]) = (0, 0, type(int32).min);
        refuse(artifact, INPUT_HASH, key.tensor(values), proof, outOfRange(2));
        values[2] = type(int32).max;
        refuse(artifact, INPUT_HASH, key.tensor(values), proof, outOfRange(2));
    }

    function test_outputsThatAreNotTheModels() public {
        Trapdoor.Key memory key = Trapdoor.digits(1);
        bytes32 artifact = register(key);
        (bytes memory output, bytes memory proof) = answer(key);
        bytes memory wrong = abi.encodeWithSelector(IZkVerifiers.WrongOutput.selector);
        refuse(artifact, INPUT_HASH, put(output, 1, hex"01"), proof, wrong); // as float32
        refuse(artifact, INPUT_HASH, put(output, 3, hex"0a0000000100"), proof, wrong); // [10, 1]
        bytes memory flat = bytes.concat(hex"010601", hex"0a000000", tail(output, 11));
        refuse(artifact, INPUT_HASH, flat, proof, wrong);
        bytes memory nine = bytes.concat(hex"01060201000000", hex"09000000", slice(tail(output, 11), 36));
        refuse(artifact, INPUT_HASH, nine, proof, wrong);
        refuse(artifact, INPUT_HASH, bytes.concat(output, hex"00"), proof, wrong);
        refuse(artifact, INPUT_HASH, slice(output, output.length - 1), proof, wrong);
        refuse(artifact, INPUT_HASH, put(output, 0, hex"02"), proof, wrong);
        refuse(artifact, INPUT_HASH, "", proof, wrong);
    }

    function test_anotherModelOrInput() public {
        Trapdoor.Key memory key = Trapdoor.digits(1);
        Trapdoor.Key memory other = Trapdoor.digits(1);
        other.seed = 99;
        (bytes32 artifact, bytes32 twin) = (register(key), register(other));
        (bytes memory output, bytes memory proof) = answer(key);
        refuse(twin, INPUT_HASH, output, proof, "");
        refuse(artifact, bytes32(uint256(INPUT_HASH) + 1), output, proof, "");
        refuse(artifact, bytes32(0), output, proof, "");
        bytes32 unknown = keccak256("unknown");
        refuse(
            unknown, INPUT_HASH, output, proof, abi.encodeWithSelector(IZkVerifiers.UnknownVerifier.selector, unknown)
        );
    }

    /// @notice A signal of r more would be the same to the pairing.
    function test_signalsAreBelowTheOrder() public {
        Trapdoor.Key memory key = Trapdoor.digits(1);
        bytes32 artifact = register(key);
        (bytes memory output, bytes memory proof) = answer(key);
        for (uint256 i = 1; i < 5; ++i) {
            bytes32 same = bytes32(uint256(INPUT_HASH) + i * Trapdoor.R);
            refuse(artifact, same, output, proof, abi.encodeWithSelector(IZkVerifiers.InvalidInputHash.selector, same));
        }
        bytes32 last = bytes32(Trapdoor.R - 1);
        int256[] memory values = key.valuesOf(1);
        verifiers.check(artifact, last, key.tensor(values), key.prove(last, values, 1));
        verifiers.check(artifact, 0, key.tensor(values), key.prove(0, values, 1));
    }

    function test_proofsThatAreNone() public {
        Trapdoor.Key memory key = Trapdoor.digits(1);
        bytes32 artifact = register(key);
        (bytes memory output, bytes memory proof) = answer(key);
        refuse(artifact, INPUT_HASH, output, "", wrongSize(0));
        refuse(artifact, INPUT_HASH, output, slice(proof, 255), wrongSize(255));
        refuse(artifact, INPUT_HASH, output, bytes.concat(proof, hex"00"), wrongSize(257));
        refuse(artifact, INPUT_HASH, output, bytes.concat(proof, proof), wrongSize(512));
        refuse(artifact, INPUT_HASH, output, new bytes(256), "");
        refuse(artifact, INPUT_HASH, output, put(proof, 0, new bytes(64)), "");
        refuse(artifact, INPUT_HASH, output, put(proof, 64, new bytes(128)), "");
        refuse(artifact, INPUT_HASH, output, put(proof, 192, new bytes(64)), "");
        refuse(artifact, INPUT_HASH, output, put(proof, 0, abi.encode(1, 3)), ""); // off the curve
        refuse(artifact, INPUT_HASH, output, put(proof, 192, abi.encode(1, 3)), "");
        refuse(artifact, INPUT_HASH, output, put(proof, 64, Trapdoor.outsideG2()), "");
        // A's negative
        uint256 y = uint256(wordAt(proof, 32));
        refuse(artifact, INPUT_HASH, output, put(proof, 32, abi.encode(Trapdoor.Q - y)), "");
        for (uint256 i; i < 8; ++i) {
            uint256 word = uint256(wordAt(proof, 32 * i));
            refuse(artifact, INPUT_HASH, output, put(proof, 32 * i, abi.encode(word + Trapdoor.Q)), "");
            refuse(artifact, INPUT_HASH, output, put(proof, 32 * i, abi.encode(type(uint256).max)), "");
        }
    }

    /// @notice Real and imaginary parts the other way round.
    function test_theOtherOrderOfB() public {
        Trapdoor.Key memory key = Trapdoor.digits(1);
        bytes32 artifact = register(key);
        (bytes memory output, bytes memory proof) = answer(key);
        bytes memory swapped =
            bytes.concat(wordAt(proof, 96), wordAt(proof, 64), wordAt(proof, 160), wordAt(proof, 128));
        refuse(artifact, INPUT_HASH, output, put(proof, 64, swapped), "");
    }

    /// @notice Proofs of the same can be made of each other: a proof is no name of an answer.
    function test_proofsCanBeChangedIntoOthersOfTheSame() public {
        Trapdoor.Key memory key = Trapdoor.digits(1);
        bytes32 artifact = register(key);
        (bytes memory output, bytes memory proof) = answer(key);
        uint256 y = uint256(wordAt(proof, 32));
        bytes memory other = put(proof, 32, abi.encode(Trapdoor.Q - y)); // -A and -B
        (uint256 yi, uint256 yr) = (uint256(wordAt(proof, 128)), uint256(wordAt(proof, 160)));
        other = put(other, 128, abi.encode(Trapdoor.Q - yi, Trapdoor.Q - yr));
        verifiers.check(artifact, INPUT_HASH, output, other);
    }

    /// @notice However little gas there is, a good proof is never called wrong.
    function test_starved() public {
        Trapdoor.Key memory key = Trapdoor.digits(1);
        bytes32 artifact = register(key);
        (bytes memory output, bytes memory proof) = answer(key);
        for (uint256 gas_ = 3_000; gas_ < 400_000; gas_ += 1_000) {
            try verifiers.check{gas: gas_}(artifact, INPUT_HASH, output, proof) {
                assertGt(gas_, 190_000, "enough");
                return;
            } catch (bytes memory error_) {
                assertTrue(error_.length == 0 || bytes4(error_) == IZkVerifiers.GasShort.selector, "starved");
            }
        }
        fail("never enough");
    }

    function test_requests() public {
        bytes32 artifact = register(Trapdoor.digits(1));
        verifiers.checkRequest(artifact, INPUT_HASH, 51);
        verifiers.checkRequest(artifact, bytes32(Trapdoor.R - 1), 4096);
        vm.expectRevert(abi.encodeWithSelector(IZkVerifiers.OutputLimitTooLow.selector, 50, 51));
        verifiers.checkRequest(artifact, INPUT_HASH, 50);
        vm.expectRevert(abi.encodeWithSelector(IZkVerifiers.InvalidInputHash.selector, Trapdoor.R));
        verifiers.checkRequest(artifact, bytes32(Trapdoor.R), 51);
        vm.expectRevert(abi.encodeWithSelector(IZkVerifiers.UnknownVerifier.selector, INPUT_HASH));
        verifiers.checkRequest(INPUT_HASH, INPUT_HASH, 51);
    }

    // Helpers

    function answer(Trapdoor.Key memory key) private view returns (bytes memory output, bytes memory proof) {
        int256[] memory values = key.valuesOf(1);
        return (key.tensor(values), key.prove(INPUT_HASH, values, 1));
    }

    /// @dev Without an error given, it is InvalidProof.
    function refuse(bytes32 artifact, bytes32 inputHash, bytes memory output, bytes memory proof, bytes memory error_)
        private
    {
        if (error_.length == 0) error_ = abi.encodeWithSelector(IZkVerifiers.InvalidProof.selector);
        vm.expectRevert(error_);
        verifiers.check(artifact, inputHash, output, proof);
    }

    function refuseKey(bytes memory file, bytes32 rule) private {
        vm.expectRevert(abi.encodeWithSelector(IZkVerifiers.InvalidKey.selector, rule));
        verifiers.register(file);
        assertEq(verifiers.verifierOf(sha256(file)), address(0), "not registered");
    }

    function wrongSize(uint256 size) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IZkVerifiers.WrongProofSize.selector, size);
    }

    function outOfRange(uint256 index) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IZkVerifiers.ValueOutOfRange.selector, index);
    }

    function wordAt(bytes memory data, uint256 offset) private pure returns (bytes32 word) {
        assembly {
            word := mload(add(add(data, 0x20), offset))
        }
    }

    function put(bytes memory data, uint256 offset, bytes memory part) private pure returns (bytes memory copy) {
        copy = bytes.concat(data);
        for (uint256 i; i < part.length; ++i) {
            copy[offset + i] = part[i];
        }
    }

    function slice(bytes memory data, uint256 length) private pure returns (bytes memory copy) {
        copy = new bytes(length);
        for (uint256 i; i < length; ++i) {
            copy[i] = data[i];
        }
    }

    function tail(bytes memory data, uint256 from) private pure returns (bytes memory copy) {
        copy = new bytes(data.length - from);
        for (uint256 i; i < copy.length; ++i) {
            copy[i] = data[from + i];
        }
    }
}
