// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IP384} from "../interfaces/IP384.sol";
import {ISha384} from "../interfaces/ISha384.sol";
import {AttestationDocument} from "../libraries/AttestationDocument.sol";
import {Span, spanOf} from "../libraries/Span.sol";
import {X509} from "../libraries/X509.sol";

/// @title Certificates of AWS Nitro: chains checked on chain, kept, and revoked
/// @notice A chain is [root, authorities..., leaf] as DER (docs/protocol.md, Evidence, Nitro). Whoever presents one
/// brings a hint for each certificate that is not kept yet. A certificate is kept under its whole path, so that what was
/// found out about it, its issuers and their limits holds wherever it is found again, and one slot tells it.
abstract contract NitroCertificates {
    /// @dev What is known of a kept certificate and the path above it; one slot. Times in seconds, both inclusive.
    /// @param notBefore, notAfter its own validity
    /// @param from, until when all of the path are valid
    /// @param key, subject, subjectSize where in its DER the point's 96 bytes and the subject's content are
    /// @param authorities how many authorities may follow below it
    /// @param isAuthority whether it may issue; if not, it may sign documents
    /// @param epoch how many revocations there had been when the path was compared with them
    struct Entry {
        uint40 notBefore;
        uint40 notAfter;
        uint40 from;
        uint40 until;
        uint16 key;
        uint16 subject;
        uint16 subjectSize;
        uint8 authorities;
        bool isAuthority;
        uint32 epoch;
    }

    /// @notice SHA-256 of the only root certificate that is trusted, in DER. Its own signature says no more than that.
    bytes32 public immutable ROOT;

    /// @notice Who may revoke, and nothing else: a timelock.
    address public immutable OWNER;
    IP384 public immutable ECDSA;
    ISha384 public immutable HASH;

    /// @notice A root, at most seven authorities, and a leaf.
    uint256 public constant MAX_CHAIN = 9;

    /// @dev More than any chain has: no authority limits the path.
    uint8 internal constant NO_LIMIT = type(uint8).max;

    uint256 private constant POINT_SIZE = 97;
    uint256 private constant NUMBER_SIZE = 48;
    uint256 private constant MIDSTATE_SIZE = 64;

    /// @dev ecdsa-with-SHA384, and id-ecPublicKey on secp384r1.
    bytes32 private constant ECDSA_SHA384 = keccak256(hex"300a06082a8648ce3d040303");
    bytes32 private constant P384_KEY = keccak256(hex"301006072a8648ce3d020106052b81040022");

    /// @notice Whether a certificate is revoked, by the keccak256 of its signed part (TBSCertificate in DER).
    mapping(bytes32 signedHash => bool) public isRevoked;

    /// @notice How many certificates were revoked.
    uint32 public epoch;

    mapping(bytes32 id => Entry) private _entries;

    event CertificateCached(bytes32 indexed id, bytes32 indexed parent, uint64 notAfter);
    event CertificateRevoked(bytes32 indexed signedHash, uint32 epoch);

    error NoCode(address account);
    error NotOwner(address account);
    error AlreadyRevoked(bytes32 signedHash);
    error ChainLength(uint256 certificates);
    error CertificateSize(uint256 position, uint256 size);
    error WrongRoot(bytes32 expected, bytes32 actual);
    error RevokedCertificate(bytes32 signedHash);
    error CertificateNotYetValid(uint256 from, uint256 time);
    error CertificateExpired(uint256 until, uint256 time);
    error NotAuthority(uint256 position);
    error IsAuthority(uint256 position);
    error MayNotSign(uint256 position);
    error PathTooLong(uint256 position);
    error WrongIssuer(uint256 position);
    error UnsupportedAlgorithm(uint256 position);
    error UnsupportedKey(uint256 position);
    error SignatureSize(uint256 size);
    error CertificateNotCached(uint256 position, bytes32 id);
    error HintTruncated(uint256 offset);
    error HintTooShort(uint256 size);
    error HintsTrailing(uint256 size);

    constructor(bytes32 root, address owner, IP384 p384, ISha384 sha384_) {
        if (address(p384).code.length == 0) revert NoCode(address(p384));
        if (address(sha384_).code.length == 0) revert NoCode(address(sha384_));
        (ROOT, OWNER, ECDSA, HASH) = (root, owner, p384, sha384_);
    }

    /// @notice Checks a chain, or the upper part of one, and keeps its certificates. Anyone may call; what is kept
    /// already is no error, so that work can be split and repeated.
    /// @param chain from the root down, each at most 1,024 bytes
    /// @param hints as of `verify`, for each certificate below the root
    /// @return id of the last certificate
    function cacheCertificates(bytes[] calldata chain, bytes calldata hints) external returns (bytes32 id) {
        if (chain.length < 2 || chain.length > MAX_CHAIN) revert ChainLength(chain.length);
        Span[] memory spans = new Span[](chain.length);
        for (uint256 i = 0; i < chain.length; ++i) {
            uint256 size = chain[i].length;
            if (size == 0 || size > AttestationDocument.MAX_CERTIFICATE) revert CertificateSize(i, size);
            spans[i] = spanOf(chain[i]);
        }
        uint256 end;
        (id,, end) = _requireChain(spans, hints);
        if (end != hints.length) revert HintsTrailing(hints.length - end);
    }

    /// @notice Revokes a certificate for ever, by the hash of what is signed: the whole certificate has a twin, with the
    /// other of the two signatures. All that is kept is compared again when it is next used.
    /// @param signedHash keccak256 of the TBSCertificate's DER
    function revoke(bytes32 signedHash) external {
        if (msg.sender != OWNER) revert NotOwner(msg.sender);
        if (isRevoked[signedHash]) revert AlreadyRevoked(signedHash);
        isRevoked[signedHash] = true;
        emit CertificateRevoked(signedHash, ++epoch);
    }

    /// @notice Whether a certificate needs no hint any more. It may be expired or revoked all the same.
    /// @param id keccak256 of the root's DER, and below keccak256(abi.encode(id of its issuer, keccak256 of its DER))
    function isCached(bytes32 id) public view returns (bool) {
        return _entries[id].notAfter != 0;
    }

    /// @dev From the root to the last certificate: the deepest kept one is looked for from below, its path is valid and
    /// not revoked, and each below it is checked and kept.
    /// @return id of the last certificate
    /// @return entry what is known of it
    /// @return end offset behind the hints of the chain
    function _requireChain(Span[] memory chain, bytes calldata hints)
        internal
        returns (bytes32 id, Entry memory entry, uint256 end)
    {
        _requireRoot(chain[0].slice());
        bytes32[] memory ids = _idsOf(chain);
        uint256 known = chain.length - 1;
        while (known > 0 && !isCached(ids[known])) --known;
        entry = known == 0 ? _rootEntry(chain[0].slice()) : _current(chain, known, ids[known]);
        _requireValid(entry);

        for (uint256 i = 1; i < chain.length; ++i) {
            bytes calldata hint;
            (hint, end) = _hintAt(hints, end);
            if (i <= known) continue;
            if (hint.length == 0) revert CertificateNotCached(i, ids[i]);
            if (!entry.isAuthority) revert NotAuthority(i - 1);
            entry = _issued(chain, i, entry, hint);
            _entries[ids[i]] = entry;
            emit CertificateCached(ids[i], ids[i - 1], entry.notAfter);
        }
        return (ids[chain.length - 1], entry, end);
    }

    /// @dev The 96 bytes x | y of a certificate's key.
    function _keyOf(bytes calldata der, Entry memory entry) internal pure returns (Span) {
        return spanOf(der[entry.key:entry.key + 2 * NUMBER_SIZE]);
    }

    /// @dev Reverts unless the message is signed; a number of the signature is at most 48 bytes long.
    /// @param hint the SHA-384 midstate (64 bytes), then that of P384
    function _requireSignature(bytes memory message, Span r, Span s, Span key, bytes calldata hint) internal view {
        if (hint.length < MIDSTATE_SIZE) revert HintTooShort(hint.length);
        bytes32[2] memory midstate = [bytes32(hint[:32]), bytes32(hint[32:64])];
        (bytes32 high, bytes16 low) = HASH.hash(message, midstate);
        bytes memory statement = bytes.concat(high, low, _number(r.slice()), _number(s.slice()), key.slice());
        ECDSA.check(statement, hint[MIDSTATE_SIZE:]);
    }

    /// @dev The next hint: its length in two bytes, and its bytes.
    function _hintAt(bytes calldata hints, uint256 offset) internal pure returns (bytes calldata hint, uint256 next) {
        if (hints.length - offset < 2) revert HintTruncated(offset);
        uint256 size = uint16(bytes2(hints[offset:offset + 2]));
        if (size > hints.length - offset - 2) revert HintTruncated(offset);
        next = offset + 2 + size;
        return (hints[offset + 2:next], next);
    }

    function _idsOf(Span[] memory chain) private pure returns (bytes32[] memory ids) {
        ids = new bytes32[](chain.length);
        ids[0] = keccak256(chain[0].slice());
        for (uint256 i = 1; i < chain.length; ++i) {
            ids[i] = keccak256(abi.encode(ids[i - 1], keccak256(chain[i].slice())));
        }
    }

    /// @dev A kept certificate, compared with the revocations since.
    function _current(Span[] memory chain, uint256 position, bytes32 id) private returns (Entry memory entry) {
        entry = _entries[id];
        if (entry.epoch == epoch) return entry;
        for (uint256 i = 0; i <= position; ++i) {
            _requireNotRevoked(X509.signedPart(chain[i].slice()));
        }
        entry.epoch = _entries[id].epoch = epoch;
    }

    /// @dev Whatever is kept: the identifier of a certificate hashes 64 bytes, and those 64 bytes in the root's place
    /// would have the same one. So whoever holds the key of a revoked certificate could leave that out of the chain.
    function _requireRoot(bytes calldata der) private view {
        bytes32 actual = sha256(der);
        if (actual != ROOT) revert WrongRoot(ROOT, actual);
    }

    function _rootEntry(bytes calldata der) private view returns (Entry memory entry) {
        X509.Certificate memory parsed = X509.parse(der);
        _requireNotRevoked(parsed.signed.slice());
        entry = _entryOf(0, der, parsed);
        (entry.from, entry.until) = (entry.notBefore, entry.notAfter);
        entry.authorities = _limit(parsed);
    }

    /// @dev A certificate below another that is valid and may issue.
    function _issued(Span[] memory chain, uint256 position, Entry memory parent, bytes calldata hint)
        private
        view
        returns (Entry memory entry)
    {
        X509.Certificate memory parsed = X509.parse(chain[position].slice());
        entry = _entryOf(position, chain[position].slice(), parsed);
        (entry.from, entry.until) = (_max(parent.from, entry.notBefore), _min(parent.until, entry.notAfter));
        _requireValid(entry);
        _requireNotRevoked(parsed.signed.slice());
        if (entry.isAuthority) {
            if (parent.authorities == 0) revert PathTooLong(position);
            uint8 left = parent.authorities == NO_LIMIT ? NO_LIMIT : parent.authorities - 1;
            entry.authorities = left < _limit(parsed) ? left : _limit(parsed);
        }
        bytes calldata der = chain[position - 1].slice();
        bytes calldata subject = der[parent.subject:uint256(parent.subject) + parent.subjectSize];
        if (parsed.issuer != keccak256(subject)) revert WrongIssuer(position);
        _requireSignature(parsed.signed.slice(), parsed.r, parsed.s, _keyOf(der, parent), hint);
    }

    /// @dev What a certificate says of itself: it is an authority that may sign certificates, or signs documents.
    function _entryOf(uint256 position, bytes calldata der, X509.Certificate memory parsed)
        private
        view
        returns (Entry memory entry)
    {
        if (parsed.signatureAlgorithm != ECDSA_SHA384) revert UnsupportedAlgorithm(position);
        if (parsed.keyAlgorithm != P384_KEY) revert UnsupportedKey(position);
        bytes calldata point = parsed.publicKey.slice();
        if (point.length != POINT_SIZE || point[0] != 0x04) revert UnsupportedKey(position);
        uint256 longer = parsed.r.sizeOf() > parsed.s.sizeOf() ? parsed.r.sizeOf() : parsed.s.sizeOf();
        if (longer > NUMBER_SIZE) revert SignatureSize(longer);
        bool mayCertify = parsed.keyUsage & X509.KEY_CERT_SIGN != 0;
        if (parsed.ca != mayCertify) revert NotAuthority(position);
        if (!parsed.ca && parsed.keyUsage & X509.DIGITAL_SIGNATURE == 0) revert MayNotSign(position);

        entry.isAuthority = parsed.ca;
        (entry.notBefore, entry.notAfter) = (uint40(parsed.notBefore), uint40(parsed.notAfter));
        entry.key = uint16(parsed.publicKey.offsetIn(der) + 1);
        entry.subject = uint16(parsed.subjectName.offsetIn(der));
        entry.subjectSize = uint16(parsed.subjectName.sizeOf());
        entry.epoch = epoch;
    }

    function _requireValid(Entry memory entry) private view {
        if (block.timestamp < entry.from) revert CertificateNotYetValid(entry.from, block.timestamp);
        if (block.timestamp > entry.until) revert CertificateExpired(entry.until, block.timestamp);
    }

    function _requireNotRevoked(bytes calldata signed) private view {
        bytes32 signedHash = keccak256(signed);
        if (isRevoked[signedHash]) revert RevokedCertificate(signedHash);
    }

    function _limit(X509.Certificate memory parsed) private pure returns (uint8) {
        // forge-lint: disable-next-line(unsafe-typecast) smaller
        return parsed.pathLength < NO_LIMIT ? uint8(parsed.pathLength) : NO_LIMIT;
    }

    /// @dev 48 bytes of a number that may be shorter.
    function _number(bytes calldata digits) private pure returns (bytes memory) {
        return bytes.concat(new bytes(NUMBER_SIZE - digits.length), digits);
    }

    function _max(uint40 a, uint40 b) private pure returns (uint40) {
        return a > b ? a : b;
    }

    function _min(uint40 a, uint40 b) private pure returns (uint40) {
        return a < b ? a : b;
    }
}
