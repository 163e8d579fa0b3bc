// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

/// The cheat codes that tests use.
interface Cheats {
    struct Log {
        bytes32[] topics;
        bytes data;
        address emitter;
    }

    function prank(address sender) external;
    function startPrank(address sender) external;
    function stopPrank() external;
    function deal(address account, uint256 balance) external;
    function expectRevert() external;
    function expectRevert(bytes calldata reason) external;
    function expectEmit(address emitter) external;
    function recordLogs() external;
    function getRecordedLogs() external returns (Log[] memory);
    function roll(uint256 number) external;
    function warp(uint256 timestamp) external;
    function addr(uint256 key) external pure returns (address);
    function store(address account, bytes32 slot, bytes32 value) external;
    function sign(uint256 key, bytes32 digest) external pure returns (uint8 v, bytes32 r, bytes32 s);
    function readFile(string calldata path) external view returns (string memory);
    function parseJsonKeys(string calldata json, string calldata key) external pure returns (string[] memory);
    function getCode(string calldata artifact) external view returns (bytes memory);
}

/// What every test needs: cheat codes and comparisons that say what differs.
abstract contract ForgeTest {
    Cheats internal constant cheats = Cheats(address(uint160(uint256(keccak256("hevm cheat code")))));

    error Differs(string what, uint256 got, uint256 expected);

    function eq(uint256 got, uint256 expected, string memory what) internal pure {
        if (got != expected) revert Differs(what, got, expected);
    }

    function eq(address got, address expected, string memory what) internal pure {
        eq(uint256(uint160(got)), uint256(uint160(expected)), what);
    }

    function eq(bytes32 got, bytes32 expected, string memory what) internal pure {
        eq(uint256(got), uint256(expected), what);
    }

    function eq(string memory got, string memory expected, string memory what) internal pure {
        eq(keccak256(bytes(got)), keccak256(bytes(expected)), what);
    }

    function no(bool condition, string memory what) internal pure {
        require(!condition, what);
    }

    /// Reverts with `reason` as a text.
    function refused(string memory reason) internal {
        cheats.expectRevert(abi.encodeWithSignature("Error(string)", reason));
    }

    function panics(uint256 code) internal {
        cheats.expectRevert(abi.encodeWithSignature("Panic(uint256)", code));
    }

    /// The events of one emitter since `recordLogs`, each by its signature's hash.
    function eventsOf(address emitter) internal returns (bytes32[] memory found) {
        Cheats.Log[] memory logs = cheats.getRecordedLogs();
        uint256 count;
        for (uint256 i = 0; i < logs.length; i++) if (logs[i].emitter == emitter) count++;
        found = new bytes32[](count);
        count = 0;
        for (uint256 i = 0; i < logs.length; i++) {
            if (logs[i].emitter == emitter) found[count++] = logs[i].topics[0];
        }
    }
}
