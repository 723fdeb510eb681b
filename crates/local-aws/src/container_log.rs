//! What containers wrote: the last lines in memory, more of them in files.

use std::{
    collections::{BTreeMap, VecDeque},
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use tokio::io::{AsyncRead, AsyncReadExt};

use crate::{clock::Clock, driver::LogLine};

/// A longer line is cut into several, as Docker's log drivers do at the same length.
const LONGEST_LINE: usize = 16 * 1024;

/// Lines of one container that are kept in memory, and their bytes.
const LINES_IN_MEMORY: usize = 4_096;
const BYTES_IN_MEMORY: usize = 1024 * 1024;

/// A file that has grown to this size is set aside as `.1`, in place of the one before.
const FILE_BYTES: u64 = 8 * 1024 * 1024;

/// The lines of one container.
#[derive(Debug)]
pub(crate) struct ContainerLog {
    clock: Arc<dyn Clock>,
    kept: Mutex<Kept>,
}

#[derive(Debug)]
struct Kept {
    lines: VecDeque<LogLine>,
    bytes: usize,
    file: Option<LogFile>,
}

impl ContainerLog {
    /// A log that is also written to a file; without the file, if that cannot be made.
    pub(crate) fn new(path: &Path, clock: Arc<dyn Clock>) -> Self {
        let file = LogFile::create(path)
            .inspect_err(
                |error| tracing::warn!(path = %path.display(), %error, "a log is kept in memory only"),
            )
            .ok();
        Self { clock, kept: Mutex::new(Kept { lines: VecDeque::new(), bytes: 0, file }) }
    }

    /// Reads lines to the end of a container's output.
    pub(crate) async fn follow(self: &Arc<Self>, mut output: impl AsyncRead + Unpin) {
        let mut writer = LogWriter::to(self);
        let mut buffer = vec![0; LONGEST_LINE];
        while let Ok(count @ 1..) = output.read(&mut buffer).await {
            writer.take_in(buffer.get(..count).unwrap_or_default());
        }
        writer.finish();
    }

    /// The last lines, oldest first.
    pub(crate) fn last(&self, limit: usize) -> Vec<LogLine> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.lines.iter().skip(kept.lines.len().saturating_sub(limit)).cloned().collect()
    }

    fn push(&self, message: String) {
        let timestamp_ms = i64::try_from(self.clock.now().as_millis()).unwrap_or(i64::MAX);
        let line = LogLine { timestamp_ms, message };
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        // A short append to a local file: not worth a trip to another thread.
        if let Some(file) = &mut kept.file
            && let Err(error) = file.append(&line)
        {
            tracing::warn!(%error, "a log is kept in memory only from here on");
            kept.file = None;
        }
        kept.bytes += line.message.len();
        kept.lines.push_back(line);
        while kept.lines.len() > LINES_IN_MEMORY || kept.bytes > BYTES_IN_MEMORY {
            let Some(oldest) = kept.lines.pop_front() else {
                break;
            };
            kept.bytes -= oldest.message.len();
        }
    }
}

/// Writes lines that come in pieces to a log.
#[derive(Debug)]
pub(crate) struct LogWriter {
    log: Arc<ContainerLog>,
    lines: LineSplitter,
}

impl LogWriter {
    pub(crate) fn to(log: &Arc<ContainerLog>) -> Self {
        Self { log: Arc::clone(log), lines: LineSplitter::default() }
    }

    pub(crate) fn take_in(&mut self, bytes: &[u8]) {
        self.lines.take_in(bytes, &mut |line| self.log.push(line));
    }

    /// Writes the last line, which needs no end.
    pub(crate) fn finish(self) {
        self.lines.finish(&mut |line| self.log.push(line));
    }
}

/// Cuts a stream of bytes into lines of bounded length.
#[derive(Debug, Default)]
struct LineSplitter {
    open: Vec<u8>,
}

