// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {IEnclaveRegistry, Receipt} from "../src/interfaces/IEnclaveRegistry.sol";
import {RegistryFixture} from "./utils/RegistryFixture.sol";

/// @notice Receipts checked by the registry: what is refused, one cause a test.
contract ReceiptsTest is RegistryFixture {
    uint256 internal constant SECP256K1_ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;

    Receipt internal receipt;

    function setUp() public override {
        super.setUp();
        register();
        receipt = receiptOf();
    }

    function test_checksAReceipt() public view {
        (address signer, IEnclaveRegistry.Key memory key) = registry.checkReceipt(receipt, signature(receipt));
        assertEq(signer, receiptKey, "signer");
        assertEq(abi.encode(key), abi.encode(registry.keyOf(receiptKey, releaseId, configHash())), "key");
    }

    function testFuzz_digestIsEip712(Receipt memory any) public view {
        assertEq(registry.hashReceipt(any), digestOf(any, block.chainid, address(registry)), "digest");
    }

    function test_everyStatusIsChecked() public {
        for (uint8 status = 0; status < 4; ++status) {
            receipt.status = status;
            registry.checkReceipt(receipt, signature(receipt));
        }
    }

    // Tampering

    /// @dev A field changed after signing: another digest, hence another signer or none.
    function test_refusesEachTamperedField() public view {
        bytes memory signed = signature(receipt);
        bytes memory words = abi.encode(receipt);
        for (uint256 i = 0; i < 15; ++i) {
            words[32 * i + 31] ^= 0x01;
            assertFalse(_accepts(abi.decode(words, (Receipt)), signed), "a tampered receipt is accepted");
            words[32 * i + 31] ^= 0x01;
        }
        assertTrue(_accepts(abi.decode(words, (Receipt)), signed), "the receipt itself");
    }

    /// @dev The ABI refuses numbers that exceed their type, so that two encodings never have one meaning.
    function test_refusesDirtyNumbers() public view {
        bytes memory call = abi.encodeCall(registry.checkReceipt, (receipt, signature(receipt)));
        (bool ok,) = address(registry).staticcall(call);
        assertTrue(ok, "the call itself");
        uint8[4] memory numbers = [0, 9, 10, 11];
        for (uint256 i = 0; i < numbers.length; ++i) {
            uint256 first = 4 + 32 * uint256(numbers[i]);
            call[first] = 0x01;
            (ok,) = address(registry).staticcall(call);
            assertFalse(ok, "a dirty number is accepted");
            call[first] = 0x00;
        }
    }

    function testFuzz_refusesTamperedSignatures(uint256 offset, bytes1 flips) public view {
        bytes memory signed = signature(receipt);
        offset = bound(offset, 0, 64);
        signed[offset] ^= flips;
        assertEq(_accepts(receipt, signed), flips == 0, "only the signature itself is accepted");
    }

    function test_refusesHighS() public {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(receiptPrivateKey, _digest());
        bytes32 high = bytes32(SECP256K1_ORDER - uint256(s));
        bytes memory twin = abi.encodePacked(r, high, v == 27 ? uint8(28) : uint8(27));
        _refuse(twin, abi.encodeWithSelector(ECDSA.ECDSAInvalidSignatureS.selector, high));
    }

    function test_refusesOtherV() public {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(receiptPrivateKey, _digest());
        uint8[4] memory others = [v - 27, 26, 29, 255];
        for (uint256 i = 0; i < others.length; ++i) {
            _refuse(abi.encodePacked(r, s, others[i]), abi.encodeWithSelector(ECDSA.ECDSAInvalidSignature.selector));
        }
    }

    function test_refusesZeroAndOtherSizes() public {
        _refuse(new bytes(65), abi.encodeWithSelector(ECDSA.ECDSAInvalidSignature.selector));
        _refuse("", abi.encodeWithSelector(ECDSA.ECDSAInvalidSignatureLength.selector, 0));
        _refuse(new bytes(64), abi.encodeWithSelector(ECDSA.ECDSAInvalidSignatureLength.selector, 64));
        bytes memory longer = bytes.concat(signature(receipt), hex"00");
        _refuse(longer, abi.encodeWithSelector(ECDSA.ECDSAInvalidSignatureLength.selector, 66));
    }

    // Receipts for something else

    function test_refusesOtherVersionsParentsAndExtensions() public {
        receipt.version = 2;
        _refuseUnsupported();
        receipt.version = 0;
        _refuseUnsupported();
        receipt.version = 1;
        receipt.parentsRoot = keccak256("parents");
        _refuseUnsupported();
        receipt.parentsRoot = 0;
        receipt.extensionsRoot = keccak256("extensions");
        _refuseUnsupported();
    }

    function test_refusesAnotherRegistrysReceipt() public {
        bytes32 digest = digestOf(receipt, block.chainid, address(newRegistry()));
        _refuseUnknown(signatureOf(digest, receiptPrivateKey));
    }

    function test_refusesAnotherChainsReceipt() public {
        bytes memory signed = signatureOf(digestOf(receipt, 1, address(registry)), receiptPrivateKey);
        _refuseUnknown(signed);
        vm.chainId(1);
        registry.checkReceipt(receipt, signed);
        vm.expectPartialRevert(IEnclaveRegistry.UnknownKey.selector);
        registry.checkReceipt(receipt, signatureOf(digestOf(receipt, 31_337, address(registry)), receiptPrivateKey));
    }

    function test_refusesAnotherReleaseOfTheSameKey() public {
        receipt.releaseId = keccak256("another");
        _refuse(
            signature(receipt),
            abi.encodeWithSelector(IEnclaveRegistry.UnknownKey.selector, receiptKey, keccak256("another"), configHash())
        );
    }

    function test_refusesAnotherConfigurationOfTheSameKey() public {
        receipt.configHash = keccak256("another");
        _refuse(
            signature(receipt),
            abi.encodeWithSelector(IEnclaveRegistry.UnknownKey.selector, receiptKey, releaseId, keccak256("another"))
        );
    }

    // Keys and releases at use

    function test_refusesUnknownKeys() public {
        (address stranger, uint256 strangerKey) = makeKey("stranger");
        bytes memory error_ =
            abi.encodeWithSelector(IEnclaveRegistry.UnknownKey.selector, stranger, releaseId, configHash());
        _refuse(signatureOf(_digest(), strangerKey), error_);
    }

    function test_refusesExpiredKeys() public {
        bytes memory signed = signature(receipt);
        vm.warp(NOW + LIFETIME - 1);
        registry.checkReceipt(receipt, signed);
        vm.warp(NOW + LIFETIME);
        _refuse(signed, abi.encodeWithSelector(IEnclaveRegistry.ExpiredKey.selector, receiptKey, NOW + LIFETIME));
    }

    function test_refusesRevokedKeys() public {
        vm.prank(operator);
        registry.revokeKey(receiptKey, releaseId, configHash());
        _refuse(signature(receipt), abi.encodeWithSelector(IEnclaveRegistry.RevokedKey.selector, receiptKey));
    }

    function test_refusesAReleaseRevokedAfterRegistration() public {
        vm.prank(publisher);
        releases.revoke(releaseId);
        _refuse(signature(receipt), abi.encodeWithSelector(IEnclaveRegistry.ReceiptReleaseRevoked.selector, releaseId));
    }

    function _digest() private view returns (bytes32) {
        return digestOf(receipt, block.chainid, address(registry));
    }

    function _refuse(bytes memory signed, bytes memory error_) private {
        vm.expectRevert(error_);
        registry.checkReceipt(receipt, signed);
    }

    function _refuseUnsupported() private {
        bytes memory error_ = abi.encodeWithSelector(
            IEnclaveRegistry.UnsupportedReceipt.selector, receipt.version, receipt.parentsRoot, receipt.extensionsRoot
        );
        _refuse(signature(receipt), error_);
    }

    function _refuseUnknown(bytes memory signed) private {
        vm.expectPartialRevert(IEnclaveRegistry.UnknownKey.selector);
        registry.checkReceipt(receipt, signed);
    }

    function _accepts(Receipt memory any, bytes memory signed) private view returns (bool) {
        try registry.checkReceipt(any, signed) {
            return true;
        } catch {
            return false;
        }
    }
}
