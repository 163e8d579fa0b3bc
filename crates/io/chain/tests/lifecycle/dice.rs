//! Chance that comes out the same each time, by a seed.

use alloy_primitives::U256;

/// SplitMix64.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) const fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Below `limit`.
    pub(crate) const fn below(&mut self, limit: u64) -> u64 {
        self.bits() % limit
    }

    /// True this often in a hundred.
    pub(crate) const fn percent(&mut self, often: u64) -> bool {
        self.below(100) < often
    }

    /// Any 256 bits.
    pub(crate) fn word(&mut self) -> U256 {
        U256::from_limbs([self.bits(), self.bits(), self.bits(), self.bits()])
    }
}
