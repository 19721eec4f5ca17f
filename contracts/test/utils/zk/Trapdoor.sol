// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Keys with known secrets, and proofs of any statement under them
/// @notice Who knows a setup's secrets needs no witness: A = a·G1, B = b·G2, C = (ab - αβ - γ·Σ signal·ic) / δ · G1.
/// Points of G2 are fixed multiples of the generator, as the chain has no arithmetic there.
library Trapdoor {
    /// @param elements of the output, as the width and the count say
    struct Key {
        uint8 setup;
        uint8 width;
        int32 lo;
        uint32[] dims;
        uint256 seed;
    }

    uint256 internal constant Q = 21888242871839275222246405745257275088696311157297823662689037894645226208583;
    uint256 internal constant R = 21888242871839275222246405745257275088548364400416034343698204186575808495617;
    uint256 internal constant BETA = 5;
    uint256 internal constant DELTA = 7;
    uint256 internal constant DEVELOPMENT_GAMMA = 11;

    /// @notice Ten numbers of 20 bits: as LeNet's.
    function digits(uint8 setup) internal pure returns (Key memory key) {
        key.dims = new uint32[](2);
        (key.dims[0], key.dims[1]) = (1, 10);
        (key.setup, key.width, key.lo, key.seed) = (setup, 20, -524_288, 1);
    }

    /// @notice A vector of count numbers.
    function vector(uint32 count, uint8 width, int32 lo) internal pure returns (Key memory key) {
        key.dims = new uint32[](1);
        key.dims[0] = count;
        (key.setup, key.width, key.lo, key.seed) = (1, width, lo, 2);
    }

    function fileOf(Key memory key) internal view returns (bytes memory file) {
        file = abi.encodePacked("NZKG", uint8(1), key.setup, key.width, uint32(countOf(key)), key.lo);
        file = bytes.concat(file, bytes1(uint8(key.dims.length)));
        for (uint256 i; i < key.dims.length; ++i) {
            file = abi.encodePacked(file, key.dims[i]);
        }
        file = bytes.concat(file, g1(alphaOf(key)), g2(BETA), g2(gammaOf(key)), g2(DELTA));
        for (uint256 i; i < 2 + elementsOf(key); ++i) {
            file = bytes.concat(file, g1(icOf(key, i)));
        }
    }

    /// @param values within the key's range
    /// @param a any number: another one makes another proof of the same
    function prove(Key memory key, bytes32 inputHash, int256[] memory values, uint256 a)
        internal
        view
        returns (bytes memory)
    {
        a = 1 + a % (R - 1);
        uint256 b = a % 2 == 0 ? 17 : 19;
        uint256 sum = addmod(icOf(key, 0), mulmod(uint256(inputHash), icOf(key, 1), R), R);
        uint256[] memory packed = pack(key, values);
        for (uint256 i; i < packed.length; ++i) {
            sum = addmod(sum, mulmod(packed[i], icOf(key, 2 + i), R), R);
        }
        uint256 c = mulmod(a, b, R);
        c = addmod(c, R - mulmod(alphaOf(key), BETA, R), R);
        c = addmod(c, R - mulmod(sum, gammaOf(key), R), R);
        return bytes.concat(g1(a), g2(b), g1(mulmod(c, inverse(DELTA), R)));
    }

    function pack(Key memory key, int256[] memory values) internal pure returns (uint256[] memory packed) {
        packed = new uint256[](elementsOf(key));
        uint256 perElement = 253 / uint256(key.width);
        for (uint256 i; i < values.length; ++i) {
            packed[i / perElement] += uint256(values[i] - key.lo) * 2 ** (key.width * (i % perElement));
        }
    }

    /// @notice The values as a canonical tensor.
    function tensor(Key memory key, int256[] memory values) internal pure returns (bytes memory data) {
        data = abi.encodePacked(uint8(1), uint8(6), uint8(key.dims.length));
        for (uint256 i; i < key.dims.length; ++i) {
            data = bytes.concat(data, littleEndian(key.dims[i]));
        }
        for (uint256 i; i < values.length; ++i) {
            data = bytes.concat(data, littleEndian(uint32(int32(values[i]))));
        }
    }

    /// @notice Values within the key's range.
    function valuesOf(Key memory key, uint256 seed) internal pure returns (int256[] memory values) {
        values = new int256[](countOf(key));
        for (uint256 i; i < values.length; ++i) {
            values[i] = key.lo + int256(uint256(keccak256(abi.encode(seed, i))) % 2 ** uint256(key.width));
            if (values[i] > type(int32).max) values[i] = type(int32).max;
        }
    }

    function countOf(Key memory key) internal pure returns (uint256 count) {
        count = 1;
        for (uint256 i; i < key.dims.length; ++i) {
            count *= key.dims[i];
        }
    }

    function elementsOf(Key memory key) internal pure returns (uint256) {
        uint256 perElement = 253 / uint256(key.width);
        return (countOf(key) + perElement - 1) / perElement;
    }

    function alphaOf(Key memory key) internal pure returns (uint256) {
        return uint256(keccak256(abi.encode("alpha", key.seed))) % R;
    }

    function gammaOf(Key memory key) internal pure returns (uint256) {
        return key.setup == 0 ? 1 : DEVELOPMENT_GAMMA;
    }

    function icOf(Key memory key, uint256 index) internal pure returns (uint256) {
        return uint256(keccak256(abi.encode("ic", key.seed, index))) % R;
    }

    function inverse(uint256 value) internal view returns (uint256 result) {
        (, bytes memory data) = address(5).staticcall(abi.encode(32, 32, 32, value, R - 2, R));
        return abi.decode(data, (uint256));
    }

    function g1(uint256 scalar) internal view returns (bytes memory point) {
        (, point) = address(7).staticcall(abi.encode(1, 2, scalar));
    }

    function littleEndian(uint32 value) internal pure returns (bytes memory) {
        return abi.encodePacked(uint8(value), uint8(value >> 8), uint8(value >> 16), uint8(value >> 24));
    }

    /// @notice Multiples of G2's generator, in the order of EIP-197.
    function g2(uint256 scalar) internal pure returns (bytes memory) {
        if (scalar == 1) {
            return hex"198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c2"
                hex"1800deef121f1e76426a00665e5c4479674322d4f75edadd46debd5cd992f6ed"
                hex"090689d0585ff075ec9e99ad690c3395bc4b313370b38ef355acdadcd122975b"
                hex"12c85ea5db8c6deb4aab71808dcb408fe3d1e7690c43d37b4ce6cc0166fa7daa";
        }
        if (scalar == 5) {
            return hex"0a09ccf561b55fd99d1c1208dee1162457b57ac5af3759d50671e510e428b2a1"
                hex"2e539c423b302d13f4e5773c603948eaf5db5df8ae8a9a9113708390a06410d8"
                hex"19b763513924a736e4eebd0d78c91c1bc1d657fee4214057d21414011cfcc763"
                hex"2f8d9f9ab83727c77a2fec063cb7b6e5eb23044ccf535ad49d46d394fb6f6bf6";
        }
        if (scalar == 7) {
            return hex"2903ba015a9abde26a5d081e84551e63be0fd4516e46ee6d593edeba46362455"
                hex"224bdc5d4327fcf8ed702e01de1c2f1657a253ba75e32a89c390142aaa28b308"
                hex"03c8b7cda6b2dedb7aeeaf5fda464ad17036bea1c4e6f7adbaed1ebe0335e0d8"
                hex"1d92fff52a265017eeccb372e37d7a7bd431800eca28dfd82e21e8054114233f";
        }
        if (scalar == 11) {
            return hex"228b515a17f28b89920873207477f8c7fc05582debaf3184febf1cfdedc5ce88"
                hex"12bb1156a9f6b360fcb2614e15d8a3ff07f2c699dc69ca830b20d2df91fe9cd3"
                hex"2b15dc62a5c9e36597914ddbbfde48806a8eabe45c8d3cccf9578ad08e058f92"
                hex"02a4fd764f52470e2fcfff325fb9692f55d6b8b077eefeaa04e07152b4d1fa94";
        }
        if (scalar == 17) {
            return hex"227071bba5ff3b47ed8b504bb5b215bc701d7a3259b933bff1a4164eae499c2c"
                hex"0c51a367b61d3119677b29739ddccbb78002b5558d8f49ff16e299c1b41f8098"
                hex"08bb188b2a6187bb1e87834c85a6a917763d65b98febf2c45ea339dd77fac415"
                hex"18fd2fd13be8494c39e8a91325d1ef3ba7d1a205d10788e38bc9e09d9be87769";
        }
        if (scalar == 19) {
            return hex"25407be35f18c6594174374841311466c0e66ff003762448c06bca4fa5e9c54e"
                hex"15cbba9ab73bc73d0ba4ad132a15cb0c73107a9c19b040c4c73d89f6bf75404d"
                hex"1edef86c1a42fa85ab6ae8d268a7e9b46890b2130dd83b91c86c504cf1f93fbf"
                hex"2c750c045112e4ab07f18b12475309cebdcb726bda1ca9948bacd498a28cf411";
        }
        revert("not tabulated");
    }

    /// @notice On the twist, but in no group of order r.
    function outsideG2() internal pure returns (bytes memory) {
        return hex"0000000000000000000000000000000000000000000000000000000000000000"
            hex"0000000000000000000000000000000000000000000000000000000000000001"
            hex"2351dcdda257b62181cbd745dfee16d5fdf4eb185bbcf33c20a0fe6eaa9cb4a3"
            hex"07fb3d558dafafb6bf6dd326a5fefe0beca3f9ac3bd999a390d504fad34b0b8c";
    }
}
