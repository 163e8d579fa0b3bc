// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

import {Tickets} from "./Tickets.sol";

/// What the size of the pool and hints change. The account in the middle keeps its place or moves, each with the right
/// hint and with none.
contract PoolsGas is Tickets {
    enum Operation {
        Join,
        Reward,
        Bond,
        Unbond,
        Rebond
    }

    /// Between the stakes of neighbours.
    uint256 private constant STEP = 20 ether;

    uint256 private size;
    mapping(string name => uint256) private figures;

    function test_Pools() public {
        uint256[5] memory sizes = [uint256(1), 10, 50, 100, 200];
        for (uint256 i = 0; i < sizes.length; i++) pool(sizes[i]);

        string[5] memory operations = ["join", "reward", "bond", "unbond", "rebond"];
        for (uint256 i = 0; i < operations.length; i++) {
            requireRules(operations[i]);
            for (uint256 k = 1; k < sizes.length; k++) requireHintPays(sizes[k], operations[i]);
        }
        string[2] memory moves = ["bond, 10 places up", "unbond, 10 places down"];
        for (uint256 i = 0; i < moves.length; i++) {
            requireHintPays(100, moves[i]);
            uint256 plain = figures[name(100, moves[i], "no hint")];
            require(plain * 100 <= figures[name(100, moves[i], "hint")] * 115, string.concat(moves[i], " without hint"));
        }
        vm.writeJson(record("pool 1: reward", figures["pool 1: reward"]), "out/gas-pools.json");
    }

    /// A hint costs the same in any pool.
    function requireRules(string memory operation) private view {
        uint256 small = figures[name(10, operation, "hint")];
        uint256 large = figures[name(200, operation, "hint")];
        require(large * 100 <= small * 105, string.concat(operation, " with a hint grows with the pool"));
    }

    function requireHintPays(uint256 size_, string memory operation) private view {
        uint256 hinted = figures[name(size_, operation, "hint")];
        uint256 plain = figures[name(size_, operation, "no hint")];
        require(hinted < plain, string.concat(operation, ": the hint does not pay"));
    }

    function pool(uint256 size_) private {
        size = size_;
        deployNetwork(size + 1); // a place is left
        for (uint256 i = 1; i <= size; i++) {
            bondAs(orchestrator(i), orchestrator(i) == middle() ? stakeOf(i) - 1000 ether : stakeOf(i), orchestrator(i));
        }
        bondAs(alice(), 1000 ether, middle());
        nextRound();
        for (uint256 i = 1; i <= size; i++) rewardAs(orchestrator(i));
        nextRound();
        token.mint(alice(), 10_000 ether);

        token.mint(bob(), 10_000 ether);
        compare("join", Operation.Join, stakeOf((size + 1) / 2) - STEP / 2);
        compare("reward", Operation.Reward, 0);
        rewardAs(middle());
        bondAs(alice(), 1 ether, middle());
        compare("bond", Operation.Bond, 1 ether);
        compare("unbond", Operation.Unbond, 1 ether);
        onBonding(alice(), data(Operation.Unbond, 1 ether, NONE, NONE));
        compare("rebond", Operation.Rebond, 0);

        if (size >= 10) move(4);
        if (size == 100) move(10);
        if (size == 100) move(45);
    }

    function move(uint256 places) private {
        string memory count = vm.toString(places);
        uint256 amount = places * STEP + STEP / 2;
        compare(string.concat("bond, ", count, " places up"), Operation.Bond, amount);
        compare(string.concat("unbond, ", count, " places down"), Operation.Unbond, amount);
    }

    /// The same operation twice: the first run shows the place that the second's hint names.
    function compare(string memory operation, Operation kind, uint256 amount) private {
        (uint256 plain, address prev, address next) = run(kind, amount, NONE, NONE);
        if (size == 1) return keep(string.concat("pool 1: ", operation), plain);

        (uint256 hinted, address samePrev, address sameNext) = run(kind, amount, prev, next);
        require(prev == samePrev && next == sameNext, "the hint led to another place");
        keep(name(size, operation, "no hint"), plain);
        keep(name(size, operation, "hint"), hinted);
    }

    function run(Operation kind, uint256 amount, address prevHint, address nextHint)
        private
        fresh
        returns (uint256 gas, address prev, address next)
    {
        address moving = kind == Operation.Join ? bob() : middle();
        address sender = kind >= Operation.Bond ? alice() : moving;
        vm.prank(sender);
        token.approve(address(bonding), amount);
        gas = onBonding(sender, data(kind, amount, prevHint, nextHint));
        (prev, next) = neighbours(moving);
    }

    /// Without a hint it is the short form of the function, which clients call then.
    function data(Operation kind, uint256 amount, address prev, address next) private view returns (bytes memory) {
        bool hinted = prev != NONE || next != NONE;
        if (kind == Operation.Reward) {
            return hinted
                ? abi.encodeCall(bonding.rewardWithHint, (prev, next))
                : abi.encodeCall(bonding.reward, ());
        }
        if (kind == Operation.Join || kind == Operation.Bond) {
            address to = kind == Operation.Join ? bob() : middle();
            return hinted
                ? abi.encodeCall(bonding.bondWithHint, (amount, to, NONE, NONE, prev, next))
                : abi.encodeCall(bonding.bond, (amount, to));
        }
        if (kind == Operation.Unbond) {
            return hinted
                ? abi.encodeCall(bonding.unbondWithHint, (amount, prev, next))
                : abi.encodeCall(bonding.unbond, (amount));
        }
        return hinted ? abi.encodeCall(bonding.rebondWithHint, (0, prev, next)) : abi.encodeCall(bonding.rebond, (0));
    }

    function neighbours(address moving) private view returns (address prev, address next) {
        address account_ = bonding.getFirstTranscoderInPool();
        while (account_ != moving) (prev, account_) = (account_, bonding.getNextTranscoderInPool(account_));
        next = bonding.getNextTranscoderInPool(account_);
    }

    function keep(string memory name_, uint256 gas) private {
        figures[name_] = gas;
        record(name_, gas);
    }

    function name(uint256 size_, string memory operation, string memory hint) private pure returns (string memory) {
        return string.concat("pool ", vm.toString(size_), ": ", operation, ", ", hint);
    }

    function middle() private view returns (address) {
        return orchestrator((size + 1) / 2);
    }

    function stakeOf(uint256 index) private view returns (uint256) {
        return (size + 100 - index) * STEP;
    }

    function alice() private pure returns (address) {
        return account("alice");
    }

    /// Who joins the pool.
    function bob() private pure returns (address) {
        return account("bob");
    }
}