impl LineSplitter {
    fn take_in(&mut self, bytes: &[u8], line: &mut dyn FnMut(String)) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.open.extend_from_slice(part);
            if self.open.ends_with(b"\n") {
                self.open.pop();
                if self.open.ends_with(b"\r") {
                    self.open.pop();
                }
                self.cut(line);
                line(String::from_utf8_lossy(&self.open).into_owned());
                self.open.clear();
            } else {
                self.cut(line);
            }
        }
    }

    /// Takes away from the front what is too much for one line, never within a character.
    fn cut(&mut self, line: &mut dyn FnMut(String)) {
        while self.open.len() > LONGEST_LINE {
            let continues = |byte: &u8| byte & 0b1100_0000 == 0b1000_0000;
            let within = (0..4).find(|back| !self.open.get(LONGEST_LINE - back).is_some_and(continues));
            let rest = self.open.split_off(LONGEST_LINE - within.unwrap_or(0));
            line(String::from_utf8_lossy(&self.open).into_owned());
            self.open = rest;
        }
    }

    fn finish(mut self, line: &mut dyn FnMut(String)) {
        if !self.open.is_empty() {
            self.cut(line);
            line(String::from_utf8_lossy(&self.open).into_owned());
        }
    }
}

/// A file of lines, `MILLISECONDS TEXT` each, and the one that was full before it.
#[derive(Debug)]
struct LogFile {
    path: PathBuf,
    file: File,
    bytes: u64,
}

impl LogFile {
    fn create(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_path_buf(), file: File::create(path)?, bytes: 0 })
    }

    fn append(&mut self, line: &LogLine) -> io::Result<()> {
        let text = format!("{} {}\n", line.timestamp_ms, line.message);
        if self.bytes > 0 && self.bytes + text.len() as u64 > FILE_BYTES {
            let mut full = self.path.clone().into_os_string();
            full.push(".1");
            fs::rename(&self.path, full)?;
            *self = Self::create(&self.path)?;
        }
        self.bytes += text.len() as u64;
        self.file.write_all(text.as_bytes())
    }
}

/// The logs of all tasks that are remembered.
#[derive(Debug)]
pub(crate) struct LogBook {
    kept_tasks: usize,
    tasks: Mutex<Tasks>,
}

#[derive(Debug, Default)]
struct Tasks {
    logs: BTreeMap<String, BTreeMap<String, Arc<ContainerLog>>>,
    ended: VecDeque<String>,
}

impl LogBook {
    /// `kept_tasks`: how many tasks are remembered after their end.
    pub(crate) fn new(kept_tasks: usize) -> Self {
        Self { kept_tasks, tasks: Mutex::default() }
    }

    /// The container's log; `make` makes it where it has none, as at its first start.
    pub(crate) fn open(
        &self,
        task_id: &str,
        container: &str,
        make: impl FnOnce() -> ContainerLog,
    ) -> Arc<ContainerLog> {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        let of_task = tasks.logs.entry(task_id.to_owned()).or_default();
        Arc::clone(of_task.entry(container.to_owned()).or_insert_with(|| Arc::new(make())))
    }

    pub(crate) fn last(&self, task_id: &str, container: &str, limit: usize) -> Vec<LogLine> {
        let log = {
            let tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
            tasks.logs.get(task_id).and_then(|logs| logs.get(container)).map(Arc::clone)
        };
        log.map(|log| log.last(limit)).unwrap_or_default()
    }

