// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IEvidenceVerifier} from "../interfaces/IEvidenceVerifier.sol";
import {IP384} from "../interfaces/IP384.sol";
import {ISha384} from "../interfaces/ISha384.sol";
import {AttestationDocument} from "../libraries/AttestationDocument.sol";
import {Span, spanOf} from "../libraries/Span.sol";
import {NitroCertificates} from "./NitroCertificates.sol";

/// @title Verifier of AWS Nitro's attestation documents: docs/protocol.md, Evidence, Nitro
/// @notice The whole of it on chain, with the rules of @nacre/verify's verifyNitro: the document's form, its certificates
/// up to a pinned root, and its signature. What it takes is what that one takes, but for what a registration needs
/// besides: user data and nonce of 32 bytes, and registers that are not those of debug mode.
///
/// A document has a twin with the other s, which is as valid: its bytes are no replay key.
contract NitroVerifier is IEvidenceVerifier, NitroCertificates {
    uint8 public constant override kind = 2;
    uint8 public constant override assurance = 2;

    /// @notice The payload, and the rest of a COSE_Sign1 document, bytes.
    uint256 public constant MAX_EVIDENCE = AttestationDocument.MAX_PAYLOAD + 128;

    /// @dev {1: -35}, ES384.
    bytes private constant PROTECTED_HEADER = hex"a1013822";
    uint256 private constant SIGNATURE_SIZE = 96;
    uint256 private constant NUMBER_SIZE = 48;

    /// @dev Debug enclaves have zero in registers 0, 1 and 2, though not in all others.
    bytes32 private constant ZERO_REGISTER = keccak256(new bytes(48));

    error EvidenceTooLarge(uint256 size);
    error DocumentHintMissing();
    error OutsideValidity(uint256 notBefore, uint256 notAfter, uint256 timestamp);
    error UserDataSize(uint256 size);
    error NonceSize(uint256 size);
    error RegisterMissing(uint256 index);
    error ZeroRegister(uint256 index);

    /// @param root SHA-256 of the root certificate's DER; AWS's is in docs/contracts.md
    /// @param owner may revoke certificates: a timelock
    constructor(bytes32 root, address owner, IP384 p384, ISha384 sha384_)
        NitroCertificates(root, owner, p384, sha384_)
    {}

    /// @notice As IEvidenceVerifier has it. Keeps the certificates that it had to check.
    /// @param hints for each certificate below the root, from above, then for the document: u16 length | bytes, and the
    /// bytes are the SHA-384 midstate (64) | hint of P384. Those of kept certificates are not looked at and may be empty.
    function verify(bytes calldata evidence, bytes calldata hints) external returns (Attestation memory) {
        if (evidence.length > MAX_EVIDENCE) revert EvidenceTooLarge(evidence.length);
        AttestationDocument.Form memory form = AttestationDocument.Form(PROTECTED_HEADER, false);
        AttestationDocument.Document memory document = AttestationDocument.parse(evidence, form);
        bytes calldata signature = document.signature.slice();
        if (signature.length != SIGNATURE_SIZE) revert SignatureSize(signature.length);

        (Entry memory leaf, bytes calldata hint) = _requireLeaf(document, hints);
        Span key = _keyOf(document.certificate.slice(), leaf);
        (Span r, Span s) = (spanOf(signature[:NUMBER_SIZE]), spanOf(signature[NUMBER_SIZE:]));
        _requireSignature(AttestationDocument.toBeSigned(document, form), r, s, key, hint);
        _requireTime(document.timestamp / 1000, leaf);
        return _attestationOf(document);
    }

    /// @return leaf that is no authority and is valid now
    /// @return hint of the document
    function _requireLeaf(AttestationDocument.Document memory document, bytes calldata hints)
        private
        returns (Entry memory leaf, bytes calldata hint)
    {
        uint256 authorities = document.cabundle.length;
        Span[] memory chain = new Span[](authorities + 1);
        for (uint256 i = 0; i < authorities; ++i) {
            chain[i] = document.cabundle[i];
        }
        chain[authorities] = document.certificate;
        uint256 end;
        (, leaf, end) = _requireChain(chain, hints);
        if (leaf.isAuthority) revert IsAuthority(authorities);
        (hint, end) = _hintAt(hints, end);
        if (end != hints.length) revert HintsTrailing(hints.length - end);
        if (hint.length == 0) revert DocumentHintMissing();
    }

    /// @dev The module signs its own time: one at which the leaf was valid. How old that may be is the registry's rule.
    function _requireTime(uint256 timestamp, Entry memory leaf) private pure {
        if (timestamp < leaf.notBefore || timestamp > leaf.notAfter) {
            revert OutsideValidity(leaf.notBefore, leaf.notAfter, timestamp);
        }
    }

    /// @dev What a registration needs of an authentic document.
    function _attestationOf(AttestationDocument.Document memory document) private pure returns (Attestation memory) {
        Span[3] memory registers = document.registers;
        for (uint256 i = 0; i < 3; ++i) {
            if (registers[i].sizeOf() == 0) revert RegisterMissing(i);
            if (keccak256(registers[i].slice()) == ZERO_REGISTER) revert ZeroRegister(i);
        }
        if (document.userData.sizeOf() != 32) revert UserDataSize(document.userData.sizeOf());
        if (document.nonce.sizeOf() != 32) revert NonceSize(document.nonce.sizeOf());
        return Attestation({
            measurement: sha256(
                abi.encodePacked(kind, registers[0].slice(), registers[1].slice(), registers[2].slice())
            ),
            userData: bytes32(document.userData.slice()),
            nonce: bytes32(document.nonce.slice()),
            timestamp: document.timestamp / 1000
        });
    }
}
