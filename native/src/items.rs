//! A batch of inputs of different widths, in two flat buffers.

use std::ops::Range;

use crate::error::Error;

/// RFC 9497, section 1.2: inputs are at most 2^16 - 1 bytes long.
pub const MAX_INPUT_BYTES: usize = 65_535;

/// Inputs `i` at `data[offsets[i]..offsets[i + 1]]`. The first offset may be above zero, so that a slice of a
/// data set costs no copy. Checked once, in [`Items::new`]; every item lies within `data` and is short enough
/// to hash.
#[derive(Clone, Copy)]
pub struct Items<'a> {
    data: &'a [u8],
    offsets: &'a [u32],
}

impl<'a> Items<'a> {
    pub fn new(data: &'a [u8], offsets: &'a [u32]) -> Result<Self, Error> {
        let Some(&last) = offsets.last() else {
            return Err(Error::BadItems("expected at least one offset, got none".into()));
        };
        for (index, pair) in offsets.windows(2).enumerate() {
            match pair[1].checked_sub(pair[0]) {
                None => {
                    return Err(Error::BadItems(format!(
                        "expected ascending offsets, item {index} ends before its start"
                    )));
                }
                Some(length) if length as usize > MAX_INPUT_BYTES => {
                    return Err(Error::BadItems(format!(
                        "expected at most {MAX_INPUT_BYTES} bytes, item {index} has {length}"
                    )));
                }
                Some(_) => {}
            }
        }
        if last as usize > data.len() {
            return Err(Error::BadItems(format!(
                "expected offsets within {} bytes of data, got {last}",
                data.len()
            )));
        }
        Ok(Self { data, offsets })
    }

    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Input `index`; panics unless `index < len()`.
    pub fn get(&self, index: usize) -> &'a [u8] {
        &self.data[self.offsets[index] as usize..self.offsets[index + 1] as usize]
    }

    /// A part of the batch, without a copy.
    pub fn slice(&self, range: Range<usize>) -> Self {
        Self { data: self.data, offsets: &self.offsets[range.start..=range.end] }
    }

    pub fn iter(&self) -> impl Iterator<Item = &'a [u8]> + '_ {
        (0..self.len()).map(|index| self.get(index))
    }
}
