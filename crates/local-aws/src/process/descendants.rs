//! Who descends from a process, read from `/proc`.

use std::collections::BTreeMap;

use rustix::process::Pid;

/// All living descendants of a process, in no particular order.
///
/// `/proc/PID/stat` is read rather than `/proc/PID/task/TID/children`, which kernels may lack.
pub(super) fn of(root: Pid) -> Vec<Pid> {
    below(root, &children())
}

/// Who has started whom, of all processes.
pub(super) type Children = BTreeMap<i32, Vec<i32>>;

/// The children of every living process.
pub(super) fn children() -> Children {
    let mut children = Children::new();
    let Ok(folder) = std::fs::read_dir("/proc") else {
        return children;
    };
    for entry in folder.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else {
            continue;
        };
        if let Some(parent) = parent(&stat) {
            children.entry(parent).or_default().push(pid);
        }
    }
    children
}

/// The descendants of a process, in no particular order.
pub(super) fn below(root: Pid, children: &Children) -> Vec<Pid> {
    let mut found = Vec::new();
    let mut open = vec![root.as_raw_nonzero().get()];
    while let Some(pid) = open.pop() {
        for child in children.get(&pid).into_iter().flatten() {
            open.push(*child);
            found.extend(Pid::from_raw(*child));
        }
    }
    found
}

/// The parent's pid, the fourth field; the second is the program's name in brackets and may hold
/// spaces and brackets itself (Source: proc(5)).
fn parent(stat: &str) -> Option<i32> {
    let (_, after_name) = stat.rsplit_once(')')?;
    after_name.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::parent;

    #[test]
    fn the_parent_is_found_behind_a_name_with_spaces_and_brackets() {
        assert_eq!(parent("42 (a) (b c)) S 7 42 42 0 -1"), Some(7));
        assert_eq!(parent("42 (sh) S 1 42"), Some(1));
        assert_eq!(parent("42 sh"), None);
        assert_eq!(parent(""), None);
    }
}
