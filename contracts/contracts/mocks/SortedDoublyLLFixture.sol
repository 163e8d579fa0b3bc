// SPDX-License-Identifier: MIT
pragma solidity ^0.8.9;

import {SortedDoublyLL} from "../libraries/SortedDoublyLL.sol";

/// @title One sorted list, reachable from outside
contract SortedDoublyLLFixture {
    using SortedDoublyLL for SortedDoublyLL.Data;

    SortedDoublyLL.Data private list;

    function setMaxSize(uint256 _size) external {
        list.setMaxSize(_size);
    }

    function insert(address _id, uint256 _key, address _prevId, address _nextId) external {
        list.insert(_id, _key, _prevId, _nextId);
    }

    function remove(address _id) external {
        list.remove(_id);
    }

    function updateKey(address _id, uint256 _newKey, address _prevId, address _nextId) external {
        list.updateKey(_id, _newKey, _prevId, _nextId);
    }

    function contains(address _id) external view returns (bool) {
        return list.contains(_id);
    }

    function getSize() external view returns (uint256) {
        return list.getSize();
    }

    function getMaxSize() external view returns (uint256) {
        return list.maxSize;
    }

    function getKey(address _id) external view returns (uint256) {
        return list.getKey(_id);
    }

    function getFirst() external view returns (address) {
        return list.getFirst();
    }

    function getLast() external view returns (address) {
        return list.getLast();
    }

    function getNext(address _id) external view returns (address) {
        return list.getNext(_id);
    }

    function getPrev(address _id) external view returns (address) {
        return list.getPrev(_id);
    }
}
