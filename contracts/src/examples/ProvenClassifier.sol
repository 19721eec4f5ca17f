// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {RelayConsumer} from "../RelayConsumer.sol";
import {IRelay} from "../interfaces/IRelay.sol";
import {Tensor} from "../libraries/Tensor.sol";
import {ZkStatement} from "../libraries/ZkStatement.sol";

/// @title Which class? Takes a proof of it, which an enclave has verified, and keeps the last answer
/// @notice For a model whose artifact is a verifying key (docs/protocol.md, Proofs verified in an enclave), with one
/// input a proof and one output of scores. Whoever has run the model proves what it gave; the proof stays off chain.
contract ProvenClassifier is RelayConsumer, Ownable {
    using Tensor for bytes;
    using Tensor for int32[];

    /// @param input keccak-256 of the input that was proven about, as a canonical tensor of int32
    struct Answer {
        bytes32 id;
        uint8 status;
        uint8 class;
        bytes32 input;
    }

    /// @notice The last answer; class and input count only with status 0.
    Answer public last;

    IRelay.Params private _params;

    /// @dev Of open requests: the input that the proof has to be about.
    mapping(bytes32 id => bytes32) private _inputOf;

    event Answered(bytes32 indexed id, uint8 status, bytes32 indexed input, uint256 class);

    error OtherInput(bytes32 proven, bytes32 asked);
    error NotAClass(uint256 scores);

    /// @param params what every question asks for; its artifact is a verifying key's SHA-256, its deadline a time from
    /// the question, in seconds, and its maxGasPrice is replaced by the asker's
    constructor(IRelay relay, address owner, IRelay.Params memory params) RelayConsumer(relay) Ownable(owner) {
        _params = params;
    }

    /// @notice Asks. msg.value is price(maxGasPrice); what is not used becomes a refund of this contract.
    /// @param proofFile keccak-256 of the proof's file
    /// @param source where operators fetch that file, a URL in UTF-8
    /// @param input keccak-256 of the input that the proof has to be about
    function ask(bytes32 proofFile, bytes calldata source, bytes32 input, uint64 maxGasPrice)
        external
        payable
        returns (bytes32 id)
    {
        id = _askByHash(_paramsNow(maxGasPrice), proofFile, source, msg.value);
        _inputOf[id] = input;
    }

    function price(uint64 maxGasPrice) external view returns (uint256) {
        return RELAY.quote(_paramsNow(maxGasPrice));
    }

    /// @notice The owner takes the refunds.
    function withdraw(address token, address to) external onlyOwner {
        _withdraw(token, to);
    }

    function _answer(bytes32 id, uint8 status, bytes calldata output) internal override {
        Answer memory answer = Answer(id, status, 0, 0);
        bytes32 input = _inputOf[id];
        delete _inputOf[id];
        if (status == 0) {
            (ZkStatement.Proven memory proven, bytes calldata outputs) = ZkStatement.decode(output);
            if (proven.inputHash != input) revert OtherInput(proven.inputHash, input);
            int32[] memory scores = outputs.int32s();
            if (scores.length > 256) revert NotAClass(scores.length);
            (answer.class, answer.input) = (uint8(scores.argmax()), proven.inputHash);
        }
        last = answer;
        emit Answered(id, status, answer.input, answer.class);
    }

    function _paramsNow(uint64 maxGasPrice) private view returns (IRelay.Params memory params) {
        params = _params;
        params.deadline += uint64(block.timestamp);
        params.maxGasPrice = maxGasPrice;
    }
}
