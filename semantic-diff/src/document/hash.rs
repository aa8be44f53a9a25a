//! Hashes of what nodes mean.
//!
//! They are seeded once per process, so that nobody can write a file whose parts collide, and they never leave it.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::OnceLock;

struct Seeds {
    state: RandomState,
    first: u64,
    second: u64,
}

fn seeds() -> &'static Seeds {
    static SEEDS: OnceLock<Seeds> = OnceLock::new();
    SEEDS.get_or_init(|| {
        let state = RandomState::new();
        let (first, second) = (state.hash_one(1_u8), state.hash_one(2_u8));
        Seeds { state, first, second }
    })
}

/// The hash of some bytes, kept apart from the same bytes of another kind.
pub(super) fn bytes(kind: u8, bytes: &[u8]) -> u64 {
    let mut hasher = seeds().state.build_hasher();
    hasher.write(bytes);
    hasher.write_u8(kind);
    hasher.finish()
}

/// One hash of two, in this order.
pub(super) fn pair(a: u64, b: u64) -> u64 {
    let seeds = seeds();
    let wide = u128::from(a ^ seeds.first).wrapping_mul(u128::from(b ^ seeds.second) | 1);
    (wide as u64) ^ ((wide >> 64) as u64) ^ a.rotate_left(32)
}
