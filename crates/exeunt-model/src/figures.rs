//! What became of the messages of one who reads a mailbox.

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub(crate) struct Figures {
    pub(crate) handled: u8,
    pub(crate) failed: u8,
    pub(crate) returned: u8,
}

impl Figures {
    pub(crate) fn sum(self) -> u8 {
        self.handled + self.failed + self.returned
    }
}
