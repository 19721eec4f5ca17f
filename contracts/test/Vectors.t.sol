// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {Balances} from "../src/Balances.sol";
import {EnclaveRegistry} from "../src/EnclaveRegistry.sol";
import {IBalances} from "../src/interfaces/IBalances.sol";
import {IEnclaveRegistry, Receipt} from "../src/interfaces/IEnclaveRegistry.sol";
import {IEvidenceVerifier} from "../src/interfaces/IEvidenceVerifier.sol";
import {Releases} from "../src/Releases.sol";
import {SimulatedVerifier} from "../src/attest/SimulatedVerifier.sol";
import {Test} from "./utils/Test.sol";
import {Vm} from "./utils/Vm.sol";

/// @notice The vectors that all implementations share: ../vectors/README.md. Every file of a folder is read.
contract VectorsTest is Test {
    function test_receipts() public {
        EnclaveRegistry registry = new EnclaveRegistry(new Releases(), address(1), 1 days, new IEvidenceVerifier[](0));
        string[] memory names = _files("../vectors/receipts");
        for (uint256 i = 0; i < names.length; ++i) {
            string memory vector = vm.readFile(names[i]);
            address verifying = vm.parseJsonAddress(vector, ".registry");
            vm.etch(verifying, address(registry).code);
            vm.chainId(vm.parseJsonUint(vector, ".chainId"));
            _checkReceipt(EnclaveRegistry(verifying), vector, names[i]);
        }
    }

    /// @dev No key is registered, so that a receipt with its key's own signature is refused for that alone.
    function _checkReceipt(EnclaveRegistry registry, string memory vector, string memory name) private view {
        Receipt memory receipt = _receipt(vector);
        assertEq(registry.hashReceipt(receipt), vm.parseJsonBytes32(vector, ".digest"), name);
        address signer = vm.parseJsonAddress(vector, ".signer");
        bytes memory unknown =
            abi.encodeWithSelector(IEnclaveRegistry.UnknownKey.selector, signer, receipt.releaseId, receipt.configHash);
        try registry.checkReceipt(receipt, vm.parseJsonBytes(vector, ".signature")) {
            fail(string.concat(name, ": accepted without a key"));
        } catch (bytes memory error_) {
            assertEq(keccak256(error_) == keccak256(unknown), vm.parseJsonBool(vector, ".valid"), name);
        }
    }

    /// @dev Ids, leaves, proofs and who signed: the contract at the vector's address, for the vector's registry.
    function test_batches() public {
        string[] memory names = _files("../vectors/batches");
        for (uint256 i = 0; i < names.length; ++i) {
            string memory vector = vm.readFile(names[i]);
            vm.chainId(vm.parseJsonUint(vector, ".chainId"));
            address verifying = vm.parseJsonAddress(vector, ".balances");
            IEnclaveRegistry registry = IEnclaveRegistry(vm.parseJsonAddress(vector, ".registry"));
            vm.etch(verifying, address(new Balances(registry)).code);
            _checkBatch(Balances(verifying), vector, names[i]);
        }
    }

    function _checkBatch(Balances balances, string memory vector, string memory name) private view {
        IBalances.Terms memory terms = IBalances.Terms(
            vm.parseJsonAddress(vector, ".terms.payer"),
            vm.parseJsonAddress(vector, ".terms.signer"),
            vm.parseJsonAddress(vector, ".terms.operator"),
            vm.parseJsonAddress(vector, ".terms.token"),
            vm.parseJsonBytes32(vector, ".terms.releaseId"),
            uint8(vm.parseJsonUint(vector, ".terms.assurance")),
            uint64(vm.parseJsonUint(vector, ".terms.salt"))
        );
        IBalances.Batch memory batch = _batch(vector);
        assertEq(balances.idOf(terms), batch.reservation, name);
        bytes32 type_ = keccak256(
            "Batch(uint16 version,bytes32 reservation,uint64 first,uint64 last,uint32 count,uint256 total,bytes32 root,bytes32 releaseId,bytes32 configHash)"
        );
        bytes32 digest = MessageHashUtils.toTypedDataHash(balances.DOMAIN(), keccak256(abi.encode(type_, batch)));
        assertEq(digest, vm.parseJsonBytes32(vector, ".batchDigest"), name);
        address signer = ECDSA.recover(digest, vm.parseJsonBytes(vector, ".batchSignature"));
        assertEq(signer, vm.parseJsonAddress(vector, ".receiptKey"), name);
        for (uint256 i = 0; i < batch.count; ++i) {
            string memory entry = string.concat(".entries[", vm.toString(i), "]");
            bytes32 leaf = balances.leafOf(
                vm.parseJsonBytes32(vector, string.concat(entry, ".receiptId")),
                uint64(vm.parseJsonUint(vector, string.concat(entry, ".index"))),
                vm.parseJsonUint(vector, string.concat(entry, ".price"))
            );
            assertEq(leaf, vm.parseJsonBytes32(vector, string.concat(entry, ".leaf")), name);
            bytes32[] memory proof = vm.parseJsonBytes32Array(vector, string.concat(entry, ".proof"));
            assertTrue(MerkleProof.verify(proof, batch.root, leaf), name);
        }
    }

    function _batch(string memory vector) private pure returns (IBalances.Batch memory) {
        return IBalances.Batch(
            uint16(vm.parseJsonUint(vector, ".batch.version")),
            vm.parseJsonBytes32(vector, ".batch.reservation"),
            uint64(vm.parseJsonUint(vector, ".batch.first")),
            uint64(vm.parseJsonUint(vector, ".batch.last")),
            uint32(vm.parseJsonUint(vector, ".batch.count")),
            vm.parseJsonUint(vector, ".batch.total"),
            vm.parseJsonBytes32(vector, ".batch.root"),
            vm.parseJsonBytes32(vector, ".batch.releaseId"),
            vm.parseJsonBytes32(vector, ".batch.configHash")
        );
    }

    function test_evidence() public {
        string[] memory names = _files("../vectors/evidence");
        for (uint256 i = 0; i < names.length; ++i) {
            string memory vector = vm.readFile(names[i]);
            vm.warp(vm.parseJsonUint(vector, ".time"));
            bool valid = vm.parseJsonBool(vector, ".valid");
            assertEq(_accepts(vector), valid != _differsOnChain(names[i]), names[i]);
        }
    }

    /// @dev Where the on-chain verifier alone says otherwise, and why.
    function _differsOnChain(string memory name) private pure returns (bool) {
        string[5] memory differing = [
            "age-stale.json", // the registry checks age,
            "time-future.json", // clock skew
            "nonce-other.json", // and nonce
            "valid-nonce-64.json", // registration takes nonces of 32 bytes only
            "valid-after-leaf.json" // and only while the certificates are valid
        ];
        for (uint256 i = 0; i < differing.length; ++i) {
            if (_contains(name, differing[i])) return true;
        }
        return false;
    }

    function _accepts(string memory vector) private returns (bool) {
        bytes memory root = vm.parseJsonBytes(vector, ".root");
        bytes memory evidence = vm.parseJsonBytes(vector, ".evidence");
        bytes32 rootId = sha256(root);
        SimulatedVerifier verifier = new SimulatedVerifier(rootId);
        try verifier.cacheCertificate(root, rootId, "") {} catch {}
        try verifier.cacheCertificate(_leafOf(evidence), rootId, "") {} catch {}
        try verifier.verify(evidence, "") {
            return true;
        } catch {
            return false;
        }
    }

    /// @dev The bytes behind the key `certificate` and a two-byte length; empty when there are none.
    function _leafOf(bytes memory evidence) private pure returns (bytes memory leaf) {
        bytes12 key = "kcertificate";
        for (uint256 i = 0; i + 15 < evidence.length; ++i) {
            bytes12 here;
            assembly ("memory-safe") {
                here := mload(add(add(evidence, 0x20), i))
            }
            if (here != key || evidence[i + 12] != 0x59) continue;
            uint256 size = uint256(uint8(evidence[i + 13])) << 8 | uint8(evidence[i + 14]);
            leaf = new bytes(size);
            for (uint256 j = 0; j < size; ++j) {
                leaf[j] = evidence[i + 15 + j];
            }
            return leaf;
        }
    }

    function _receipt(string memory vector) private pure returns (Receipt memory) {
        return Receipt({
            version: uint16(vm.parseJsonUint(vector, ".version")),
            requestId: vm.parseJsonBytes32(vector, ".requestId"),
            releaseId: vm.parseJsonBytes32(vector, ".releaseId"),
            configHash: vm.parseJsonBytes32(vector, ".configHash"),
            artifact: vm.parseJsonBytes32(vector, ".artifact"),
            inputHash: vm.parseJsonBytes32(vector, ".inputHash"),
            outputHash: vm.parseJsonBytes32(vector, ".outputHash"),
            parametersHash: vm.parseJsonBytes32(vector, ".parametersHash"),
            usageHash: vm.parseJsonBytes32(vector, ".usageHash"),
            status: uint8(vm.parseJsonUint(vector, ".status")),
            sequence: uint64(vm.parseJsonUint(vector, ".sequence")),
            anchorNumber: uint64(vm.parseJsonUint(vector, ".anchorNumber")),
            anchorHash: vm.parseJsonBytes32(vector, ".anchorHash"),
            parentsRoot: vm.parseJsonBytes32(vector, ".parentsRoot"),
            extensionsRoot: vm.parseJsonBytes32(vector, ".extensionsRoot")
        });
    }

    /// @dev Paths of the folder's JSON files; at least one.
    function _files(string memory folder) private view returns (string[] memory paths) {
        Vm.DirEntry[] memory entries = vm.readDir(folder);
        paths = new string[](entries.length);
        uint256 count;
        for (uint256 i = 0; i < entries.length; ++i) {
            if (_contains(entries[i].path, ".json")) paths[count++] = entries[i].path;
        }
        assertGt(count, 0, folder);
        assembly ("memory-safe") {
            mstore(paths, count)
        }
    }

    function _contains(string memory text, string memory part) private pure returns (bool) {
        return vm.indexOf(text, part) != type(uint256).max;
    }
}
