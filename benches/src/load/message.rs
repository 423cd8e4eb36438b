//! The short messages: 64 bytes, each different from every other.

use std::io;

use super::wrong;

/// A message, known by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Message(u64);

impl Message {
    pub(super) const SIZE: usize = 64;

    /// The first message of a client.
    pub(super) fn first_of(client: usize) -> Self {
        Self((client as u64) << 32)
    }

    /// The client's next message.
    pub(super) fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// Its number, then numbers that follow from it.
    pub(super) fn bytes(self) -> [u8; Self::SIZE] {
        let mut bytes = [0; Self::SIZE];
        let mut word = self.0;
        for place in bytes.chunks_exact_mut(8) {
            place.copy_from_slice(&word.to_le_bytes());
            word = word.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(1);
        }
        bytes
    }

    /// The message that these bytes are, if they are one.
    pub(super) fn from_bytes(bytes: &[u8]) -> io::Result<Self> {
        let number = bytes.first_chunk().map(|first| u64::from_le_bytes(*first));
        match number.map(Self) {
            Some(message) if message.bytes() == bytes => Ok(message),
            _ => Err(wrong("the reply is not a message")),
        }
    }

    pub(super) fn compare(self, reply: &[u8]) -> io::Result<()> {
        if self.bytes() == reply { Ok(()) } else { Err(wrong("the reply is wrong")) }
    }
}
