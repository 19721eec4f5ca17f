// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IEvidenceVerifier} from "../interfaces/IEvidenceVerifier.sol";
import {AttestationDocument} from "../libraries/AttestationDocument.sol";
import {Der} from "../libraries/Der.sol";
import {EcdsaP256} from "../libraries/EcdsaP256.sol";
import {Span} from "../libraries/Span.sol";
import {X509} from "../libraries/X509.sol";

/// @title Verifier of the simulated TEE's evidence: docs/protocol.md, Evidence, simulated
/// @notice For development chains only (chain id 31337), checked at deployment and at every call. It makes the checks
/// that real evidence needs, on evidence that anyone who holds the development root's key can make.
contract SimulatedVerifier is IEvidenceVerifier {
    struct Certificate {
        EcdsaP256.PublicKey key;
        uint64 notBefore;
        uint64 notAfter;
    }

    uint8 public constant override kind = 1;
    uint8 public constant override assurance = 1;

    uint256 public constant CHAIN_ID = 31_337;
    uint256 public constant MAX_EVIDENCE = 8_192;
    uint256 public constant MAX_CERTIFICATE = 1_024;

    /// @dev {1: -7}, ES256: no verifier of Nitro's ES384 documents takes these, nor the other way round.
    bytes private constant PROTECTED_HEADER = hex"a10126";
    bytes10 private constant MODULE_PREFIX = "simulated-";

    /// @dev Debug enclaves have zero in some registers, so that each is tested by itself.
    bytes32 private constant ZERO_REGISTER = keccak256(new bytes(48));

    /// @dev A name of one UTF-8 common name, SIMULATED-NOT-FOR-PRODUCTION.
    bytes32 private constant ROOT_NAME =
        keccak256(abi.encodePacked(hex"312530230603550403", hex"0c1c", "SIMULATED-NOT-FOR-PRODUCTION"));

    /// @dev ecdsa-with-SHA256, and id-ecPublicKey on prime256v1.
    bytes32 private constant ECDSA_SHA256 = keccak256(hex"300a06082a8648ce3d040302");
    bytes32 private constant P256_KEY = keccak256(hex"301306072a8648ce3d020106082a8648ce3d030107");

    /// @notice SHA-256 of the root certificate's DER.
    bytes32 public immutable rootId;

    /// @dev The pinned root and the leaves under it, by the SHA-256 of their DER.
    mapping(bytes32 id => Certificate) private _certificates;

    event CertificateCached(bytes32 indexed id, bytes32 indexed parent, uint64 notAfter);

    error WrongChain(uint256 chainId);
    error HintsNotUsed();
    error CertificateTooLarge(uint256 size);
    error EvidenceTooLarge(uint256 size);
    error UnknownParent(bytes32 parent);
    error UnsupportedAlgorithm();
    error NotAuthority();
    error IsAuthority();
    error WrongKeyUsage(uint8 keyUsage);
    error WrongIssuer(bytes32 issuer);
    error WrongName(bytes32 name);
    error InvalidCertificateSignature();
    error OutsideValidity(bytes32 id, uint64 notBefore, uint64 notAfter, uint256 time);
    error CertificateNotCached(bytes32 id);
    error WrongRoot(bytes32 expected, bytes32 actual);
    error NotSimulated(bytes moduleId);
    error UserDataSize(uint256 size);
    error NonceSize(uint256 size);
    error ZeroRegister(uint256 index);
    error InvalidDocumentSignature();

    modifier onDevelopmentChain() {
        _requireDevelopmentChain();
        _;
    }

    /// @param root SHA-256 of the DER of the only certificate that is trusted. Cache it first: its parent is itself.
    constructor(bytes32 root) onDevelopmentChain {
        rootId = root;
    }

    /// @notice Checks a certificate against its cached parent (or the pinned root, parent = rootId) and keeps its key
    /// and validity. Anyone may call; a certificate that is cached already is not an error.
    function cacheCertificate(bytes calldata der, bytes32 parent, bytes calldata hints)
        external
        onDevelopmentChain
        returns (bytes32 id)
    {
        if (hints.length != 0) revert HintsNotUsed();
        if (der.length > MAX_CERTIFICATE) revert CertificateTooLarge(der.length);
        id = sha256(der);
        if (isCached(id)) return id;
        if (parent != rootId) revert UnknownParent(parent);

        X509.Certificate memory parsed = X509.parse(der);
        if (id == rootId) _checkRoot(parsed);
        else _checkLeaf(parsed);
        Certificate memory certificate = _certificateOf(parsed);
        _requireValid(id, certificate, block.timestamp);

        EcdsaP256.PublicKey memory signer = id == rootId ? certificate.key : _valid(rootId).key;
        if (!_isSigned(parsed, signer)) revert InvalidCertificateSignature();
        _certificates[id] = certificate;
        emit CertificateCached(id, parent, certificate.notAfter);
    }

    /// @notice As IEvidenceVerifier has it; the leaf certificate must be cached already, and there are no hints.
    function verify(bytes calldata evidence, bytes calldata hints)
        external
        view
        onDevelopmentChain
        returns (Attestation memory)
    {
        if (hints.length != 0) revert HintsNotUsed();
        if (evidence.length > MAX_EVIDENCE) revert EvidenceTooLarge(evidence.length);
        AttestationDocument.Form memory form = AttestationDocument.Form(PROTECTED_HEADER, true);
        AttestationDocument.Document memory document = AttestationDocument.parse(evidence, form);
        _requireSimulated(document);
        _requireSigned(document, AttestationDocument.toBeSigned(document, form));
        return _attestationOf(document);
    }

    /// @param id SHA-256 of a certificate's DER
    function isCached(bytes32 id) public view returns (bool) {
        return _certificates[id].notAfter != 0;
    }

    function _isSigned(X509.Certificate memory parsed, EcdsaP256.PublicKey memory signer) private view returns (bool) {
        return EcdsaP256.verify(parsed.signed.slice(), parsed.r.slice(), parsed.s.slice(), signer);
    }

    function _requireDevelopmentChain() private view {
        if (block.chainid != CHAIN_ID) revert WrongChain(block.chainid);
    }

    function _checkRoot(X509.Certificate memory root) private pure {
        if (root.subject != ROOT_NAME) revert WrongName(root.subject);
        if (root.issuer != ROOT_NAME) revert WrongIssuer(root.issuer);
        if (!root.ca) revert NotAuthority();
        if (root.keyUsage & X509.KEY_CERT_SIGN == 0) revert WrongKeyUsage(root.keyUsage);
    }

    function _checkLeaf(X509.Certificate memory leaf) private pure {
        if (leaf.issuer != ROOT_NAME) revert WrongIssuer(leaf.issuer);
        if (leaf.ca) revert IsAuthority();
        if (leaf.keyUsage & (X509.DIGITAL_SIGNATURE | X509.KEY_CERT_SIGN) != X509.DIGITAL_SIGNATURE) {
            revert WrongKeyUsage(leaf.keyUsage);
        }
    }

    function _certificateOf(X509.Certificate memory parsed) private pure returns (Certificate memory) {
        if (parsed.signatureAlgorithm != ECDSA_SHA256 || parsed.keyAlgorithm != P256_KEY) {
            revert UnsupportedAlgorithm();
        }
        return Certificate(EcdsaP256.toKey(parsed.publicKey.slice()), parsed.notBefore, parsed.notAfter);
    }

    /// @dev A cached certificate, valid now.
    function _valid(bytes32 id) private view returns (Certificate memory certificate) {
        if (!isCached(id)) revert CertificateNotCached(id);
        certificate = _certificates[id];
        _requireValid(id, certificate, block.timestamp);
    }

    function _requireValid(bytes32 id, Certificate memory certificate, uint256 time) private pure {
        (uint64 notBefore, uint64 notAfter) = (certificate.notBefore, certificate.notAfter);
        if (time < notBefore || time > notAfter) revert OutsideValidity(id, notBefore, notAfter, time);
    }

    /// @dev By the leaf certificate that the document carries, under the root that is pinned here.
    function _requireSigned(AttestationDocument.Document memory document, bytes memory toBeSigned) private view {
        bytes32 root = sha256(document.cabundle[0].slice());
        if (document.cabundle.length != 1 || root != rootId) revert WrongRoot(rootId, root);
        bytes32 id = sha256(document.certificate.slice());
        if (id == rootId) revert IsAuthority();
        _valid(rootId);
        Certificate memory leaf = _valid(id);
        _requireValid(id, leaf, document.timestamp / 1000);
        if (!EcdsaP256.verify(toBeSigned, document.signature.slice(), leaf.key)) revert InvalidDocumentSignature();
    }

    function _requireSimulated(AttestationDocument.Document memory document) private pure {
        bytes calldata moduleId = document.moduleId.slice();
        if (bytes10(moduleId) != MODULE_PREFIX) revert NotSimulated(moduleId);
        for (uint256 i = 0; i < 3; ++i) {
            if (keccak256(document.registers[i].slice()) == ZERO_REGISTER) revert ZeroRegister(i);
        }
        if (document.userData.sizeOf() != 32) revert UserDataSize(document.userData.sizeOf());
        if (document.nonce.sizeOf() != 32) revert NonceSize(document.nonce.sizeOf());
    }

    function _attestationOf(AttestationDocument.Document memory document) private pure returns (Attestation memory) {
        Span[3] memory pcrs = document.registers;
        return Attestation({
            measurement: sha256(abi.encodePacked(kind, pcrs[0].slice(), pcrs[1].slice(), pcrs[2].slice())),
            userData: bytes32(document.userData.slice()),
            nonce: bytes32(document.nonce.slice()),
            timestamp: document.timestamp / 1000
        });
    }
}
