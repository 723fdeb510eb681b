//! What `cox` prints, word for word: one file per subject under `cmd/`, no Rust for a new one.

#[test]
fn what_cox_prints_is_as_it_was() {
    let cases = trycmd::TestCases::new();
    // Help is as wide as a terminal of 100 columns, whatever terminal the tests run in.
    cases.env("COLUMNS", "100").env("NO_COLOR", "1").case("tests/cmd/*.trycmd");
}
