// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

import {LivepeerToken} from "../../contracts/token/LivepeerToken.sol";
import {LivepeerTokenFaucet} from "../../contracts/token/LivepeerTokenFaucet.sol";
import {ForgeTest} from "../ForgeTest.sol";

/// The token, who may make and destroy it, and the faucet that gives it away.
contract TokenTest is ForgeTest {
    bytes32 private constant MINTER = keccak256("MINTER_ROLE");
    bytes32 private constant BURNER = keccak256("BURNER_ROLE");
    bytes32 private constant PERMIT =
        keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");
    bytes32 private constant DOMAIN =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    address private constant HOLDER = address(0x57);
    LivepeerToken private token;

    function setUp() public {
        token = new LivepeerToken();
        token.grantRole(MINTER, address(this));
    }

    function test_NamesAndNoSupply() public view {
        eq(token.name(), "Livepeer Token", "name");
        eq(token.symbol(), "LPT", "symbol");
        eq(token.decimals(), 18, "decimals");
        eq(token.totalSupply(), 0, "supply");
        require(token.hasRole(bytes32(0), address(this)), "admin");
        eq(token.getRoleAdmin(MINTER), 0, "admin of the role");
    }

    function testFuzz_MintingAndBurningAreCounted(uint128 amount, uint256 part) public {
        part %= uint256(amount) + 1;
        cheats.expectEmit(address(token));
        emit LivepeerToken.Mint(HOLDER, amount);
        token.mint(HOLDER, amount);
        token.grantRole(BURNER, HOLDER);
        cheats.expectEmit(address(token));
        emit LivepeerToken.Burn(HOLDER, part);
        cheats.prank(HOLDER);
        token.burn(part);
        eq(token.totalSupply(), amount - part, "supply");
        eq(token.balanceOf(HOLDER), amount - part, "balance");
    }

    function test_BurningForAnotherNeedsRoleAndAllowance() public {
        token.mint(HOLDER, 10);
        cheats.prank(HOLDER);
        token.approve(address(this), 4);
        cheats.expectRevert();
        token.burnFrom(HOLDER, 4);
        token.grantRole(BURNER, address(this));
        refused("ERC20: insufficient allowance");
        token.burnFrom(HOLDER, 5);
        cheats.expectEmit(address(token));
        emit LivepeerToken.Burn(HOLDER, 4);
        token.burnFrom(HOLDER, 4);
        eq(token.totalSupply(), 6, "supply");
    }

    function test_RolesAreNeeded() public {
        cheats.startPrank(HOLDER);
        cheats.expectRevert();
        token.mint(HOLDER, 1);
        cheats.expectRevert();
        token.burn(0);
        cheats.expectRevert();
        token.grantRole(MINTER, HOLDER);
    }

    function test_APermitIsAnAllowance() public {
        uint256 key = 0xbeef;
        address owner = cheats.addr(key);
        bytes32 domain = keccak256(
            abi.encode(DOMAIN, keccak256("Livepeer Token"), keccak256("1"), block.chainid, address(token))
        );
        eq(token.DOMAIN_SEPARATOR(), domain, "domain");
        bytes32 message = keccak256(abi.encode(PERMIT, owner, address(this), 5, 0, block.timestamp));
        (uint8 v, bytes32 r, bytes32 s) = cheats.sign(key, keccak256(abi.encodePacked("\x19\x01", domain, message)));
        token.permit(owner, address(this), 5, block.timestamp, v, r, s);
        eq(token.allowance(owner, address(this)), 5, "allowance");
        eq(token.nonces(owner), 1, "nonce");
    }

    function test_TheFaucetGivesNowAndThen() public {
        LivepeerTokenFaucet faucet = new LivepeerTokenFaucet(address(token), 10, 2);
        token.mint(address(faucet), 1000);
        cheats.warp(100_000);
        cheats.startPrank(HOLDER);
        cheats.expectEmit(address(faucet));
        emit LivepeerTokenFaucet.Request(HOLDER, 10);
        faucet.request();
        eq(faucet.nextValidRequest(HOLDER), 107_200, "two hours");
        cheats.warp(107_199);
        cheats.expectRevert(bytes(""));
        faucet.request();
        cheats.warp(107_200);
        faucet.request();
        eq(token.balanceOf(HOLDER), 20, "given");
        cheats.expectRevert(bytes(""));
        faucet.addToWhitelist(HOLDER);
        cheats.expectRevert(bytes(""));
        faucet.removeFromWhitelist(HOLDER);
    }

    function test_TheFaucetKnowsNoTimeForItsFriends() public {
        LivepeerTokenFaucet faucet = new LivepeerTokenFaucet(address(token), 10, 2);
        token.mint(address(faucet), 1000);
        faucet.addToWhitelist(HOLDER);
        require(faucet.isWhitelisted(HOLDER), "listed");
        cheats.startPrank(HOLDER);
        faucet.request();
        faucet.request();
        eq(faucet.nextValidRequest(HOLDER), 0, "no timer");
        cheats.stopPrank();
        faucet.removeFromWhitelist(HOLDER);
        cheats.startPrank(HOLDER);
        faucet.request();
        cheats.expectRevert(bytes(""));
        faucet.request();
        eq(token.balanceOf(HOLDER), 30, "given");
    }
}
