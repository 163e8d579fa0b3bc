// SPDX-License-Identifier: MIT
pragma solidity ^0.8.9;

/// @title Stands for any contract of the registry: answers what it was told to, a zero word where it was told nothing
contract GenericMock {
    enum Kind {
        None,
        Uint256,
        Bytes32,
        Bool,
        Address
    }

    struct Answer {
        Kind kind;
        bytes32 word;
        mapping(bytes32 => uint256) byCall; // by the hash of the whole calldata
    }

    mapping(bytes4 => Answer) private answers;

    receive() external payable {}

    fallback() external payable {
        Answer storage answer = answers[msg.sig];
        bytes32 word = answer.word;
        if (answer.kind == Kind.Uint256) {
            uint256 special = answer.byCall[keccak256(msg.data)];
            if (special != 0) word = bytes32(special);
        }
        assembly ("memory-safe") {
            mstore(0, word)
            return(0, 32)
        }
    }

    /// Calls `_target` with the value sent; a failure's data becomes the reason, byte for byte.
    function execute(address _target, bytes calldata _data) external payable {
        (bool ok, bytes memory returned) = _target.call{value: msg.value}(_data);
        require(ok, string(returned));
    }

    function setMockUint256(bytes4 _func, uint256 _value) external {
        _set(_func, Kind.Uint256, bytes32(_value));
    }

    /// The answer to one call only; `_hashParams` is the hash of its calldata.
    function setMockUint256WithParam(bytes4 _func, bytes32 _hashParams, uint256 _value) external {
        answers[_func].kind = Kind.Uint256;
        answers[_func].byCall[_hashParams] = _value;
    }

    function setMockBytes32(bytes4 _func, bytes32 _value) external {
        _set(_func, Kind.Bytes32, _value);
    }

    function setMockBool(bytes4 _func, bool _value) external {
        _set(_func, Kind.Bool, bytes32(uint256(_value ? 1 : 0)));
    }

    function setMockAddress(bytes4 _func, address _value) external {
        _set(_func, Kind.Address, bytes32(uint256(uint160(_value))));
    }

    function _set(bytes4 _func, Kind _kind, bytes32 _word) private {
        answers[_func].kind = _kind;
        answers[_func].word = _word;
    }
}
