// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title ZkVerifiers: one Groth16 verifier contract a model, by its key file
/// @notice A key file (docs/zk-groth16.md) says which circuit, so which graph and weights, proofs are of. Its SHA-256 is
/// the artifact of `zk` requests. Anyone registers one, once; nothing here has an owner, and nothing can be removed.
/// @dev WARNING: registering says that a key is well formed, and nothing else. Whoever ran its setup alone can forge
/// any proof, and a key can be of any circuit. Compile the model and check the setup's transcript yourself before you
/// name an artifact. Keys of a development setup, whose secrets are public, are refused outside chain id 31337.
interface IZkVerifiers {
    event Registered(bytes32 indexed artifact, address indexed verifier, bool development);

    /// @param rule what the key file breaks
    error InvalidKey(bytes32 rule);
    error DevelopmentKey(uint256 chainId);
    error UnknownVerifier(bytes32 artifact);
    /// @notice The input hash is no element of the field.
    error InvalidInputHash(bytes32 inputHash);
    error OutputLimitTooLow(uint256 limit, uint256 size);
    /// @notice The output is not of the model's dimensions, or not int32.
    error WrongOutput();
    /// @param index of the value, row-major
    error ValueOutOfRange(uint256 index);
    error WrongProofSize(uint256 size);
    /// @notice The proof is of something else, or no proof.
    error InvalidProof();
    /// @notice Nothing was found out about the proof. A caller that catches errors must not take this for a wrong proof,
    /// nor any other error but those above: who sends a transaction chooses its gas.
    error GasShort(uint256 available, uint256 needed);

    /// @notice Checks a key file and deploys its verifier, whose address follows from the file. Does nothing but
    /// return both if that was done.
    /// @return artifact SHA-256 of the file
    function register(bytes calldata keyFile) external returns (bytes32 artifact, address verifier);

    /// @return zero if it is not registered
    function verifierOf(bytes32 artifact) external view returns (address);

    /// @notice Reverts unless the proof shows: its maker knew an input with this commitment, for which the model's
    /// output is this one. It need not be the input's owner, or fresh: proofs can be copied, and changed into others
    /// of the same. Costs about 230,000 gas with one element of outputs, 6,900 for each further one.
    /// @param inputHash the input's commitment (docs/zk-groth16.md, section 2)
    /// @param output a canonical tensor (docs/protocol.md), int32, of the key's dimensions
    /// @param proof 256 bytes: A, B, C, big-endian, B in the order of EIP-197
    function check(bytes32 artifact, bytes32 inputHash, bytes calldata output, bytes calldata proof) external view;

    /// @notice Reverts if no proof could answer a request: an unknown artifact, an input hash that is no element of
    /// the field, an output that is longer than the request takes.
    function checkRequest(bytes32 artifact, bytes32 inputHash, uint256 maxOutput) external view;
}

/// @title The verifier of one model, made and deployed by ZkVerifiers: its code ends with the key file
interface IGroth16Verifier {
    /// @notice As ZkVerifiers.check.
    function verify(bytes32 inputHash, bytes calldata output, bytes calldata proof) external view;
}
