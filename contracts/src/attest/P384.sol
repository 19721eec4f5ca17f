// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IP384} from "../interfaces/IP384.sol";
import {P384Multiples} from "./P384Multiples.sol";

/// @title ECDSA with P-384 (FIPS 186-5) in about 0.2 million gas, with a hint that is checked in full
/// @notice docs/p384-soundness.md says what a hint is, what is checked and why it suffices; this file has its order and
/// its names. In short: the sender supplies the slope of every step of one scalar multiplication; the steps are replayed
/// on integers known modulo M alone, a prime hashed from all that the sender chose, and every step's equation is folded
/// into one number E that must be a multiple of p.
///
/// The memory behind Solidity's own is laid out once, at fixed places, so that each loop runs on the stack. Nothing was
/// written there before: the scalars and E begin as zero.
contract P384 is IP384 {
    uint256 private constant STATEMENT_SIZE = 240;
    /// @dev flags, nOps, Y; and k1, k2, nonce.
    uint256 private constant HEADER_SIZE = 50;
    uint256 private constant QUOTIENTS_SIZE = 104;
    uint256 private constant MAX_K = 512;
    uint256 private constant MAX_OPERATIONS = 200;
    /// @dev Slopes beside those of the operations: two tables of 8, and 193 doublings.
    uint256 private constant FIXED_SLOPES = 209;
    uint256 private constant PRIME_ROUNDS = 2;

    /// @dev h1 and the row's index, side by side: what coefficients are hashed from.
    uint256 private constant H1 = 0x80;
    uint256 private constant ROW = 0xa0;
    uint256 private constant RHO = 0xc0;
    /// @dev E.
    uint256 private constant TOTAL = 0xe0;
    /// @dev v, w, g0, g1.
    uint256 private constant SCALARS = 0x100;
    /// @dev Doublings still to come.
    uint256 private constant LEFT = 0x180;
    /// @dev Where the schedule ends, and the slopes begin.
    uint256 private constant SCHEDULE_END = 0x1a0;
    /// @dev Input of MODEXP: three lengths, base, exponent, modulus. The first two words serve to hash the base.
    uint256 private constant MODEXP = 0x1c0;
    /// @dev Odd multiples of R and of Q, 64 bytes each, modulo M; those of G and 2^192 G, 96 bytes each.
    uint256 private constant R_MULTIPLES = 0x400;
    uint256 private constant Q_MULTIPLES = 0x600;
    uint256 private constant G_MULTIPLES = 0x800;
    uint256 private constant G_MULTIPLES_SIZE = 0x3000;
    /// @dev TAG2 | h1 | k1 | k2 | nonce | K.
    uint256 private constant SECOND = 0x3800;
    uint256 private constant SECOND_H1 = 0x3820;
    uint256 private constant K1 = 0x3840;
    uint256 private constant K2 = 0x3860;
    uint256 private constant K = 0x38a8;
    /// @dev TAG1 | statement | flags | nOps | Y | schedule | slopes.
    uint256 private constant FIRST = 0x3ac0;
    uint256 private constant STATEMENT = 0x3ae0;
    uint256 private constant STATEMENT_R = 0x3b10;
    uint256 private constant STATEMENT_S = 0x3b40;
    uint256 private constant STATEMENT_QX = 0x3b70;
    uint256 private constant STATEMENT_QY = 0x3ba0;
    uint256 private constant FLAGS = 0x3bd0;
    uint256 private constant Y = 0x3bd2;
    uint256 private constant SCHEDULE = 0x3c02;

    /// @dev "nacre.p384.slopes" and "nacre.p384.modulus".
    uint256 private constant TAG1 = 0x6e616372652e703338342e736c6f706573000000000000000000000000000000;
    uint256 private constant TAG2 = 0x6e616372652e703338342e6d6f64756c75730000000000000000000000000000;
    uint256 private constant TAG3 = 0x8000000000000000000000000000000000000000000000000000000000000000;

    /// @dev 2^192: 48-byte constants are two halves, high 2^192 + low. 2^128: in memory they are read as a word and a half.
    uint256 private constant HALF = 0x1000000000000000000000000000000000000000000000000;
    uint256 private constant QUARTER = 0x100000000000000000000000000000000;
    uint256 private constant ONES = 0xffffffffffffffffffffffffffffffffffffffffffffffff;
    uint256 private constant P_LOW = 0xfffffffffffffffeffffffff0000000000000000ffffffff;
    uint256 private constant N_LOW = 0xc7634d81f4372ddf581a0db248b0a77aecec196accc52973;
    /// @dev p - n, below 2^192.
    uint256 private constant P_MINUS_N = 0x389cb27e0bc8d21fa7e5f24cb74f58851313e696333ad68c;
    uint256 private constant B_HIGH = 0xb3312fa7e23ee7e4988e056be3f82d19181d9c6efe814112;
    uint256 private constant B_LOW = 0x0314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aef;
    /// @dev S, and F = [2^193]S.
    uint256 private constant SX_HIGH = 0x7041fe7a9c07eb6c9c0864d0930f17545269a4a35709187e;
    uint256 private constant SX_LOW = 0x2de8e18841f08aedfff4a21373389e5d59eb4c28573d9e93;
    uint256 private constant SY_HIGH = 0xf80689fca2c96ea035a660be35282f452b8f9c9edc7ee8da;
    uint256 private constant SY_LOW = 0x88db1b5af0527695762e84214aa13053926a1e54fb62368e;
    uint256 private constant FX_HIGH = 0xc5295cdc7726b90b82ece75a267773b8161247d4a26a2b3a;
    uint256 private constant FX_LOW = 0x23e9563061edfeee43f43effd7370c2310e747a47d1b1590;
    uint256 private constant FY_HIGH = 0x29ad99e18aaa38d091986f1b3f9d712c1172fc65edc321cf;
    uint256 private constant FY_LOW = 0xfcaa5f5cebdd70d4032aac4543ecee3a1949a50b273a64b1;

    /// @notice Holds the odd multiples of G and 2^192 G.
    address public immutable MULTIPLES;

    error StatementLength(uint256 length);
    /// @notice Too short for its operations, or more or fewer bytes of K than a multiple of 32 up to 512.
    error HintLength(uint256 length);
    /// @notice r or s is not in 1..n-1, a coordinate is not below p, or x(R) = r + n is not.
    error OutOfRange();
    /// @notice Unknown flags, more than 200 operations, not 193 doublings in runs of at most 15, a table
    /// without that index, or v = 0.
    error InvalidSchedule();
    error ModulusNotPrime();
    /// @notice The equations do not hold: the hint, or the signature, is wrong.
    error NotProven();

    constructor() {
        MULTIPLES = address(new P384Multiples());
    }

    /// @notice Returns if the hint shows that the signature holds, and reverts otherwise.
    /// @param statement e | r | s | Qx | Qy, 48 bytes each: e the SHA-384 digest. It must come from the caller's own
    /// parser, and Q must be the key that the caller trusts. (r, n - s) is a signature as well: whoever keeps track of
    /// what was signed goes by e and Q, never by these bytes.
    /// @param hint as sdk/src/attest/p384 makes it; of many hints for one statement each is as good
    function check(bytes calldata statement, bytes calldata hint) external view {
        uint256 operations = _load(statement, hint);
        _requireRanges();
        uint256 h2 = _commit(operations, hint.length);
        uint256 m = ((h2 >> 8) | (1 << 247)) | 3;
        _requirePrime(m, h2);
        _replay(m);
        _requireScalars(m);
        _requireFold(m, hint.length - _committedSize(operations) - QUOTIENTS_SIZE);
    }

    /// @dev Step 1: lengths; everything to its place in memory.
    function _load(bytes calldata statement, bytes calldata hint) private view returns (uint256 operations) {
        if (statement.length != STATEMENT_SIZE) revert StatementLength(statement.length);
        if (hint.length < HEADER_SIZE) revert HintLength(hint.length);
        uint8 flags = uint8(hint[0]);
        operations = uint8(hint[1]);
        if (flags > 1 || operations > MAX_OPERATIONS) revert InvalidSchedule();
        uint256 committed = _committedSize(operations);
        uint256 rest = committed + QUOTIENTS_SIZE;
        uint256 kSize = hint.length > rest ? hint.length - rest : 0;
        if (kSize == 0 || kSize > MAX_K || kSize % 32 != 0) revert HintLength(hint.length);

        address multiples = MULTIPLES;
        assembly ("memory-safe") {
            mstore(0x40, add(FLAGS, add(committed, 0x40)))
            mstore(SCHEDULE_END, add(SCHEDULE, mul(2, operations)))
            extcodecopy(multiples, G_MULTIPLES, 1, G_MULTIPLES_SIZE)
            calldatacopy(STATEMENT, statement.offset, STATEMENT_SIZE)
            calldatacopy(FLAGS, hint.offset, committed)
            calldatacopy(K1, add(hint.offset, committed), sub(hint.length, committed))
        }
    }

    function _committedSize(uint256 operations) private pure returns (uint256) {
        return HEADER_SIZE + 2 * operations + 48 * (FIXED_SLOPES + operations);
    }

    /// @dev Step 2.
    function _requireRanges() private pure {
        bool inRange;
        assembly ("memory-safe") {
            // the 24 high bytes of both bounds are all ones
            function below(at, low) -> result {
                let high := shr(64, mload(at))
                result := or(lt(high, ONES), lt(shr(64, mload(add(at, 24))), low))
            }
            function isZero(at) -> result {
                result := iszero(or(mload(at), mload(add(at, 16))))
            }
            inRange := and(below(STATEMENT_R, N_LOW), below(STATEMENT_S, N_LOW))
            inRange := and(inRange, iszero(or(isZero(STATEMENT_R), isZero(STATEMENT_S))))
            inRange := and(inRange, and(below(STATEMENT_QX, P_LOW), below(STATEMENT_QY, P_LOW)))
            inRange := and(inRange, below(Y, P_LOW))
            if byte(0, mload(FLAGS)) {
                let high := shr(64, mload(STATEMENT_R))
                inRange := and(inRange, and(iszero(high), lt(shr(64, mload(add(STATEMENT_R, 24))), P_MINUS_N)))
            }
        }
        if (!inRange) revert OutOfRange();
    }

    /// @dev Steps 3 and 5: h1, then h2, which covers h1.
    function _commit(uint256 operations, uint256 hintSize) private pure returns (uint256 h2) {
        uint256 committed = _committedSize(operations);
        assembly ("memory-safe") {
            mstore(FIRST, TAG1)
            let h1 := keccak256(FIRST, add(add(32, STATEMENT_SIZE), committed))
            mstore(H1, h1)
            mstore(SECOND, TAG2)
            mstore(SECOND_H1, h1)
            h2 := keccak256(SECOND, add(64, sub(hintSize, committed)))
        }
    }

    /// @dev Step 6: M = 3 modulo 4, so that b^((M-1)/2) = 1 or -1 is the whole of a strong test.
    function _requirePrime(uint256 m, uint256 h2) private view {
        bool prime = true;
        for (uint256 i = 0; i < PRIME_ROUNDS; ++i) {
            assembly ("memory-safe") {
                mstore(MODEXP, h2)
                mstore(add(MODEXP, 0x20), add(TAG3, i))
                mstore(add(MODEXP, 0x60), keccak256(MODEXP, 64))
                mstore(MODEXP, 32)
                mstore(add(MODEXP, 0x20), 32)
                mstore(add(MODEXP, 0x40), 32)
                mstore(add(MODEXP, 0x80), shr(1, m))
                mstore(add(MODEXP, 0xa0), m)
                let done := staticcall(gas(), 5, MODEXP, 0xc0, MODEXP, 32)
                let power := mload(MODEXP)
                done := and(done, eq(returndatasize(), 32))
                prime := and(prime, and(done, or(eq(power, 1), eq(power, sub(m, 1)))))
            }
        }
        if (!prime) revert ModulusNotPrime();
    }

    /// @dev Steps 4, 7 and 8. Residues are below M < 2^248; sums that are not reduced stay below 2^251.
    function _replay(uint256 m) private pure {
        assembly ("memory-safe") {
            // 48 bytes modulo m, reduced
            function residue(at, modulus) -> value {
                value := addmod(mulmod(mload(at), QUARTER, modulus), shr(128, mload(add(at, 0x20))), modulus)
            }
            function constantResidue(high, low, modulus) -> value {
                value := addmod(mulmod(high, HALF, modulus), low, modulus)
            }
            // E := E + a_row e
            function close(row, e, modulus) {
                mstore(ROW, row)
                mstore(TOTAL, addmod(mload(TOTAL), mulmod(e, shr(96, keccak256(H1, 64)), modulus), modulus))
            }
            // fills a table with [1], [3], ... [15](x, y); its row's sum
            function multiples(table, slope, x, y, modulus) -> e {
                mstore(table, x)
                mstore(add(table, 0x20), y)
                let x2 := sub(modulus, x)
                let y2
                {
                    let squared := mulmod(x, x, modulus)
                    // y^2 - x^3 + 3 x - b
                    e := add(mulmod(y, y, modulus), sub(modulus, mulmod(squared, x, modulus)))
                    e := add(e, add(mul(3, x), sub(modulus, constantResidue(B_HIGH, B_LOW, modulus))))
                    let l := add(mulmod(mload(slope), QUARTER, modulus), shr(128, mload(add(slope, 0x20))))
                    // 2 l y - 3 x^2 + 3
                    e := mulmod(e, mload(RHO), modulus)
                    e := add(e, add(mulmod(l, add(y, y), modulus), add(3, mul(3, sub(modulus, squared)))))
                    x2 := addmod(mulmod(l, l, modulus), add(x2, x2), modulus)
                    y2 := addmod(mulmod(l, add(x, sub(modulus, x2)), modulus), sub(modulus, y), modulus)
                }
                // tables are aligned to their size
                for {} and(add(table, 0x40), 0x1ff) {} {
                    table := add(table, 0x40)
                    slope := add(slope, 48)
                    let l := add(mulmod(mload(slope), QUARTER, modulus), shr(128, mload(add(slope, 0x20))))
                    // l (x2 - x) - (y2 - y)
                    e := mulmod(e, mload(RHO), modulus)
                    e := add(e, add(mulmod(l, add(x2, sub(modulus, x)), modulus), add(y, sub(modulus, y2))))
                    let x3 := addmod(mulmod(l, l, modulus), sub(add(modulus, modulus), add(x, x2)), modulus)
                    y := addmod(mulmod(l, add(x, sub(modulus, x3)), modulus), sub(modulus, y), modulus)
                    x := x3
                    mstore(table, x)
                    mstore(add(table, 0x20), y)
                }
            }
            function refuseSchedule() {
                mstore(0, shl(224, 0xdba16ce8)) // InvalidSchedule()
                revert(0, 4)
            }
            mstore(ROW, not(0))
            let rho := shr(96, keccak256(H1, 64))
            mstore(RHO, rho)
            let slope := mload(SCHEDULE_END)
            {
                let x := residue(STATEMENT_R, m)
                if byte(0, mload(FLAGS)) { x := addmod(x, constantResidue(ONES, N_LOW, m), m) }
                close(0, multiples(R_MULTIPLES, slope, x, residue(Y, m), m), m)
                slope := add(slope, 384)
                x := residue(STATEMENT_QX, m)
                close(1, multiples(Q_MULTIPLES, slope, x, residue(STATEMENT_QY, m), m), m)
                slope := add(slope, 384)
            }

            let x := constantResidue(SX_HIGH, SX_LOW, m)
            let y := constantResidue(SY_HIGH, SY_LOW, m)
            mstore(LEFT, 193)
            for { let at := SCHEDULE } lt(at, mload(SCHEDULE_END)) { at := add(at, 2) } {
                let e := 0
                let operation := shr(240, mload(at))
                {
                    let doublings := shr(12, operation)
                    if gt(doublings, mload(LEFT)) { refuseSchedule() }
                    mstore(LEFT, sub(mload(LEFT), doublings))
                    for {} doublings { doublings := sub(doublings, 1) } {
                        let l := add(mulmod(mload(slope), QUARTER, m), shr(128, mload(add(slope, 0x20))))
                        slope := add(slope, 48)
                        // 2 l y - 3 x^2 + 3
                        e := add(
                            mulmod(e, rho, m),
                            add(mulmod(l, add(y, y), m), add(3, mul(3, sub(m, mulmod(x, x, m)))))
                        )
                        let x3 := sub(m, x)
                        x3 := addmod(mulmod(l, l, m), add(x3, x3), m)
                        y := addmod(mulmod(l, add(x, sub(m, x3)), m), sub(m, y), m)
                        x := x3
                    }
                }
                let x2
                let y2
                {
                    // the point to add, plus or minus [2 index + 1] of the table's, which is counted to its scalar
                    let index := and(operation, 0x1ff)
                    let table := and(shr(9, operation), 3)
                    let multiple := shl(mload(LEFT), add(add(index, index), 1))
                    switch gt(table, 1)
                    case 0 {
                        if gt(index, 7) { refuseSchedule() }
                        index := add(add(R_MULTIPLES, shl(9, table)), shl(6, index))
                        x2 := mload(index)
                        y2 := mload(add(index, 0x20))
                    }
                    default {
                        if gt(index, 63) { refuseSchedule() }
                        index := add(G_MULTIPLES, mul(96, add(shl(6, sub(table, 2)), index)))
                        x2 := addmod(mulmod(mload(index), QUARTER, m), shr(128, mload(add(index, 0x20))), m)
                        y2 := addmod(mulmod(mload(add(index, 48)), QUARTER, m), shr(128, mload(add(index, 80))), m)
                    }
                    if and(operation, 0x800) {
                        multiple := sub(0, multiple)
                        y2 := sub(m, y2)
                    }
                    table := add(SCALARS, shl(5, table))
                    mstore(table, add(mload(table), multiple))
                }
                {
                    let l := add(mulmod(mload(slope), QUARTER, m), shr(128, mload(add(slope, 0x20))))
                    slope := add(slope, 48)
                    // l (x2 - x) - (y2 - y), then l (y + y2) - (x (x + x2) + x2^2 - 3)
                    e := add(mulmod(e, rho, m), add(mulmod(l, add(x2, sub(m, x)), m), add(y, sub(m, y2))))
                    let x3 := add(x, x2)
                    y2 := add(mulmod(l, add(y, y2), m), 3)
                    e := add(mulmod(e, rho, m), add(y2, sub(add(m, m), add(mulmod(x, x3, m), mulmod(x2, x2, m)))))
                    x3 := addmod(mulmod(l, l, m), sub(add(m, m), x3), m)
                    y := addmod(mulmod(l, add(x, sub(m, x3)), m), sub(m, y), m)
                    x := x3
                }
                mstore(ROW, at)
                mstore(TOTAL, addmod(mload(TOTAL), mulmod(e, shr(96, keccak256(H1, 64)), m), m))
            }
            if mload(LEFT) { refuseSchedule() }
            // the end: x - Fx, y - Fy
            x := add(x, sub(m, constantResidue(FX_HIGH, FX_LOW, m)))
            y := add(y, sub(m, constantResidue(FY_HIGH, FY_LOW, m)))
            close(2, add(mulmod(x, rho, m), y), m)
        }
    }

    /// @dev Step 9.
    function _requireScalars(uint256 m) private pure {
        uint256 v;
        bool holds;
        assembly ("memory-safe") {
            function residue(at, modulus) -> value {
                value := addmod(mulmod(mload(at), QUARTER, modulus), shr(128, mload(add(at, 0x20))), modulus)
            }
            // a word in two's complement
            function signed(word, modulus) -> value {
                value := add(smod(word, modulus), modulus)
            }
            v := mload(SCALARS)
            let vm := signed(v, m)
            let w := signed(mload(add(SCALARS, 0x20)), m)
            let g := signed(mload(add(SCALARS, 0x60)), m)
            g := addmod(mulmod(g, HALF, m), signed(mload(add(SCALARS, 0x40)), m), m)
            let n := addmod(mulmod(ONES, HALF, m), N_LOW, m)
            let s := residue(STATEMENT_S, m)
            // w s + v r = k1 n
            let sum := addmod(mulmod(w, s, m), mulmod(vm, residue(STATEMENT_R, m), m), m)
            holds := eq(sum, mulmod(signed(mload(K1), m), n, m))
            // g s + v e = k2 n
            sum := addmod(mulmod(g, s, m), mulmod(vm, residue(STATEMENT, m), m), m)
            let k2 := mulmod(signed(mload(K2), m), addmod(not(0), 1, m), m)
            k2 := addmod(k2, mload(add(K2, 0x20)), m)
            holds := and(holds, eq(sum, mulmod(k2, n, m)))
        }
        if (v == 0) revert InvalidSchedule();
        if (!holds) revert NotProven();
    }

    /// @dev Step 10.
    function _requireFold(uint256 m, uint256 kSize) private pure {
        bool holds;
        assembly ("memory-safe") {
            // two's complement: the first word is signed
            let k := add(smod(mload(K), m), m)
            let word := addmod(not(0), 1, m)
            for { let i := 32 } lt(i, kSize) { i := add(i, 32) } {
                k := addmod(mulmod(k, word, m), mload(add(K, i)), m)
            }
            let p := addmod(mulmod(ONES, HALF, m), P_LOW, m)
            holds := eq(mload(TOTAL), mulmod(k, p, m))
        }
        if (!holds) revert NotProven();
    }
}
