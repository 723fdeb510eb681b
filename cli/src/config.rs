//! What the surroundings say: the only place that reads the environment, but for clap's own variables.

use std::path::PathBuf;

/// What the surroundings say of output.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Surroundings {
    /// The locale's character set is UTF-8.
    pub(crate) is_utf8: bool,
}

/// Reads them.
pub(crate) fn surroundings() -> Surroundings {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .filter_map(std::env::var_os)
        .find(|value| !value.is_empty());
    Surroundings { is_utf8: locale.is_some_and(|locale| is_utf8(&locale.to_string_lossy())) }
}

fn is_utf8(locale: &str) -> bool {
    let locale = locale.to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

/// The folder from which connection files are looked for, upwards.
pub(crate) fn working_directory() -> Option<PathBuf> {
    std::env::current_dir().ok()
}

/// The whole environment, for tasks to take `PATH` from.
#[cfg(feature = "dev")]
pub(crate) fn inherited() -> std::collections::BTreeMap<std::ffi::OsString, std::ffi::OsString> {
    std::env::vars_os().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn glyphs_are_plain_where_the_locale_is_not_utf_8() {
        for (locale, expected) in [("en_GB.UTF-8", true), ("C.utf8", true), ("C", false), ("POSIX", false)] {
            assert_eq!(is_utf8(locale), expected, "{locale}");
        }
    }
}
