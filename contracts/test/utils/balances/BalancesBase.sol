// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Balances} from "../../../src/Balances.sol";
import {IBalances} from "../../../src/interfaces/IBalances.sol";
import {RegistryFixture} from "../RegistryFixture.sol";

/// @notice A reservation, and batches of an enclave that is registered. Hashes are written out again here from
/// docs/protocol.md, apart from the contract under test.
abstract contract BalancesBase is RegistryFixture {
    Balances internal balances;
    address internal payer = makeAddr("payer");
    address internal signer = makeAddr("voucher signer");
    uint64 internal expiry;
    IBalances.Terms internal terms;

    function setUp() public virtual override {
        super.setUp();
        register();
        balances = new Balances(registry);
        expiry = uint64(vm.getBlockTimestamp() + 1 days);
        terms = IBalances.Terms(payer, signer, operator, address(0), releaseId, 1, 0);
    }

    function id() internal view returns (bytes32) {
        return keccak256(abi.encode(block.chainid, address(balances), terms));
    }

    function reserve(uint128 amount) internal returns (bytes32) {
        hoax(payer, amount);
        return balances.reserve{value: amount}(terms, amount, expiry);
    }

    function batchOf(uint64 first, uint64 last, uint256 total) internal view returns (IBalances.Batch memory batch) {
        bytes32 root = keccak256(abi.encode("root", id(), first, last));
        uint32 count = uint32(last - first + 1);
        return IBalances.Batch(1, id(), first, last, count, total, root, terms.releaseId, configHash());
    }

    function sign(IBalances.Batch memory batch) internal view returns (bytes memory) {
        return signBatch(batch, receiptPrivateKey);
    }

    function signBatch(IBalances.Batch memory batch, uint256 privateKey) internal view returns (bytes memory) {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("Nacre"),
                keccak256("1"),
                block.chainid,
                address(registry)
            )
        );
        bytes32 type_ = keccak256(
            "Batch(uint16 version,bytes32 reservation,uint64 first,uint64 last,uint32 count,uint256 total,bytes32 root,bytes32 releaseId,bytes32 configHash)"
        );
        bytes32 struct_ = keccak256(abi.encode(type_, batch));
        return signatureOf(keccak256(abi.encodePacked(hex"1901", domain, struct_)), privateKey);
    }

    function settle(IBalances.Batch memory batch) internal {
        balances.settle(terms, batch, sign(batch));
    }
}