    /// Notes that a task has ended; returns the tasks that are forgotten for it.
    pub(crate) fn task_ended(&self, task_id: &str) -> Vec<String> {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.ended.push_back(task_id.to_owned());
        let too_many = tasks.ended.len().saturating_sub(self.kept_tasks);
        let forgotten: Vec<_> = tasks.ended.drain(..too_many).collect();
        for task in &forgotten {
            tasks.logs.remove(task);
        }
        forgotten
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Time;

    #[derive(Debug)]
    struct StoppedClock;

    impl Clock for StoppedClock {
        fn now(&self) -> Time {
            Time::from_millis(1_700_000_000_000)
        }
    }

    fn split(chunks: &[&[u8]]) -> Vec<String> {
        let mut lines = Vec::new();
        let mut splitter = LineSplitter::default();
        for chunk in chunks {
            splitter.take_in(chunk, &mut |line| lines.push(line));
        }
        splitter.finish(&mut |line| lines.push(line));
        lines
    }

    fn log(path: &Path) -> ContainerLog {
        ContainerLog::new(path, Arc::new(StoppedClock))
    }

    #[test]
    fn lines_are_put_together_from_pieces_and_the_last_needs_no_end() {
        assert_eq!(split(&[b"a", b"b\nc\r\n\nd"]), ["ab", "c", "", "d"]);
        assert_eq!(split(&[b"\xff\n"]), ["\u{fffd}"]);
        assert!(split(&[]).is_empty());
    }

    #[test]
    fn a_long_line_is_cut_and_no_character_with_it() {
        let text = format!("x{}\n", "é".repeat(LONGEST_LINE));
        for chunk in [1, 7, LONGEST_LINE, text.len()] {
            let lines = split(&text.as_bytes().chunks(chunk).collect::<Vec<_>>());
            assert_eq!(lines.len(), 3, "in chunks of {chunk}");
            assert_eq!(lines.concat(), text.trim_end());
            assert!(lines.iter().all(|line| line.len() <= LONGEST_LINE));
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_bounded_too() {
        let lines = split(&[vec![0x80; LONGEST_LINE * 2 + 1].as_slice()]);
        assert_eq!(lines.len(), 3);
    }

    #[test]
    fn memory_holds_the_last_lines_by_number_and_by_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let log = log(&folder.path().join("web.log"));
        for number in 0..LINES_IN_MEMORY + 10 {
            log.push(number.to_string());
        }
        let lines = log.last(usize::MAX);
        assert_eq!((lines.len(), lines[0].message.as_str()), (LINES_IN_MEMORY, "10"));
        assert_eq!(log.last(1)[0].message, (LINES_IN_MEMORY + 9).to_string());

        for _ in 0..200 {
            log.push("x".repeat(LONGEST_LINE));
        }
        assert_eq!(log.last(usize::MAX).len(), BYTES_IN_MEMORY / LONGEST_LINE);
    }

    #[test]
    fn a_file_holds_all_lines_up_to_its_size_and_the_full_one_is_set_aside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("web.log");
        let log = log(&path);
        log.push("hello".into());
        assert_eq!(fs::read_to_string(&path).unwrap(), "1700000000000 hello\n");
        let lines = usize::try_from(FILE_BYTES).unwrap() / LONGEST_LINE;
        for _ in 0..lines {
            log.push("x".repeat(LONGEST_LINE));
        }
        let full = fs::read_to_string(folder.path().join("web.log.1")).unwrap();
        assert!(full.starts_with("1700000000000 hello\n"));
        assert!(fs::metadata(&path).unwrap().len() <= FILE_BYTES);
    }

    #[test]
    fn a_log_whose_file_cannot_be_made_is_kept_in_memory() {
        let log = log(Path::new("/proc/no/such/web.log"));
        log.push("hello".into());
        assert_eq!(log.last(10).len(), 1);
    }

    #[test]
    fn the_oldest_ended_tasks_are_forgotten_and_running_ones_never() {
        let folder = tempfile::tempdir().unwrap();
        let book = LogBook::new(1);
        for task in ["running", "first", "second"] {
            let opened = book.open(task, "web", || log(&folder.path().join(task)));
            opened.push(task.to_owned());
        }
        assert!(book.task_ended("first").is_empty());
        assert_eq!(book.task_ended("second"), ["first"]);
        assert!(book.last("first", "web", 10).is_empty());
        assert_eq!(book.last("second", "web", 10)[0].message, "second");
        assert_eq!(book.last("running", "web", 10)[0].message, "running");
        assert!(book.last("running", "no", 10).is_empty());
    }
}
