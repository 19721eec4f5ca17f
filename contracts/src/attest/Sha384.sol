// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ISha384} from "../interfaces/ISha384.sol";

/// @title SHA-384 (FIPS 180-4) of a message, two blocks at a time
/// @notice Names are those of FIPS 180-4: sections 4.1.3 (functions), 4.2.3 (K), 5.1.2 (padding), 5.3.4 (initial hash
/// value), 6.4 and 6.5 (computation). No state, nothing that anyone could own.
/// @dev The blocks of a message are hashed one after the other, so the caller says what comes out halfway: lane A
/// hashes the first half of the blocks from the initial hash value, lane B the second half from the caller's midstate,
/// and lane A must reach exactly that midstate. If it does, lane B began where SHA-384 is after the first half, and
/// ends where SHA-384 ends. So a wrong midstate can only revert.
///
/// Lanes. A word of the EVM holds two of SHA-384's 64-bit words: lane A's in bits 128..191, lane B's in bits 0..63. It
/// is clean when the 64 bits above each are zero; AND with m (MASK) makes it so. Everything in memory (H, W, K) and
/// a..h are clean whenever a statement ends, and no lane disturbs the other:
/// - AND and XOR of clean words are clean: Ch(e, f, g) = g ^ (e & (f ^ g)), Maj(a, b, c) = b ^ ((a ^ b) & (b ^ c)).
/// - Sums. Every term is clean, so each lane's is less than 2^64 and a sum of n of them less than n 2^64, which reaches
///   neither bit 128 from lane B nor bit 256 from lane A; m then leaves it mod 2^64. All sums there are: W[t], 4 terms;
///   t1 = K + W + h + Ch + Sigma1, 5; the new e = d + t1, 6; the new a = t1 + Maj + Sigma0, 7; the new H = H + one of
///   a..h, 2.
/// - Rotations. A clean word times DOUBLE is A|A|B|B, 64 bits each; the copies do not overlap, so nothing is carried.
///   Its bits k..k+63 and 128+k..191+k are ROTR^k of the lanes for 0 <= k <= 64, so shr(k, .) puts ROTR^k into both
///   lanes, and what it leaves above them m removes before anything is added: else whoever writes the message could
///   fill it with ones, over which lane B's carries reach lane A. A shift of a shift is one by the sum (at most 61
///   here): shr(14, x ^ shr(4, x ^ shr(23, x))) is the XOR of the shifts by 14, 18 and 41.
/// - SHR^k of a clean word: zeros come down into lane B from bits 64..127, into lane A from bits 192..255. The low bits
///   of lane A come to lie in bits 128-k..127, above lane B, where m removes them.
///
/// Memory, from where Solidity's free memory begins; nothing else is allocated while it is in use:
///   0x080  H, 8 words
///   0x180  W, the last 16 words of the schedule, W[t] at index t mod 16
///   0x380  the 16 round constants in use
///   0x580  K, 80 words
///   0xf80  the padded message
/// Where the rounds are, addresses are literals (K[t] at 0x380 + 32 (t mod 16), W[t] at 0x180 + 32 (t mod 16)): the
/// compiler would add constants at run time there. So long a literal as the mask it would fetch from the code at every
/// use, so the mask and DOUBLE are variables there, m and double.
contract Sha384 is ISha384 {
    /// @notice Bytes of the longest message that is hashed: 257 blocks, less than 4 million gas.
    uint256 public constant MAX_MESSAGE = 32_768;

    uint256 private constant H = 0x80;
    uint256 private constant K = 0x580;
    uint256 private constant K_END = 0xf80;
    uint256 private constant MESSAGE = 0xf80;

    /// @dev Bytes of a block.
    uint256 private constant BLOCK = 128;

    /// @dev 2^128 + 1: a 64-bit word times this is that word in both lanes.
    uint256 private constant LANES = 0x100000000000000000000000000000001;

    /// @dev 2^64 + 1: a clean word times this has each lane's word twice.
    uint256 private constant DOUBLE = 0x10000000000000001;

    /// @dev The bits of the lanes.
    uint256 private constant MASK = 0xffffffffffffffff0000000000000000ffffffffffffffff;

    error MessageTooLong(uint256 size);

    /// @notice The first half of the message's blocks does not lead to this midstate.
    error WrongMidstate();

    /// @notice SHA-384 of `message`. Reverts with MessageTooLong, WrongMidstate.
    /// @param message At most MAX_MESSAGE bytes. Padded it has n = ceil((bytes + 17) / 128) blocks.
    /// @param midstate The hash value (eight 64-bit words, big-endian) after the first floor(n / 2) blocks. For n = 1
    /// that is the initial hash value of 5.3.4.
    /// @return high The first 32 bytes of the digest.
    /// @return low The last 16 bytes of the digest.
    function hash(bytes calldata message, bytes32[2] calldata midstate)
        external
        pure
        returns (bytes32 high, bytes16 low)
    {
        if (message.length > MAX_MESSAGE) revert MessageTooLong(message.length);
        _storeRoundConstants();
        _storeInitialState(midstate);
        uint256 blocks = _pad(message);
        // No sum of addresses comes near 2^256: the message has at most MAX_MESSAGE bytes.
        unchecked {
            uint256 half = BLOCK * (blocks / 2);
            for (uint256 offset = 0; offset != half; offset += BLOCK) {
                _compress(MESSAGE + offset, MESSAGE + half + offset);
            }
            (bytes32 front, bytes32 back,,) = _state();
            if (front != midstate[0] || back != midstate[1]) revert WrongMidstate();
            // Of an odd number of blocks lane B has one more. Lane A is done: what it makes of this block is not read.
            if (blocks % 2 == 1) _compress(MESSAGE + half, MESSAGE + 2 * half);
        }
        bytes32 rest;
        (,, high, rest) = _state();
        // forge-lint: disable-next-line(unsafe-typecast) the digest is the first six words: 6.5
        low = bytes16(rest);
    }

    /// @dev Pads the message (5.1.2) at MESSAGE: 0x80, zeros, its length in bits as 128 bits. Memory that was never
    /// written is zero.
    function _pad(bytes calldata message) private pure returns (uint256 blocks) {
        assembly {
            let size := message.length
            blocks := div(add(size, 144), BLOCK)
            calldatacopy(MESSAGE, message.offset, size)
            mstore8(add(MESSAGE, size), 0x80)
            let last := add(MESSAGE, sub(mul(BLOCK, blocks), 32))
            mstore(last, or(mload(last), mul(8, size)))
        }
    }

    /// @dev H: the initial hash value (5.3.4) in lane A, the midstate in lane B.
    function _storeInitialState(bytes32[2] calldata midstate) private pure {
        assembly {
            mstore(H, or(shl(128, 0xcbbb9d5dc1059ed8), shr(192, calldataload(midstate))))
            mstore(add(H, 0x020), or(shl(128, 0x629a292a367cd507), shr(192, calldataload(add(midstate, 8)))))
            mstore(add(H, 0x040), or(shl(128, 0x9159015a3070dd17), shr(192, calldataload(add(midstate, 16)))))
            mstore(add(H, 0x060), or(shl(128, 0x152fecd8f70e5939), shr(192, calldataload(add(midstate, 24)))))
            mstore(add(H, 0x080), or(shl(128, 0x67332667ffc00b31), shr(192, calldataload(add(midstate, 32)))))
            mstore(add(H, 0x0a0), or(shl(128, 0x8eb44a8768581511), shr(192, calldataload(add(midstate, 40)))))
            mstore(add(H, 0x0c0), or(shl(128, 0xdb0c2e0d64f98fa7), shr(192, calldataload(add(midstate, 48)))))
            mstore(add(H, 0x0e0), or(shl(128, 0x47b5481dbefa4fa4), shr(192, calldataload(add(midstate, 56)))))
        }
    }

    /// @dev H as 64 bytes for each lane.
    function _state() private pure returns (bytes32 frontA, bytes32 backA, bytes32 frontB, bytes32 backB) {
        (frontA, frontB) = _fourWords(H);
        (backA, backB) = _fourWords(H + 128);
    }

    /// @dev Four words of each lane in a row. `front` is the first two of lane A, then of lane B; `back` the others.
    function _fourWords(uint256 start) private pure returns (bytes32 laneA, bytes32 laneB) {
        assembly {
            let front := or(shl(64, mload(start)), mload(add(start, 0x20)))
            let back := or(shl(64, mload(add(start, 0x40))), mload(add(start, 0x60)))
            laneA := or(shl(128, shr(128, front)), shr(128, back))
            laneB := or(shl(128, front), shr(128, shl(128, back)))
        }
    }

    /// @dev 6.4.2 for one block of each lane, which begin at these addresses: H becomes the next hash value.
    function _compress(uint256 blockA, uint256 blockB) private pure {
        assembly {
            let m := MASK
            let double := DOUBLE

            // W[0..15], two at a time: p is those of lane A, then those of lane B. The low half of mload(a) is lane A's
            // first 16 bytes.
            {
                let a := sub(blockA, 16)
                {
                    let p := or(shl(128, mload(a)), shr(128, mload(blockB)))
                    mstore(0x180, and(m, shr(64, p)))
                    mstore(0x1a0, and(m, p))
                }
                {
                    let p := or(shl(128, mload(add(a, 0x10))), shr(128, mload(add(blockB, 0x10))))
                    mstore(0x1c0, and(m, shr(64, p)))
                    mstore(0x1e0, and(m, p))
                }
                {
                    let p := or(shl(128, mload(add(a, 0x20))), shr(128, mload(add(blockB, 0x20))))
                    mstore(0x200, and(m, shr(64, p)))
                    mstore(0x220, and(m, p))
                }
                {
                    let p := or(shl(128, mload(add(a, 0x30))), shr(128, mload(add(blockB, 0x30))))
                    mstore(0x240, and(m, shr(64, p)))
                    mstore(0x260, and(m, p))
                }
                {
                    let p := or(shl(128, mload(add(a, 0x40))), shr(128, mload(add(blockB, 0x40))))
                    mstore(0x280, and(m, shr(64, p)))
                    mstore(0x2a0, and(m, p))
                }
                {
                    let p := or(shl(128, mload(add(a, 0x50))), shr(128, mload(add(blockB, 0x50))))
                    mstore(0x2c0, and(m, shr(64, p)))
                    mstore(0x2e0, and(m, p))
                }
                {
                    let p := or(shl(128, mload(add(a, 0x60))), shr(128, mload(add(blockB, 0x60))))
                    mstore(0x300, and(m, shr(64, p)))
                    mstore(0x320, and(m, p))
                }
                {
                    let p := or(shl(128, mload(add(a, 0x70))), shr(128, mload(add(blockB, 0x70))))
                    mstore(0x340, and(m, shr(64, p)))
                    mstore(0x360, and(m, p))
                }
            }

            let a := mload(0x080)
            let b := mload(0x0a0)
            let c := mload(0x0c0)
            let d := mload(0x0e0)
            let e := mload(0x100)
            let f := mload(0x120)
            let g := mload(0x140)
            let h := mload(0x160)

            // Sixteen rounds a turn. Instead of moving a..h along at the end of a round, the next round names them so:
            // what was h is the new a, what was d is the new e. x is e twice, y is a twice:
            //   t1 = (K[t] + W[t] + h) + (Ch(e, f, g) + Sigma1(e)), Sigma1 = ROTR 14 ^ ROTR 18 ^ ROTR 41
            //   d := d + t1
            //   h := t1 + (Maj(a, b, c) + Sigma0(a)), Sigma0 = ROTR 28 ^ ROTR 34 ^ ROTR 39
            for { let k := K } 1 {} {
                mcopy(0x380, k, 0x200)
                // forgefmt: disable-start
                { // t mod 16 = 0
                    let x := mul(e, double)
                    let t1 := add(add(add(mload(0x380), mload(0x180)), h), add(
                        xor(g, and(e, xor(f, g))), and(m, shr(14, xor(x, shr(4, xor(x, shr(23, x))))))))
                    d := and(m, add(d, t1))
                    let y := mul(a, double)
                    h := and(m, add(t1, add(
                        xor(b, and(xor(a, b), xor(b, c))), and(m, shr(28, xor(y, shr(6, xor(y, shr(5, y)))))))))
                }
                { // t mod 16 = 1
                    let x := mul(d, double)
                    let t1 := add(add(add(mload(0x3a0), mload(0x1a0)), g), add(
                        xor(f, and(d, xor(e, f))), and(m, shr(14, xor(x, shr(4, xor(x, shr(23, x))))))))
                    c := and(m, add(c, t1))
                    let y := mul(h, double)
                    g := and(m, add(t1, add(
                        xor(a, and(xor(h, a), xor(a, b))), and(m, shr(28, xor(y, shr(6, xor(y, shr(5, y)))))))))
                }
                { // t mod 16 = 2
                    let x := mul(c, double)
                    let t1 := add(add(add(mload(0x3c0), mload(0x1c0)), f), add(
                        xor(e, and(c, xor(d, e))), and(m, shr(14, xor(x, shr(4, xor(x, shr(23, x))))))))
                    b := and(m, add(b, t1))
                    let y := mul(g, double)
                    f := and(m, add(t1, add(
                        xor(h, and(xor(g, h), xor(h, a))), and(m, shr(28, xor(y, shr(6, xor(y, shr(5, y)))))))))
                }
                { // t mod 16 = 3
                    let x := mul(b, double)
                    let t1 := add(add(add(mload(0x3e0), mload(0x1e0)), e), add(
                        xor(d, and(b, xor(c, d))), and(m, shr(14, xor(x, shr(4, xor(x, shr(23, x))))))))
                    a := and(m, add(a, t1))
                    let y := mul(f, double)
                    e := and(m, add(t1, add(
                        xor(g, and(xor(f, g), xor(g, h))), and(m, shr(28, xor(y, shr(6, xor(y, shr(5, y)))))))))
                }
                { // t mod 16 = 4
                    let x := mul(a, double)
                    let t1 := add(add(add(mload(0x400), mload(0x200)), d), add(
                        xor(c, and(a, xor(b, c))), and(m, shr(14, xor(x, shr(4, xor(x, shr(23, x))))))))
                    h := and(m, add(h, t1))
                    let y := mul(e, double)
                    d := and(m, add(t1, add(
                        xor(f, and(xor(e, f), xor(f, g))), and(m, shr(28, xor(y, shr(6, xor(y, shr(5, y)))))))))
                }
                { // t mod 16 = 5
                    let x := mul(h, double)
                    let t1 := add(add(add(mload(0x420), mload(0x220)), c), add(
                        xor(b, and(h, xor(a, b))), and(m, shr(14, xor(x, shr(4, xor(x, shr(23, x))))))))
                    g := and(m, add(g, t1))
                    let y := mul(d, double)
                    c := and(m, add(t1, add(
                        xor(e, and(xor(d, e), xor(e, f))), and(m, shr(28, xor(y, shr(6, xor(y, shr(5, y)))))))))
                }
                { // t mod 16 = 6
                    let x := mul(g, double)
                    let t1 := add(add(add(mload(0x440), mload(0x240)), b), add(
                        xor(a, and(g, xor(h, a))), and(m, shr(14, xor(x, shr(4, xor(x, shr(23, x))))))))
                    f := and(m, add(f, t1))
                    let y := mul(c, double)
                    b := and(m, add(t1, add(
                        xor(d, and(xor(c, d), xor(d, e))), and(m, shr(28, xor(y, shr(6, xor(y, shr(5, y)))))))))
                }
                { // t mod 16 = 7
                    let x := mul(f, double)
                    let t1 := add(add(add(mload(0x460), mload(0x260)), a), add(
                        xor(h, and(f, xor(g, h))), and(m, shr(14, xor(x, shr(4, xor(x, shr(23, x))))))))
                    e := and(m, add(e, t1))
                    let y := mul(b, double)
                    a := and(m, add(t1, add(
                        xor(c, and(xor(b, c), xor(c, d))), and(m, shr(28, xor(y, shr(6, xor(y, shr(5, y)))))))))
                }
                { // t mod 16 = 8
                    let x := mul(e, double)
                    let t1 := add(add(add(mload(0x480), mload(0x280)), h), add(
                        xor(g, and(e, xor(f, g))), and(m, shr(14, xor(x, shr(4, xor(x, shr(23, x))))))))
                    d := and(m, add(d, t1))
                    let y := mul(a, double)
                    h := and(m, add(t1, add(
                        xor(b, and(xor(a, b), xor(b, c))), and(m, shr(28, xor(y, shr(6, xor(y, shr(5, y)))))))))
                }
                { // t mod 16 = 9
                    let x := mul(d, double)
                    let t1 := add(add(add(mload(0x4a0), mload(0x2a0)), g), add(
                        xor(f, and(d, xor(e, f))), and(m, shr(14, xor(x, shr(4, xor(x, shr(23, x))))))))
                    c := and(m, add(c, t1))
                    let y := mul(h, double)
                    g := and(m, add(t1, add(
                        xor(a, and(xor(h, a), xor(a, b))), and(m, shr(28, xor(y, shr(6, xor(y, shr(5, y)))))))))
                }
                { // t mod 16 = 10
                    let x := mul(c, double)
                    let t1 := add(add(add(mload(0x4c0), mload(0x2c0)), f), add(
                        xor(e, and(c, xor(d, e))), and(m, shr(14, xor(x, shr(4, xor(x, shr(23, x))))))))
                    b := and(m, add(b, t1))
                    let y := mul(g, double)
                    f := and(m, add(t1, add(
                        xor(h, and(xor(g, h), xor(h, a))), and(m, shr(28, xor(y, shr(6, xor(y, shr(5, y)))))))))
                }
                { // t mod 16 = 11
                    let x := mul(b, double)
                    let t1 := add(add(add(mload(0x4e0), mload(0x2e0)), e), add(
                        xor(d, and(b, xor(c, d))), and(m, shr(14, xor(x, shr(4, xor(x, shr(23, x))))))))
                    a := and(m, add(a, t1))
                    let y := mul(f, double)
                    e := and(m, add(t1, add(
                        xor(g, and(xor(f, g), xor(g, h))), and(m, shr(28, xor(y, shr(6, xor(y, shr(5, y)))))))))
                }
                { // t mod 16 = 12
                    let x := mul(a, double)
                    let t1 := add(add(add(mload(0x500), mload(0x300)), d), add(
                        xor(c, and(a, xor(b, c))), and(m, shr(14, xor(x, shr(4, xor(x, shr(23, x))))))))
                    h := and(m, add(h, t1))
                    let y := mul(e, double)
                    d := and(m, add(t1, add(
                        xor(f, and(xor(e, f), xor(f, g))), and(m, shr(28, xor(y, shr(6, xor(y, shr(5, y)))))))))
                }
                { // t mod 16 = 13
                    let x := mul(h, double)
                    let t1 := add(add(add(mload(0x520), mload(0x320)), c), add(
                        xor(b, and(h, xor(a, b))), and(m, shr(14, xor(x, shr(4, xor(x, shr(23, x))))))))
                    g := and(m, add(g, t1))
                    let y := mul(d, double)
                    c := and(m, add(t1, add(
                        xor(e, and(xor(d, e), xor(e, f))), and(m, shr(28, xor(y, shr(6, xor(y, shr(5, y)))))))))
                }
                { // t mod 16 = 14
                    let x := mul(g, double)
                    let t1 := add(add(add(mload(0x540), mload(0x340)), b), add(
                        xor(a, and(g, xor(h, a))), and(m, shr(14, xor(x, shr(4, xor(x, shr(23, x))))))))
                    f := and(m, add(f, t1))
                    let y := mul(c, double)
                    b := and(m, add(t1, add(
                        xor(d, and(xor(c, d), xor(d, e))), and(m, shr(28, xor(y, shr(6, xor(y, shr(5, y)))))))))
                }
                { // t mod 16 = 15
                    let x := mul(f, double)
                    let t1 := add(add(add(mload(0x560), mload(0x360)), a), add(
                        xor(h, and(f, xor(g, h))), and(m, shr(14, xor(x, shr(4, xor(x, shr(23, x))))))))
                    e := and(m, add(e, t1))
                    let y := mul(b, double)
                    a := and(m, add(t1, add(
                        xor(c, and(xor(b, c), xor(c, d))), and(m, shr(28, xor(y, shr(6, xor(y, shr(5, y)))))))))
                }
                // forgefmt: disable-end
                k := add(k, 0x200)
                if eq(k, K_END) { break }

                // The next sixteen words, each in the place of W[t-16]. x is W[t-15] twice, y is W[t-2] twice:
                //   W[t] = (W[t-16] + W[t-7]) + (sigma0(W[t-15]) + sigma1(W[t-2]))
                //   sigma0 = ROTR 1 ^ ROTR 8 ^ SHR 7, sigma1 = ROTR 19 ^ ROTR 61 ^ SHR 6
                // forgefmt: disable-start
                { // t mod 16 = 0
                    let x := mul(mload(0x1a0), double)
                    let y := mul(mload(0x340), double)
                    mstore(0x180, and(m, add(add(mload(0x180), mload(0x2a0)), add(
                        and(m, xor(shr(1, xor(x, shr(7, x))), shr(7, mload(0x1a0)))),
                        and(m, xor(shr(19, xor(y, shr(42, y))), shr(6, mload(0x340))))))))
                }
                { // t mod 16 = 1
                    let x := mul(mload(0x1c0), double)
                    let y := mul(mload(0x360), double)
                    mstore(0x1a0, and(m, add(add(mload(0x1a0), mload(0x2c0)), add(
                        and(m, xor(shr(1, xor(x, shr(7, x))), shr(7, mload(0x1c0)))),
                        and(m, xor(shr(19, xor(y, shr(42, y))), shr(6, mload(0x360))))))))
                }
                { // t mod 16 = 2
                    let x := mul(mload(0x1e0), double)
                    let y := mul(mload(0x180), double)
                    mstore(0x1c0, and(m, add(add(mload(0x1c0), mload(0x2e0)), add(
                        and(m, xor(shr(1, xor(x, shr(7, x))), shr(7, mload(0x1e0)))),
                        and(m, xor(shr(19, xor(y, shr(42, y))), shr(6, mload(0x180))))))))
                }
                { // t mod 16 = 3
                    let x := mul(mload(0x200), double)
                    let y := mul(mload(0x1a0), double)
                    mstore(0x1e0, and(m, add(add(mload(0x1e0), mload(0x300)), add(
                        and(m, xor(shr(1, xor(x, shr(7, x))), shr(7, mload(0x200)))),
                        and(m, xor(shr(19, xor(y, shr(42, y))), shr(6, mload(0x1a0))))))))
                }
                { // t mod 16 = 4
                    let x := mul(mload(0x220), double)
                    let y := mul(mload(0x1c0), double)
                    mstore(0x200, and(m, add(add(mload(0x200), mload(0x320)), add(
                        and(m, xor(shr(1, xor(x, shr(7, x))), shr(7, mload(0x220)))),
                        and(m, xor(shr(19, xor(y, shr(42, y))), shr(6, mload(0x1c0))))))))
                }
                { // t mod 16 = 5
                    let x := mul(mload(0x240), double)
                    let y := mul(mload(0x1e0), double)
                    mstore(0x220, and(m, add(add(mload(0x220), mload(0x340)), add(
                        and(m, xor(shr(1, xor(x, shr(7, x))), shr(7, mload(0x240)))),
                        and(m, xor(shr(19, xor(y, shr(42, y))), shr(6, mload(0x1e0))))))))
                }
                { // t mod 16 = 6
                    let x := mul(mload(0x260), double)
                    let y := mul(mload(0x200), double)
                    mstore(0x240, and(m, add(add(mload(0x240), mload(0x360)), add(
                        and(m, xor(shr(1, xor(x, shr(7, x))), shr(7, mload(0x260)))),
                        and(m, xor(shr(19, xor(y, shr(42, y))), shr(6, mload(0x200))))))))
                }
                { // t mod 16 = 7
                    let x := mul(mload(0x280), double)
                    let y := mul(mload(0x220), double)
                    mstore(0x260, and(m, add(add(mload(0x260), mload(0x180)), add(
                        and(m, xor(shr(1, xor(x, shr(7, x))), shr(7, mload(0x280)))),
                        and(m, xor(shr(19, xor(y, shr(42, y))), shr(6, mload(0x220))))))))
                }
                { // t mod 16 = 8
                    let x := mul(mload(0x2a0), double)
                    let y := mul(mload(0x240), double)
                    mstore(0x280, and(m, add(add(mload(0x280), mload(0x1a0)), add(
                        and(m, xor(shr(1, xor(x, shr(7, x))), shr(7, mload(0x2a0)))),
                        and(m, xor(shr(19, xor(y, shr(42, y))), shr(6, mload(0x240))))))))
                }
                { // t mod 16 = 9
                    let x := mul(mload(0x2c0), double)
                    let y := mul(mload(0x260), double)
                    mstore(0x2a0, and(m, add(add(mload(0x2a0), mload(0x1c0)), add(
                        and(m, xor(shr(1, xor(x, shr(7, x))), shr(7, mload(0x2c0)))),
                        and(m, xor(shr(19, xor(y, shr(42, y))), shr(6, mload(0x260))))))))
                }
                { // t mod 16 = 10
                    let x := mul(mload(0x2e0), double)
                    let y := mul(mload(0x280), double)
                    mstore(0x2c0, and(m, add(add(mload(0x2c0), mload(0x1e0)), add(
                        and(m, xor(shr(1, xor(x, shr(7, x))), shr(7, mload(0x2e0)))),
                        and(m, xor(shr(19, xor(y, shr(42, y))), shr(6, mload(0x280))))))))
                }
                { // t mod 16 = 11
                    let x := mul(mload(0x300), double)
                    let y := mul(mload(0x2a0), double)
                    mstore(0x2e0, and(m, add(add(mload(0x2e0), mload(0x200)), add(
                        and(m, xor(shr(1, xor(x, shr(7, x))), shr(7, mload(0x300)))),
                        and(m, xor(shr(19, xor(y, shr(42, y))), shr(6, mload(0x2a0))))))))
                }
                { // t mod 16 = 12
                    let x := mul(mload(0x320), double)
                    let y := mul(mload(0x2c0), double)
                    mstore(0x300, and(m, add(add(mload(0x300), mload(0x220)), add(
                        and(m, xor(shr(1, xor(x, shr(7, x))), shr(7, mload(0x320)))),
                        and(m, xor(shr(19, xor(y, shr(42, y))), shr(6, mload(0x2c0))))))))
                }
                { // t mod 16 = 13
                    let x := mul(mload(0x340), double)
                    let y := mul(mload(0x2e0), double)
                    mstore(0x320, and(m, add(add(mload(0x320), mload(0x240)), add(
                        and(m, xor(shr(1, xor(x, shr(7, x))), shr(7, mload(0x340)))),
                        and(m, xor(shr(19, xor(y, shr(42, y))), shr(6, mload(0x2e0))))))))
                }
                { // t mod 16 = 14
                    let x := mul(mload(0x360), double)
                    let y := mul(mload(0x300), double)
                    mstore(0x340, and(m, add(add(mload(0x340), mload(0x260)), add(
                        and(m, xor(shr(1, xor(x, shr(7, x))), shr(7, mload(0x360)))),
                        and(m, xor(shr(19, xor(y, shr(42, y))), shr(6, mload(0x300))))))))
                }
                { // t mod 16 = 15
                    let x := mul(mload(0x180), double)
                    let y := mul(mload(0x320), double)
                    mstore(0x360, and(m, add(add(mload(0x360), mload(0x280)), add(
                        and(m, xor(shr(1, xor(x, shr(7, x))), shr(7, mload(0x180)))),
                        and(m, xor(shr(19, xor(y, shr(42, y))), shr(6, mload(0x320))))))))
                }
                // forgefmt: disable-end
            }

            mstore(0x080, and(m, add(a, mload(0x080))))
            mstore(0x0a0, and(m, add(b, mload(0x0a0))))
            mstore(0x0c0, and(m, add(c, mload(0x0c0))))
            mstore(0x0e0, and(m, add(d, mload(0x0e0))))
            mstore(0x100, and(m, add(e, mload(0x100))))
            mstore(0x120, and(m, add(f, mload(0x120))))
            mstore(0x140, and(m, add(g, mload(0x140))))
            mstore(0x160, and(m, add(h, mload(0x160))))
        }
    }

    /// @dev The round constants (4.2.3), in both lanes.
    function _storeRoundConstants() private pure {
        assembly {
            mstore(K, mul(0x428a2f98d728ae22, LANES))
            mstore(add(K, 0x020), mul(0x7137449123ef65cd, LANES))
            mstore(add(K, 0x040), mul(0xb5c0fbcfec4d3b2f, LANES))
            mstore(add(K, 0x060), mul(0xe9b5dba58189dbbc, LANES))
            mstore(add(K, 0x080), mul(0x3956c25bf348b538, LANES))
            mstore(add(K, 0x0a0), mul(0x59f111f1b605d019, LANES))
            mstore(add(K, 0x0c0), mul(0x923f82a4af194f9b, LANES))
            mstore(add(K, 0x0e0), mul(0xab1c5ed5da6d8118, LANES))
            mstore(add(K, 0x100), mul(0xd807aa98a3030242, LANES))
            mstore(add(K, 0x120), mul(0x12835b0145706fbe, LANES))
            mstore(add(K, 0x140), mul(0x243185be4ee4b28c, LANES))
            mstore(add(K, 0x160), mul(0x550c7dc3d5ffb4e2, LANES))
            mstore(add(K, 0x180), mul(0x72be5d74f27b896f, LANES))
            mstore(add(K, 0x1a0), mul(0x80deb1fe3b1696b1, LANES))
            mstore(add(K, 0x1c0), mul(0x9bdc06a725c71235, LANES))
            mstore(add(K, 0x1e0), mul(0xc19bf174cf692694, LANES))
            mstore(add(K, 0x200), mul(0xe49b69c19ef14ad2, LANES))
            mstore(add(K, 0x220), mul(0xefbe4786384f25e3, LANES))
            mstore(add(K, 0x240), mul(0x0fc19dc68b8cd5b5, LANES))
            mstore(add(K, 0x260), mul(0x240ca1cc77ac9c65, LANES))
            mstore(add(K, 0x280), mul(0x2de92c6f592b0275, LANES))
            mstore(add(K, 0x2a0), mul(0x4a7484aa6ea6e483, LANES))
            mstore(add(K, 0x2c0), mul(0x5cb0a9dcbd41fbd4, LANES))
            mstore(add(K, 0x2e0), mul(0x76f988da831153b5, LANES))
            mstore(add(K, 0x300), mul(0x983e5152ee66dfab, LANES))
            mstore(add(K, 0x320), mul(0xa831c66d2db43210, LANES))
            mstore(add(K, 0x340), mul(0xb00327c898fb213f, LANES))
            mstore(add(K, 0x360), mul(0xbf597fc7beef0ee4, LANES))
            mstore(add(K, 0x380), mul(0xc6e00bf33da88fc2, LANES))
            mstore(add(K, 0x3a0), mul(0xd5a79147930aa725, LANES))
            mstore(add(K, 0x3c0), mul(0x06ca6351e003826f, LANES))
            mstore(add(K, 0x3e0), mul(0x142929670a0e6e70, LANES))
            mstore(add(K, 0x400), mul(0x27b70a8546d22ffc, LANES))
            mstore(add(K, 0x420), mul(0x2e1b21385c26c926, LANES))
            mstore(add(K, 0x440), mul(0x4d2c6dfc5ac42aed, LANES))
            mstore(add(K, 0x460), mul(0x53380d139d95b3df, LANES))
            mstore(add(K, 0x480), mul(0x650a73548baf63de, LANES))
            mstore(add(K, 0x4a0), mul(0x766a0abb3c77b2a8, LANES))
            mstore(add(K, 0x4c0), mul(0x81c2c92e47edaee6, LANES))
            mstore(add(K, 0x4e0), mul(0x92722c851482353b, LANES))
            mstore(add(K, 0x500), mul(0xa2bfe8a14cf10364, LANES))
            mstore(add(K, 0x520), mul(0xa81a664bbc423001, LANES))
            mstore(add(K, 0x540), mul(0xc24b8b70d0f89791, LANES))
            mstore(add(K, 0x560), mul(0xc76c51a30654be30, LANES))
            mstore(add(K, 0x580), mul(0xd192e819d6ef5218, LANES))
            mstore(add(K, 0x5a0), mul(0xd69906245565a910, LANES))
            mstore(add(K, 0x5c0), mul(0xf40e35855771202a, LANES))
            mstore(add(K, 0x5e0), mul(0x106aa07032bbd1b8, LANES))
            mstore(add(K, 0x600), mul(0x19a4c116b8d2d0c8, LANES))
            mstore(add(K, 0x620), mul(0x1e376c085141ab53, LANES))
            mstore(add(K, 0x640), mul(0x2748774cdf8eeb99, LANES))
            mstore(add(K, 0x660), mul(0x34b0bcb5e19b48a8, LANES))
            mstore(add(K, 0x680), mul(0x391c0cb3c5c95a63, LANES))
            mstore(add(K, 0x6a0), mul(0x4ed8aa4ae3418acb, LANES))
            mstore(add(K, 0x6c0), mul(0x5b9cca4f7763e373, LANES))
            mstore(add(K, 0x6e0), mul(0x682e6ff3d6b2b8a3, LANES))
            mstore(add(K, 0x700), mul(0x748f82ee5defb2fc, LANES))
            mstore(add(K, 0x720), mul(0x78a5636f43172f60, LANES))
            mstore(add(K, 0x740), mul(0x84c87814a1f0ab72, LANES))
            mstore(add(K, 0x760), mul(0x8cc702081a6439ec, LANES))
            mstore(add(K, 0x780), mul(0x90befffa23631e28, LANES))
            mstore(add(K, 0x7a0), mul(0xa4506cebde82bde9, LANES))
            mstore(add(K, 0x7c0), mul(0xbef9a3f7b2c67915, LANES))
            mstore(add(K, 0x7e0), mul(0xc67178f2e372532b, LANES))
            mstore(add(K, 0x800), mul(0xca273eceea26619c, LANES))
            mstore(add(K, 0x820), mul(0xd186b8c721c0c207, LANES))
            mstore(add(K, 0x840), mul(0xeada7dd6cde0eb1e, LANES))
            mstore(add(K, 0x860), mul(0xf57d4f7fee6ed178, LANES))
            mstore(add(K, 0x880), mul(0x06f067aa72176fba, LANES))
            mstore(add(K, 0x8a0), mul(0x0a637dc5a2c898a6, LANES))
            mstore(add(K, 0x8c0), mul(0x113f9804bef90dae, LANES))
            mstore(add(K, 0x8e0), mul(0x1b710b35131c471b, LANES))
            mstore(add(K, 0x900), mul(0x28db77f523047d84, LANES))
            mstore(add(K, 0x920), mul(0x32caab7b40c72493, LANES))
            mstore(add(K, 0x940), mul(0x3c9ebe0a15c9bebc, LANES))
            mstore(add(K, 0x960), mul(0x431d67c49c100d4c, LANES))
            mstore(add(K, 0x980), mul(0x4cc5d4becb3e42b6, LANES))
            mstore(add(K, 0x9a0), mul(0x597f299cfc657e2a, LANES))
            mstore(add(K, 0x9c0), mul(0x5fcb6fab3ad6faec, LANES))
            mstore(add(K, 0x9e0), mul(0x6c44198c4a475817, LANES))
        }
    }
}
