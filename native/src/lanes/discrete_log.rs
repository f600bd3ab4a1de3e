//! The kernel of [`crate::discrete_log`], a centre in each lane.

use super::Lanes;
use super::field::Fe;
use super::limbs::load_rows;
use super::power::invert_all;
use super::vector::LANES;
use crate::backend::Bytes32;
use crate::discrete_log::{Kernels, Point, REACH, Steps};

/// The identity, for idle lanes.
const IDLE: Point = [[0; 32], {
    let mut one = [0; 32];
    one[0] = 1;
    one
}];

kernel!(
    fn splat(encoding: &Bytes32) -> Fe {
        Fe::from_words(&load_rows(&[*encoding; LANES]))
    }
);

kernel!(
    fn vartime_keys(centres: &[Point], steps: &Steps, out: &mut [u64]) {
        let one = Fe::one().wide();
        let mut multiples = Vec::with_capacity(REACH);
        for [x, y, d_x_y] in steps.multiples() {
            multiples.push((splat(x), splat(y), splat(d_x_y)));
        }
        let mut numerators = Vec::with_capacity(REACH);
        let mut inverses = Vec::with_capacity(REACH);
        for (group, points) in centres.chunks(LANES).enumerate() {
            let mut full = [IDLE; LANES];
            full[..points.len()].copy_from_slice(points);
            let x = Fe::from_words(&load_rows(&full.map(|[x, _]| x)));
            let y = Fe::from_words(&load_rows(&full.map(|[_, y]| y)));
            let xy = x.times(y);
            numerators.clear();
            inverses.clear();
            for (step_x, step_y, d_x_y) in &multiples {
                // y(C + Q) = (y1 y2 + x1 x2) / (1 - e), y(C - Q) = (y1 y2 - x1 x2) / (1 + e), e = d x1 x2 y1 y2
                let (yy, xx, e) = (y.mul(*step_y), x.mul(*step_x), xy.times(*d_x_y));
                let plus = (yy + xx).carry().times((one + e.wide()).carry());
                let minus = (yy - xx).carry().times((one - e.wide()).carry());
                numerators.push((plus, minus));
                inverses.push((one - e.square()).carry());
            }
            invert_all(&mut inverses);
            let mut put = |position: usize, y: Fe| {
                let start = position * centres.len() + group * LANES;
                out[start..start + points.len()].copy_from_slice(&y.to_words()[0].to_array()[..points.len()]);
            };
            put(0, y);
            for (j, ((plus, minus), inverse)) in numerators.iter().zip(&inverses).enumerate() {
                put(2 * j + 1, plus.times(*inverse));
                put(2 * j + 2, minus.times(*inverse));
            }
        }
    }
);

impl Kernels for Lanes {
    fn vartime_keys(&self, centres: &[Point], steps: &Steps, out: &mut [u64]) {
        on_lanes!(vartime_keys(centres, steps, out))
    }
}
