//! The kernel of [`crate::discrete_log`], one point at a time.

use super::Portable;
use crate::discrete_log::{Kernels, Point, REACH, Steps, key};
use crate::field::{Fe, invert_all};

impl Kernels for Portable {
    fn vartime_keys(&self, centres: &[Point], steps: &Steps, out: &mut [u64]) {
        let steps: Vec<[Fe; 3]> =
            steps.multiples().iter().map(|step| step.each_ref().map(Fe::from_bytes)).collect();
        let mut numerators = Vec::with_capacity(REACH);
        let mut inverses = Vec::with_capacity(REACH);
        for (index, centre) in centres.iter().enumerate() {
            let [x, y] = centre.each_ref().map(Fe::from_bytes);
            let xy = x * y;
            numerators.clear();
            inverses.clear();
            for [step_x, step_y, d_x_y] in &steps {
                // y(C + Q) = (y1 y2 + x1 x2) / (1 - e), y(C - Q) = (y1 y2 - x1 x2) / (1 + e), e = d x1 x2 y1 y2
                let (yy, xx, e) = (y * *step_y, x * *step_x, xy * *d_x_y);
                numerators.push(((yy + xx) * (Fe::ONE + e), (yy - xx) * (Fe::ONE - e)));
                inverses.push(Fe::from(Fe::ONE - e.square()));
            }
            invert_all(&mut inverses);
            out[index] = key(&centre[1]);
            for (j, ((plus, minus), inverse)) in numerators.iter().zip(&inverses).enumerate() {
                let position = (2 * j + 1) * centres.len() + index;
                out[position] = key(&(*plus * *inverse).to_bytes());
                out[position + centres.len()] = key(&(*minus * *inverse).to_bytes());
            }
        }
    }
}
