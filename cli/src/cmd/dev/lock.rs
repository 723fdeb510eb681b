//! One `cox dev` at a time on one state.

use std::{
    fmt,
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read as _, Seek as _, Write as _},
    path::Path,
};

/// The lock, held as long as this lives; the system lets it go when the process dies.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

/// Why it could not be taken.
#[derive(Debug)]
pub(super) enum Taken {
    /// Another process holds it.
    By(Holder),
    /// The system does not say.
    Unknown(io::Error),
}

/// The process that holds it, where it wrote its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Holder(String);

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, " (pid {})", self.0) }
    }
}

impl From<io::Error> for Taken {
    fn from(error: io::Error) -> Self {
        Self::Unknown(error)
    }
}

impl Lock {
    /// Takes the lock of a state folder, and writes this process' id into it.
    pub(super) fn take(state: &Path) -> Result<Self, Taken> {
        let path = state.join("lock");
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                file.read_to_string(&mut pid)?;
                return Err(Taken::By(Holder(pid.trim().to_owned())));
            }
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "{}", std::process::id())?;
        Ok(Self { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_told_the_process_of_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let first = Lock::take(folder.path()).unwrap();
        let Err(Taken::By(holder)) = Lock::take(folder.path()) else { panic!("taken twice") };
        assert_eq!(holder.to_string(), format!(" (pid {})", std::process::id()));
        drop(first);
        assert!(Lock::take(folder.path()).is_ok());
    }
}
