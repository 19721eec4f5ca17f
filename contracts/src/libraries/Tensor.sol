// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Canonical tensors (docs/protocol.md, Tensor): what a model reads and writes
/// @dev version u8 = 1 | dtype u8 | rank u8 | dimension u32le * rank | data, little-endian, row-major. Decoding is
/// strict: a tensor that is not canonical is refused. A wad is a fixed-point number with 18 decimals.
library Tensor {
    uint8 internal constant FLOAT32 = 1;
    uint8 internal constant UINT8 = 2;
    uint8 internal constant INT32 = 6;
    uint8 internal constant INT64 = 7;

    uint256 private constant MAX_RANK = 8;
    uint256 private constant MAX_ELEMENTS = 1 << 24;
    int256 private constant WAD = 1e18;

    error InvalidTensor(bytes32 reason);
    error NotFloat32(uint8 dtype);
    error NotInt32(uint8 dtype);
    error NotInt64(uint8 dtype);
    error NotFinite(uint256 index);
    error FloatOverflow(int256 wad);
    error OutOfRange(uint256 index, uint256 length);

    /// @notice A float32 tensor from fixed-point numbers, each rounded to the nearest float.
    function encodeFloat32(uint32[] memory dims, int256[] memory wads) internal pure returns (bytes memory data) {
        if (_elements(dims) != wads.length) revert InvalidTensor("data length");
        data = new bytes(4 * wads.length);
        for (uint256 i; i < wads.length; ++i) {
            _writeLittleEndian(data, 4 * i, fromWad(wads[i]));
        }
        return bytes.concat(_header(FLOAT32, dims), data);
    }

    /// @notice A uint8 tensor from raw bytes.
    function encodeUint8(uint32[] memory dims, bytes memory data) internal pure returns (bytes memory) {
        if (_elements(dims) != data.length) revert InvalidTensor("data length");
        return bytes.concat(_header(UINT8, dims), data);
    }

    /// @notice Checks a whole tensor.
    /// @return dtype ONNX's TensorProto.DataType
    /// @return dims its dimensions
    /// @return data its elements, little-endian, a slice of the tensor
    function decode(bytes calldata tensor)
        internal
        pure
        returns (uint8 dtype, uint32[] memory dims, bytes calldata data)
    {
        if (tensor.length < 3) revert InvalidTensor("header");
        if (tensor[0] != 0x01) revert InvalidTensor("version");
        dtype = uint8(tensor[1]);
        uint256 size = _sizeOf(dtype);
        uint256 rank = uint8(tensor[2]);
        if (rank > MAX_RANK) revert InvalidTensor("rank");
        uint256 start = 3 + 4 * rank;
        if (tensor.length < start) revert InvalidTensor("header");
        dims = new uint32[](rank);
        for (uint256 i; i < rank; ++i) {
            dims[i] = _reverse(uint32(bytes4(tensor[3 + 4 * i:7 + 4 * i])));
        }
        if (tensor.length - start != _elements(dims) * size) revert InvalidTensor("data length");
        data = tensor[start:];
    }

    /// @notice The bits of every element of a float32 tensor; all must be finite.
    function float32s(bytes calldata tensor) internal pure returns (uint32[] memory values) {
        (uint8 dtype,, bytes calldata data) = decode(tensor);
        if (dtype != FLOAT32) revert NotFloat32(dtype);
        values = new uint32[](data.length / 4);
        for (uint256 i; i < values.length; ++i) {
            values[i] = _reverse(uint32(bytes4(data[4 * i:4 * i + 4])));
            if (_exponent(values[i]) == 255) revert NotFinite(i);
        }
    }

    /// @notice Every element of an int32 tensor.
    function int32s(bytes calldata tensor) internal pure returns (int32[] memory values) {
        (uint8 dtype,, bytes calldata data) = decode(tensor);
        if (dtype != INT32) revert NotInt32(dtype);
        values = new int32[](data.length / 4);
        for (uint256 i; i < values.length; ++i) {
            values[i] = int32(_reverse(uint32(bytes4(data[4 * i:4 * i + 4]))));
        }
    }

    /// @notice Every element of an int64 tensor.
    function int64s(bytes calldata tensor) internal pure returns (int64[] memory values) {
        (uint8 dtype,, bytes calldata data) = decode(tensor);
        if (dtype != INT64) revert NotInt64(dtype);
        values = new int64[](data.length / 8);
        for (uint256 i; i < values.length; ++i) {
            uint64 low = _reverse(uint32(bytes4(data[8 * i:8 * i + 4])));
            uint64 high = _reverse(uint32(bytes4(data[8 * i + 4:8 * i + 8])));
            values[i] = int64(high << 32 | low);
        }
    }

    /// @notice Index of the greatest element, the first among equals.
    /// @dev Floats of one sign order as their bits do; the key turns the negative ones round. Minus zero equals zero.
    function argmax(uint32[] memory values) internal pure returns (uint256 index) {
        if (values.length == 0) revert OutOfRange(0, 0);
        uint256 best;
        for (uint256 i; i < values.length; ++i) {
            uint32 bits = values[i] == 0x80000000 ? 0 : values[i];
            uint32 key = bits >> 31 == 1 ? ~bits : bits | 0x80000000;
            if (key > best) (best, index) = (key, i);
        }
    }

    /// @notice Index of the greatest integer, the first among equals.
    function argmax(int32[] memory values) internal pure returns (uint256 index) {
        if (values.length == 0) revert OutOfRange(0, 0);
        for (uint256 i = 1; i < values.length; ++i) {
            if (values[i] > values[index]) index = i;
        }
    }

    /// @notice Takes the first of several tensors that follow each other. Only its length is looked at: decode it.
    /// @return tensor its bytes
    /// @return rest what follows it
    function first(bytes calldata tensors) internal pure returns (bytes calldata tensor, bytes calldata rest) {
        if (tensors.length < 3) revert InvalidTensor("header");
        uint256 rank = uint8(tensors[2]);
        if (rank > MAX_RANK) revert InvalidTensor("rank");
        uint256 length = _sizeOf(uint8(tensors[1]));
        uint256 start = 3 + 4 * rank;
        if (tensors.length < start) revert InvalidTensor("header");
        for (uint256 i; i < rank; ++i) {
            length *= _reverse(uint32(bytes4(tensors[3 + 4 * i:7 + 4 * i])));
            if (length > tensors.length) revert InvalidTensor("data length");
        }
        length += start;
        if (length > tensors.length) revert InvalidTensor("data length");
        return (tensors[:length], tensors[length:]);
    }

    /// @notice A finite float32 as a wad, cut towards zero.
    function toWad(uint32 bits) internal pure returns (int256 wad) {
        uint256 exponent = _exponent(bits);
        if (exponent == 255) revert NotFinite(0);
        uint256 mantissa = bits & 0x7fffff;
        if (exponent == 0) exponent = 1;
        else mantissa |= 0x800000;
        // value = mantissa * 2^(exponent - 150)
        uint256 scaled = mantissa * uint256(WAD);
        scaled = exponent >= 150 ? scaled << (exponent - 150) : scaled >> (150 - exponent);
        wad = bits >> 31 == 1 ? -int256(scaled) : int256(scaled);
    }

    /// @notice The float32 nearest to a wad, ties to even, as its bits.
    function fromWad(int256 wad) internal pure returns (uint32 bits) {
        if (wad == 0) return 0;
        uint256 sign = wad < 0 ? 1 : 0;
        uint256 size = wad == type(int256).min ? 1 << 255 : uint256(wad < 0 ? -wad : wad);
        // The exponent is log2(size / 1e18), rounded down: log2(size) - 59, or one less.
        int256 exponent = int256(_log2(size)) - 59;
        (uint256 mantissa, uint256 up) = _mantissa(size, exponent);
        if (mantissa < 1 << 23) {
            exponent -= 1;
            (mantissa, up) = _mantissa(size, exponent);
        }
        mantissa += up;
        if (mantissa == 1 << 24) (mantissa, exponent) = (1 << 23, exponent + 1);
        if (exponent > 127) revert FloatOverflow(wad);
        bits = uint32(sign << 31 | uint256(exponent + 127) << 23 | (mantissa & 0x7fffff));
    }

    /// @dev size / 1e18 * 2^(23 - exponent), cut, and 1 if the nearest (ties to even) is the next. Every shift stays
    /// below 2^256: a wad's exponent is between -60 and 196.
    function _mantissa(uint256 size, int256 exponent) private pure returns (uint256 mantissa, uint256 up) {
        uint256 divisor = uint256(WAD);
        if (exponent <= 23) size <<= uint256(23 - exponent);
        else divisor <<= uint256(exponent - 23);
        mantissa = size / divisor;
        uint256 rest = size % divisor;
        if (rest > divisor - rest || (rest == divisor - rest && mantissa & 1 == 1)) up = 1;
    }

    function _header(uint8 dtype, uint32[] memory dims) private pure returns (bytes memory header) {
        header = new bytes(3 + 4 * dims.length);
        header[0] = 0x01;
        header[1] = bytes1(dtype);
        header[2] = bytes1(uint8(dims.length));
        for (uint256 i; i < dims.length; ++i) {
            _writeLittleEndian(header, 3 + 4 * i, dims[i]);
        }
    }

    function _elements(uint32[] memory dims) private pure returns (uint256 count) {
        if (dims.length > MAX_RANK) revert InvalidTensor("rank");
        count = 1;
        for (uint256 i; i < dims.length; ++i) {
            if (dims[i] == 0) revert InvalidTensor("dimension");
            count *= dims[i];
            if (count > MAX_ELEMENTS) revert InvalidTensor("elements");
        }
    }

    /// @dev Bytes of an element.
    function _sizeOf(uint8 dtype) private pure returns (uint256) {
        if (dtype == FLOAT32 || dtype == INT32) return 4;
        if (dtype == UINT8 || dtype == 3) return 1;
        if (dtype == INT64 || dtype == 11) return 8;
        revert InvalidTensor("dtype");
    }

    function _writeLittleEndian(bytes memory data, uint256 start, uint32 value) private pure {
        for (uint256 i; i < 4; ++i) {
            data[start + i] = bytes1(uint8(value >> (8 * i)));
        }
    }

    function _reverse(uint32 value) private pure returns (uint32) {
        value = (value >> 8 & 0x00ff00ff) | (value & 0x00ff00ff) << 8;
        return value >> 16 | value << 16;
    }

    function _exponent(uint32 bits) private pure returns (uint256) {
        return bits >> 23 & 0xff;
    }

    function _log2(uint256 value) private pure returns (uint256 result) {
        assembly ("memory-safe") {
            result := sub(255, clz(value))
        }
    }
}
