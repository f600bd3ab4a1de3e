//! Labelled hits: a note of fixed length for each tag, sealed under the rest of the VOPRF output, so that only who
//! asked for that identifier can open it (docs/protocol.md, notes).

use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{ChaCha20Poly1305, Key, Nonce, Tag};
use hkdf::Hkdf;
use sha2::Sha512;
use zeroize::Zeroizing;

use crate::backend::{Backend, Bytes64};
use crate::error::Error;
use crate::hash::Expander;
use crate::items::Items;
use crate::keystream::StreamKey;
use crate::parallel;
use crate::voprf::{TAG_BYTES, expect_count, private_key};

/// Bytes of a note before it is sealed.
pub const NOTE_BYTES: usize = 128;
/// RFC 8439, section 2.5.
const MAC_BYTES: usize = 16;
/// tag || sealed note || MAC
pub const NOTED_TAG_BYTES: usize = TAG_BYTES + NOTE_BYTES + MAC_BYTES;
/// The first part of the key's HKDF info; psi/dst.py has the same.
pub const DST_NOTE: &str = "accord/v1/note";

pub type Note = [u8; NOTE_BYTES];
pub type NotedTag = [u8; NOTED_TAG_BYTES];

/// The cipher for one output: HKDF-SHA-512 (RFC 5869) of bytes 16..64, info = LP(DST, context). Each key is used for
/// one note, so the nonce is zero.
fn cipher(output: &Bytes64, info: &[u8]) -> ChaCha20Poly1305 {
    let mut key = Zeroizing::new([0u8; 32]);
    Hkdf::<Sha512>::new(None, &output[TAG_BYTES..])
        .expand(info, key.as_mut_slice())
        .expect("32 bytes are no more than HKDF gives");
    ChaCha20Poly1305::new(&Key::from(*key))
}

fn info(context: &[u8]) -> Vec<u8> {
    let mut info = Vec::with_capacity(16 + DST_NOTE.len() + context.len());
    for part in [DST_NOTE.as_bytes(), context] {
        info.extend_from_slice(&(part.len() as u64).to_be_bytes());
        info.extend_from_slice(part);
    }
    info
}

/// The tag of each item and its note, sealed.
pub fn seal(
    backend: &dyn Backend,
    items: Items<'_>,
    dst: &Expander,
    oprf_key: &StreamKey,
    context: &[u8],
    notes: &[Note],
    out: &mut [NotedTag],
) -> Result<(), Error> {
    expect_count("notes", items.len(), notes.len())?;
    expect_count("tags", items.len(), out.len())?;
    let k = private_key(oprf_key)?;
    let info = info(context);
    parallel::blocks(out, |range, out| {
        let mut outputs = Zeroizing::new(vec![[0u8; 64]; out.len()]);
        backend.outputs(items.slice(range.clone()), dst, &k, &mut outputs)?;
        for ((row, output), note) in out.iter_mut().zip(outputs.iter()).zip(&notes[range]) {
            let (tag, sealed) = row.split_at_mut(TAG_BYTES);
            let (text, mac) = sealed.split_at_mut(NOTE_BYTES);
            tag.copy_from_slice(&output[..TAG_BYTES]);
            text.copy_from_slice(note);
            let made = cipher(output, &info)
                .encrypt_inout_detached(&Nonce::default(), tag, text.into())
                .expect("a note is shorter than ChaCha20's keystream");
            mac.copy_from_slice(&made);
        }
        Ok(())
    })
    .map_err(|rejected| rejected.in_list("items"))
}

/// Opens the notes of matched rows: `out` gets each note, and `opened` whether it was authentic. A note that was not is
/// left as zeros.
pub fn open(
    outputs: &[Bytes64],
    rows: &[NotedTag],
    context: &[u8],
    opened: &mut [u8],
    out: &mut [Note],
) -> Result<(), Error> {
    expect_count("rows", outputs.len(), rows.len())?;
    expect_count("notes", outputs.len(), out.len())?;
    expect_count("flags", outputs.len(), opened.len())?;
    let info = info(context);
    for (((output, row), flag), note) in outputs.iter().zip(rows).zip(opened).zip(out) {
        let (tag, sealed) = row.split_at(TAG_BYTES);
        let (text, mac) = sealed.split_at(NOTE_BYTES);
        note.copy_from_slice(text);
        let mac = Tag::try_from(mac).expect("a row ends in a MAC of 16 bytes");
        let authentic = cipher(output, &info).decrypt_inout_detached(
            &Nonce::default(),
            tag,
            note.as_mut_slice().into(),
            &mac,
        );
        *flag = u8::from(authentic.is_ok());
        if authentic.is_err() {
            note.fill(0);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_opens_under_its_own_output_and_context_alone() {
        let backend = crate::backend::available().next().expect("portable always runs");
        let dst = Expander::new(b"a test").expect("a short tag");
        let key = StreamKey::new(&[7; 32]);
        let (data, offsets) = (*b"abc", [0u32, 1, 2, 3]);
        let items = Items::new(&data, &offsets).expect("three items");
        let notes = [[1u8; NOTE_BYTES], [2; NOTE_BYTES], [0; NOTE_BYTES]];
        let mut rows = [[0u8; NOTED_TAG_BYTES]; 3];
        seal(backend, items, &dst, &key, b"ctx", &notes, &mut rows).expect("sealed");
        let mut outputs = [[0u8; 64]; 3];
        let k = private_key(&key).expect("not zero");
        backend.outputs(items, &dst, &k, &mut outputs).expect("outputs");

        let opened = |outputs: &[Bytes64], rows: &[NotedTag], context: &[u8]| {
            let (mut flags, mut out) = ([9u8; 3], [[9u8; NOTE_BYTES]; 3]);
            open(outputs, rows, context, &mut flags, &mut out).expect("lengths agree");
            (flags, out)
        };
        assert_eq!(opened(&outputs, &rows, b"ctx"), ([1; 3], notes));
        assert_eq!(opened(&outputs, &rows, b"ctx2"), ([0; 3], [[0; NOTE_BYTES]; 3]));
        let mut swapped = rows;
        swapped.swap(0, 1);
        assert_eq!(opened(&outputs, &swapped, b"ctx").0, [0, 0, 1]);
        for byte in 0..NOTED_TAG_BYTES {
            let mut altered = rows;
            altered[0][byte] ^= 1;
            assert_eq!(opened(&outputs, &altered, b"ctx").0, [0, 1, 1], "byte {byte}");
        }
    }
}
