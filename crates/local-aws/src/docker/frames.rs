//! The engine's stream of a container's output: frames of either standard output or standard error.
//!
//! Each frame is a head of eight bytes, of which the first says which output and the last four how long it is,
//! and as many bytes. Source: the engine's API, `ContainerAttach`.

use std::sync::Arc;

use crate::container_log::{ContainerLog, LogWriter};

/// How long a frame's head is.
const HEAD: usize = 8;

/// Puts frames together from pieces, and writes what they hold.
pub(super) struct Frames {
    open: Vec<u8>,
    output: LogWriter,
    error: LogWriter,
}

impl Frames {
    pub(super) fn to(log: &Arc<ContainerLog>) -> Self {
        Self { open: Vec::new(), output: LogWriter::to(log), error: LogWriter::to(log) }
    }

    pub(super) fn take_in(&mut self, bytes: &[u8]) {
        self.open.extend_from_slice(bytes);
        while let Some([kind, _, _, _, length @ ..]) = self.open.first_chunk::<HEAD>() {
            let is_error = *kind == 2;
            let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
            let end = HEAD.saturating_add(length);
            let Some(text) = self.open.get(HEAD..end) else { return };
            if is_error {
                self.error.take_in(text);
            } else {
                self.output.take_in(text);
            }
            self.open.drain(..end);
        }
    }

    pub(super) fn finish(self) {
        self.output.finish();
        self.error.finish();
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::clock::SystemClock;

    #[test]
    fn frames_are_put_together_from_any_pieces() {
        let frame = |kind: u8, text: &str| {
            let length = u32::try_from(text.len()).unwrap().to_be_bytes();
            [&[kind, 0, 0, 0], length.as_slice(), text.as_bytes()].concat()
        };
        let all = [frame(1, "on"), frame(2, "oops\n"), frame(1, "e\ntwo")].concat();
        for size in [1, 3, 9, all.len()] {
            let log = Arc::new(ContainerLog::new(Path::new("/proc/none"), Arc::new(SystemClock)));
            let mut frames = Frames::to(&log);
            all.chunks(size).for_each(|piece| frames.take_in(piece));
            frames.finish();
            let lines: Vec<_> = log.last(9).into_iter().map(|line| line.message).collect();
            assert_eq!(lines, ["oops", "one", "two"], "in pieces of {size}");
        }
    }
}
