// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Sha384} from "../src/attest/Sha384.sol";
import {Test} from "./utils/Test.sol";

/// @dev Every length up to 400 and long messages, against Node's SHA-384: sha384.test.ts.
contract Sha384Test is Test {
    /// @dev FIPS 180-4, 5.3.4: what a message of one block is hashed from.
    bytes32 private constant INITIAL_FRONT = 0xcbbb9d5dc1059ed8629a292a367cd5079159015a3070dd17152fecd8f70e5939;
    bytes32 private constant INITIAL_BACK = 0x67332667ffc00b318eb44a8768581511db0c2e0d64f98fa747b5481dbefa4fa4;

    /// @dev More than the longest message costs, so that running out of it would be seen.
    uint256 private constant ENOUGH_GAS = 4_000_000;

    Sha384 internal sha384 = new Sha384();

    /// @dev NIST's examples of FIPS 180-4: one block, and two of which the second is all padding.
    function test_examplesOfTheStandard() public view {
        _digests(
            "abc",
            INITIAL_FRONT,
            INITIAL_BACK,
            hex"cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7"
        );
        _digests(
            "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
            "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
            0x2a7f1d895fd58e0beaae96d1a673c741015a2173796c1a88f6352ca156acaff7,
            0xc662113e9ebb4d6417b61a85e2ccf0a937eb9a6660feb5198f2ebe9a81e6a2c5,
            hex"09330c33f71147e83d192fc782cd1b4753111b173b3b05d22fa08086e3b0f712fcc7c71a557e2db966c3e9fa91746039"
        );
    }

    /// @dev CAVP, SHA384ShortMsg.rsp: 0, 8, 888, 896, 1016, 1024 and 1816 bits.
    function test_knownAnswers() public view {
        _digests(
            hex"",
            INITIAL_FRONT,
            INITIAL_BACK,
            hex"38b060a751ac96384cd9327eb1b1e36a21fdb71114be07434c0cc7bf63f6e1da274edebfe76f65fbd51ad2f14898b95b"
        );
        _digests(
            hex"c5",
            INITIAL_FRONT,
            INITIAL_BACK,
            hex"b52b72da75d0666379e20f9b4a79c33a329a01f06a2fb7865c9062a28c1de860ba432edfd86b4cb1cb8a75b46076e3b1"
        );
        _digests(
            hex"a04f390a9cc2effad05db80d9076a8d4b6cc8bba97b27b423670b290b8e69c2b187230011c1481ac88d090f391546594"
            hex"94db5e410851c6e8b2b8a93717cae76037e0881978124fe7e1a0929d8891491f4e99646cc94062dc82411fa66130eda4"
            hex"6560e75b98048236439465125e737b",
            INITIAL_FRONT,
            INITIAL_BACK,
            hex"e7089d72945cef851e689b4409cfb63d135f0b5cdfb0dac6c3a292dd70371ab4b79da1997d7992906ac7213502662920"
        );
        _digests(
            hex"f419494c3c6d0727b3395a483a2167182a7252f4fd099c2d4b71b053f94bb8b3adf3b51e8460cfec084ce9415c95798f"
            hex"bae4975c208c544645b54c44d2b97f2ecfce5c805be61f5ba1d35dcc07afdd51a87baa990506668cf710e18be9b0ebf9"
            hex"43f366fa29c69f7a6616de72a3353b66",
            0x46779ca1f33c5679a7fd777fa115aaeffca3baf426a411c702b88f635e528b65,
            0x4c0f4dcd0b838f0d0350e159ad92eaf22f16f682bc1ca67dd33b34a63a847ccc,
            hex"aead8688c58c6ba4e9cadb4756b465dce0fb06f1cfaa478197f2ea89414e47e9572034adfed160703c79b82b3fd7ab78"
        );
        _digests(
            hex"dbed7612448d46cbe0a384d1c93233f02ffd1c984ba765299518656d3723b766c1658d4b1e7047cdc729459e366ef934"
            hex"9efc40cbd990f2a9a24db7a5045e1dea12dce8f9d9f2aaed933f93031e7b8959ac5e7bf6bbbdf30b48f7eb783f8fe292"
            hex"371a2f245c5c94b4acae160767a20ce7c0ea7723d97691d8eedda9efd1fe2d",
            0x330fb0eb9cc7348709ae4b3f6f017b058e11e40fea56e8dc9c2b906bd18081c9,
            0x6c86297be37fc0e9c6a21e97b63b2f463e0ed2d1274f1c4360aa4eda571b5775,
            hex"fb531a1ed181c732311e56f4b56ed91dcacc0dd6bf1eb4a44be6f87dd7cb1ef9dfb0310f4a79eaaa3f32bf3914d8624e"
        );
        _digests(
            hex"3bf52cc5ee86b9a0190f390a5c0366a560b557000dbe5115fd9ee11630a62769011575f15881198f227876e8fe685a69"
            hex"39bc8b89fd48a34ec5e71e131462b2886794dffa68ccc6d564733e67ffef25e627c6f4b5460796e3bce67bf58ca6e8e5"
            hex"55bc916a8531697ac948b90dc8616f25101db90b50c3d3dbc9e21e42ff387187",
            0x23682c3c6e8a45a4356c22d950b09bde1206db8382dff71d1c4acc144b5c4f79,
            0xbea090ddd5c7ab94c1f670be60bde5f1a3b8085911e55e142a758188b86b5165,
            hex"12b6cb35eda92ee37356ddee77781a17b3d90e563824a984faffc6fdd1693bd7626039635563cfc3b9a2b00f9c65eefd"
        );
        _digests(
            hex"62c6a169b9be02b3d7b471a964fc0bcc72b480d26aecb2ed460b7f50016ddaf04c51218783f3aadfdff5a04ded030d7b"
            hex"3fb7376b61ba30b90e2da921a4470740d63fb99fa16cc8ed81abaf8ce4016e50df81da832070372c24a80890aa3a26fa"
            hex"675710b8fb718266249d496f313c55d0bada101f8f56eeccee4345a8f98f60a36662cfda794900d12f9414fcbdfdeb85"
            hex"388a814996b47e24d5c8086e7a8edcc53d299d0d033e6bb60c58b83d6e8b57f6c258d6081dd10eb942fdf8ec157ec3e7"
            hex"5371235a8196eb9d22b1de3a2d30c2abbe0db7650cf6c7159bacbe29b3a93c92100508",
            0x6fd1139f7b0ad6489fafbbb2f346207f9ff2e1c2b896c9df60d293f9e7138ae5,
            0xcb5295ef13916ea770b53e3dc4c7dd82af85c87941e55feec6f931a8cd72f591,
            hex"0730e184e7795575569f87030260bb8e54498e0e5d096b18285e988d245b6f3486d1f2447d5f85bcbe59d5689fc49425"
        );
    }

    function test_refusesEveryFlippedBitOfTheMidstate() public view {
        bytes memory message = new bytes(300);
        // Of 300 zeros, three blocks: the first is hashed from the initial value.
        bytes32[2] memory midstate = [
            bytes32(0x443d3f698fb0cf2380a591795cd757ae4a9600972c39533598e763d795c489f7),
            bytes32(0xf765ea4b8193f748450e49ec00bc838c871cc1d60f1e68c5943bbf4c8ea94259)
        ];
        sha384.hash(message, midstate);
        for (uint256 bit = 0; bit < 512; ++bit) {
            bytes32[2] memory flipped = [midstate[0], midstate[1]];
            flipped[bit / 256] ^= bytes32(2 ** (bit % 256));
            _refuses(message, flipped);
        }
        _refuses(message, [midstate[1], midstate[0]]);
    }

    function testFuzz_refusesAnyOtherMidstate(uint256 size, bytes32 content, bytes32[2] calldata midstate) public view {
        bytes memory message = new bytes(bound(size, 0, 1_000));
        for (uint256 i = 0; i < message.length; ++i) {
            message[i] = content[i % 32];
        }
        if (message.length < 112) vm.assume(midstate[0] != INITIAL_FRONT || midstate[1] != INITIAL_BACK);
        _refuses(message, midstate);
    }

    function test_refusesALongMessageWithoutReadingIt() public view {
        uint256 size = sha384.MAX_MESSAGE() + 1;
        bytes memory expected = abi.encodeWithSelector(Sha384.MessageTooLong.selector, size);
        _reverts(new bytes(size), [INITIAL_FRONT, INITIAL_BACK], expected);
    }

    function test_refusesTheLongestMessageWithinItsGas() public view {
        _refuses(new bytes(sha384.MAX_MESSAGE()), [INITIAL_FRONT, INITIAL_BACK]);
    }

    function test_refusesTruncatedCalldata() public view {
        bytes memory call = abi.encodeCall(Sha384.hash, (new bytes(32), [INITIAL_FRONT, INITIAL_BACK]));
        for (uint256 size = 0; size < call.length; ++size) {
            bytes memory truncated = new bytes(size);
            for (uint256 i = 0; i < size; ++i) {
                truncated[i] = call[i];
            }
            (bool ok, bytes memory result) = address(sha384).staticcall{gas: ENOUGH_GAS}(truncated);
            assertFalse(ok, "truncated calldata");
            assertEq(result, "", "nothing is said of calldata that is not an encoding");
        }
    }

    function _digests(bytes memory message, bytes32 front, bytes32 back, bytes memory digest) private view {
        (bytes32 high, bytes16 low) = sha384.hash(message, [front, back]);
        assertEq(bytes.concat(high, low), digest, "digest");
    }

    function _refuses(bytes memory message, bytes32[2] memory midstate) private view {
        _reverts(message, midstate, abi.encodeWithSelector(Sha384.WrongMidstate.selector));
    }

    function _reverts(bytes memory message, bytes32[2] memory midstate, bytes memory expected) private view {
        bytes memory call = abi.encodeCall(Sha384.hash, (message, midstate));
        (bool ok, bytes memory error_) = address(sha384).staticcall{gas: ENOUGH_GAS}(call);
        assertFalse(ok, "another midstate");
        assertEq(error_, expected, "error");
    }
}
