// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

/// @title A bounded list of accounts in descending order of their keys
/// @notice Deployed once and linked. A node exists exactly while its key is above zero.
///
/// Equal keys: without a usable hint a node goes before all nodes with the same key; with a hint it goes where
/// the hint says (see `_search`). The last node is the first to leave a full pool, so this order is a rule.
///
/// @dev A node keeps its key beside each of its two links: a walk in either direction then costs one slot a node.
library SortedDoublyLL {
    struct Node {
        address nextId; // towards smaller keys
        uint96 key;
        address prevId; // towards greater keys
        uint96 sameKey; // equals key
    }

    struct Data {
        address head; // greatest key
        uint96 size;
        address tail; // smallest key
        uint96 maxSize;
        mapping(address => Node) nodes;
    }

    /// Raises the greatest number of nodes; it never shrinks.
    function setMaxSize(Data storage self, uint256 _size) public {
        require(_size > self.maxSize, "new max size must be greater than old max size");
        self.maxSize = _toUint96(_size);
    }

    /// Adds `_id`, between the hinted neighbours where they are right.
    function insert(Data storage self, address _id, uint256 _key, address _prevId, address _nextId) public {
        require(!isFull(self), "list is full");
        require(!contains(self, _id), "node already in list");
        require(_id != address(0), "node id is null");
        require(_key > 0, "key is zero");

        bool hinted;
        (hinted, _prevId, _nextId) = _fromHint(self, _key, _prevId, _nextId);
        if (!hinted) (_prevId, _nextId) = _searchFromEnds(self, _key);
        _link(self, _id, _toUint96(_key), _prevId, _nextId);
        self.size++;
    }

    /// Takes `_id` out.
    function remove(Data storage self, address _id) public {
        require(contains(self, _id), "node not in list");
        _remove(self, _id);
    }

    /// Moves `_id` to where `_newKey` belongs, as if removed and inserted again; a key of zero removes it.
    /// Without hints the search starts at the present place, so a short move is cheap in a list of any size.
    function updateKey(Data storage self, address _id, uint256 _newKey, address _prevId, address _nextId) public {
        move(self, _id, _newKey, _prevId, _nextId);
    }

    /// What `updateKey` does, compiled into its caller: every change of stake moves an account, and asking the
    /// deployed library costs 3,000 gas.
    function move(Data storage self, address _id, uint256 _newKey, address _prevId, address _nextId) internal {
        Node storage node = self.nodes[_id];
        (address next, uint256 oldKey) = (node.nextId, node.key);
        require(oldKey > 0, "node not in list");
        if (_newKey == 0) return _remove(self, _id);

        address prev = node.prevId;
        uint96 newKey = _toUint96(_newKey);
        if (_staysInPlace(self, oldKey, newKey, prev, next, _prevId, _nextId)) {
            node.key = newKey;
            node.sameKey = newKey;
            return;
        }

        _unlink(self, prev, next);
        // The node counts as absent while its hints are judged.
        node.key = 0;
        bool hinted;
        (hinted, _prevId, _nextId) = _fromHint(self, newKey, _prevId, _nextId);
        if (!hinted) (_prevId, _nextId) = _searchFromGap(self, newKey, prev, next);
        _link(self, _id, newKey, _prevId, _nextId);
    }

    function contains(Data storage self, address _id) public view returns (bool) {
        return self.nodes[_id].key > 0;
    }

    function isFull(Data storage self) public view returns (bool) {
        return self.size == self.maxSize;
    }

    function isEmpty(Data storage self) public view returns (bool) {
        return self.size == 0;
    }

    function getSize(Data storage self) public view returns (uint256) {
        return self.size;
    }

    function getMaxSize(Data storage self) public view returns (uint256) {
        return self.maxSize;
    }

    function getKey(Data storage self, address _id) public view returns (uint256) {
        return self.nodes[_id].key;
    }

    function getFirst(Data storage self) public view returns (address) {
        return self.head;
    }

    function getLast(Data storage self) public view returns (address) {
        return self.tail;
    }

    function getNext(Data storage self, address _id) public view returns (address) {
        return self.nodes[_id].nextId;
    }

    function getPrev(Data storage self, address _id) public view returns (address) {
        return self.nodes[_id].prevId;
    }

    /// Whether a node with `_key` may stand between `_prevId` and `_nextId`; zero stands for "past the end".
    function validInsertPosition(Data storage self, uint256 _key, address _prevId, address _nextId)
        public
        view
        returns (bool)
    {
        return _fits(self, _key, _prevId, _nextId);
    }

    /// Whether the new key keeps the node between its neighbours, given what the hints say about ties.
    /// A hint that names the neighbours spares reading the one on the side away from which the key moved.
    function _staysInPlace(
        Data storage self,
        uint256 _oldKey,
        uint256 _newKey,
        address _prev,
        address _next,
        address _prevHint,
        address _nextHint
    ) private view returns (bool) {
        if (_prevHint == _prev && _nextHint == _next) {
            return _newKey >= _oldKey
                ? _prev == address(0) || _newKey <= self.nodes[_prev].key
                : _next == address(0) || _newKey >= self.nodes[_next].key;
        }
        if (_prevHint == address(0) && _nextHint == address(0)) {
            // An end of the list has one neighbour only: the search decides there.
            return _prev != address(0) && _next != address(0) && _newKey >= self.nodes[_next].key
                && _newKey < self.nodes[_prev].key;
        }
        // One neighbour named rightly and the other left out: ties are left to the search.
        bool prevAgrees = _prevHint == _prev || _prevHint == address(0);
        bool nextAgrees = _nextHint == _next || _nextHint == address(0);
        if (!prevAgrees || !nextAgrees || _newKey == _oldKey) return false;
        return _newKey > _oldKey
            ? _prev == address(0) || _newKey < self.nodes[_prev].key
            : _next == address(0) || _newKey > self.nodes[_next].key;
    }

    function _fits(Data storage self, uint256 _key, address _prevId, address _nextId)
        private
        view
        returns (bool)
    {
        if (_prevId == address(0) && _nextId == address(0)) return self.head == address(0);
        if (_prevId == address(0)) return self.head == _nextId && _key >= self.nodes[_nextId].sameKey;
        if (_nextId == address(0)) return self.tail == _prevId && _key <= self.nodes[_prevId].key;

        Node storage prev = self.nodes[_prevId];
        return prev.nextId == _nextId && prev.key >= _key && _key >= self.nodes[_nextId].sameKey;
    }

    /// The place that the hints lead to, if at least one of them is usable.
    function _fromHint(Data storage self, uint256 _key, address _prevId, address _nextId)
        private
        view
        returns (bool, address, address)
    {
        if (_prevId == address(0) && _nextId == address(0)) return (false, address(0), address(0));
        if (_fits(self, _key, _prevId, _nextId)) return (true, _prevId, _nextId);

        uint256 prevKey = self.nodes[_prevId].key;
        uint256 nextKey = self.nodes[_nextId].key;
        if (prevKey > 0 && _key <= prevKey) {
            (_prevId, _nextId) = _descend(self, _key, _prevId, prevKey);
        } else if (nextKey > 0 && _key >= nextKey) {
            (_prevId, _nextId) = _ascend(self, _key, _nextId, nextKey);
        } else {
            return (false, address(0), address(0));
        }
        return (true, _prevId, _nextId);
    }

    /// From `_start`, whose key is not below `_key`: directly after it or further down, but a head with an equal
    /// key gets the node in front of it.
    function _descend(Data storage self, uint256 _key, address _start, uint256 _startKey)
        private
        view
        returns (address prev, address next)
    {
        if (_startKey == _key && _start == self.head) return (address(0), _start);
        (prev, next) = (_start, self.nodes[_start].nextId);
        while (next != address(0) && self.nodes[next].key > _key) (prev, next) = (next, self.nodes[next].nextId);
    }

    /// From `_start`, whose key is not above `_key`: directly before it or further up, but a tail with an equal
    /// key gets the node behind it.
    function _ascend(Data storage self, uint256 _key, address _start, uint256 _startKey)
        private
        view
        returns (address prev, address next)
    {
        if (_startKey == _key && _start == self.tail) return (_start, address(0));
        (prev, next) = (self.nodes[_start].prevId, _start);
        while (prev != address(0) && self.nodes[prev].sameKey < _key) (prev, next) = (self.nodes[prev].prevId, prev);
    }

    /// The place before all nodes with an equal key, searched from the gap between `_prev` and `_next`.
    function _searchFromGap(Data storage self, uint256 _key, address _prev, address _next)
        private
        view
        returns (address, address)
    {
        address start = _prev;
        while (_prev != address(0)) {
            Node storage node = self.nodes[_prev];
            (address further, uint256 key) = (node.prevId, node.sameKey);
            if (key > _key) break;
            (_prev, _next) = (further, _prev);
        }
        if (_prev != start) return (_prev, _next); // it moved up, so nothing below is greater
        while (_next != address(0)) {
            Node storage node = self.nodes[_next];
            (address further, uint256 key) = (node.nextId, node.key);
            if (key <= _key) break;
            (_prev, _next) = (_next, further);
        }
        return (_prev, _next);
    }

    /// The place before all nodes with an equal key, searched from both ends at once: a newcomer to a full pool
    /// mostly belongs near the tail.
    function _searchFromEnds(Data storage self, uint256 _key) private view returns (address, address) {
        (address fromHead, address aboveHead) = (self.head, address(0));
        (address fromTail, address belowTail) = (self.tail, address(0));
        while (fromHead != address(0)) {
            (address next, bool reached) = (self.nodes[fromHead].nextId, self.nodes[fromHead].key <= _key);
            Node storage low = self.nodes[fromTail];
            (address prev, uint256 lowKey) = (low.prevId, low.sameKey);
            if (reached) return (aboveHead, fromHead);
            if (lowKey > _key) return (fromTail, belowTail);
            (aboveHead, fromHead) = (fromHead, next);
            (belowTail, fromTail) = (fromTail, prev);
        }
        return (address(0), address(0));
    }

    /// Writes the node and its neighbours' links to it.
    function _link(Data storage self, address _id, uint96 _key, address _prev, address _next) private {
        Node storage node = self.nodes[_id];
        (node.nextId, node.key) = (_next, _key);
        (node.prevId, node.sameKey) = (_prev, _key);

        if (_prev == address(0)) self.head = _id;
        else self.nodes[_prev].nextId = _id;
        if (_next == address(0)) self.tail = _id;
        else self.nodes[_next].prevId = _id;
    }

    function _remove(Data storage self, address _id) private {
        _unlink(self, self.nodes[_id].prevId, self.nodes[_id].nextId);
        delete self.nodes[_id];
        self.size--;
    }

    /// Joins the neighbours of a node that leaves its place; its own record is the caller's to clear or rewrite.
    function _unlink(Data storage self, address _prev, address _next) private {
        if (_prev == address(0)) self.head = _next;
        else self.nodes[_prev].nextId = _next;
        if (_next == address(0)) self.tail = _prev;
        else self.nodes[_next].prevId = _prev;
    }

    function _toUint96(uint256 _value) private pure returns (uint96) {
        require(_value <= type(uint96).max, "value exceeds 96 bits");
        return uint96(_value);
    }
}
