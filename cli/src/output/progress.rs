//! A word on what takes longer than a moment.

use std::{pin::pin, time::Duration};

use tokio::time::{Instant, sleep_until};

use super::{
    Terminal, end_redraw,
    table::{fitted, terminal_width},
    time,
};

/// What takes less is not worth a word.
const MOMENT: Duration = Duration::from_secs(1);

/// From one line to the next, where they cannot be redrawn.
const HEARTBEAT: Duration = Duration::from_secs(15);

impl Terminal {
    /// Waits for work to be done, and says so where it takes over a second.
    pub(crate) async fn waiting<T>(&mut self, what: &str, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        let began = Instant::now();
        let mut next = began + MOMENT;
        let mut is_drawn = false;
        loop {
            tokio::select! {
                biased;
                done = &mut work => {
                    if is_drawn {
                        end_redraw();
                    }
                    return done;
                }
                () = sleep_until(next) => {}
            }
            let line = format!("{what} ({})", time::written(began.elapsed()));
            if self.talk_is_interactive {
                self.redraw(&fitted(&line, terminal_width()));
                is_drawn = true;
                next += MOMENT;
            } else {
                self.say(&line);
                next += HEARTBEAT;
            }
        }
    }
}
