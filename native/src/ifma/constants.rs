//! Constants of edwards25519, -x^2 + y^2 = 1 + d x^2 y^2, and of ristretto255 (RFC 9496, section 4.1), as canonical limbs.
//!
//! benchmarks/limb_bounds.py derives each again from its definition, and a test compares.

/// d = -121665 / 121666
pub const D: [u64; 5] = [0xb4dca135978a3, 0x4d4141d8ab75e, 0x779e89800700a, 0xfe738cc740797, 0x52036cee2b6f];
/// 2 d
pub const TWO_D: [u64; 5] =
    [0x69b9426b2f159, 0x9a8283b156ebd, 0xef3d13000e014, 0xfce7198e80f2e, 0x2406d9dc56df];
/// SQRT_M1 of RFC 9496: the non-negative square root of -1.
pub const SQRT_M1: [u64; 5] =
    [0xe1b274a0ea0b0, 0x6ad2fe478c4e, 0xdfbd7a72f4318, 0xdf0b2b4d00993, 0x2b8324804fc1];
/// SQRT_AD_MINUS_ONE of RFC 9496: the root of -d - 1 that it chose.
pub const SQRT_AD_MINUS_ONE: [u64; 5] =
    [0x7f6a0497b2e1b, 0xc1b7854bd7e9, 0x1f5d1fdaf9d8e, 0x48ac0f3cfcc93, 0x376931bf2b83];
/// INVSQRT_A_MINUS_D of RFC 9496: the root of 1 / (-1 - d) that it chose.
pub const INVSQRT_A_MINUS_D: [u64; 5] =
    [0x8fdaa805d40ea, 0x175a4172be99c, 0xe01d8409d2f16, 0xfca216c27b91f, 0x786c8905cfaf];
/// 1 - d^2
pub const ONE_MINUS_D_SQ: [u64; 5] =
    [0xc09c1945fc176, 0x38cd5e350fe27, 0xe70dfe42c81a1, 0xe0d79994abddb, 0x29072a8b2b3];
/// (d - 1)^2
pub const D_MINUS_ONE_SQ: [u64; 5] =
    [0xd5aaa44ed4d20, 0x2cb01e199931a, 0x29b4eebd29e4a, 0x22414cdcd32f5, 0x5968b37af66c];
/// c, the non-negative square root of -486664: x = c u / v, y = (u - 1) / (u + 1) leads from curve25519 to edwards25519.
pub const MONTGOMERY_C: [u64; 5] =
    [0xe04aaff457e06, 0xd14b7d1a82cc6, 0x3fc4f7ec5a1d3, 0x6bbd27b08dc0, 0xf26edf460a0];
