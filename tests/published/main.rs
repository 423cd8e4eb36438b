//! What users see is true and complete: the README, the documentation site, the package.
//!
//! `cargo test` ignores the slow ones, and `.ci/run` runs them:
//!
//! ```text
//! cargo test --test published -- --ignored
//! ```

#![allow(clippy::unwrap_used)] // a test that fails should say so at once

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

mod numbers;
mod package;
mod site;

/// A file or folder of this project.
fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The text of a file, with one space instead of any spaces and line ends.
fn words_of(name: &str) -> String {
    let text = fs::read_to_string(file(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Cargo, in a folder. It doesn't need the network, because everything that it builds is
/// already downloaded.
fn cargo(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(
        std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")),
    );
    command.args(args).arg("--offline").current_dir(folder);
    command.env("RUSTDOCFLAGS", "-Dwarnings").env_remove("CARGO_TARGET_DIR");
    command
}

/// Runs a command, which must succeed, and returns its output.
fn succeed(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().expect("it starts");
    let printed = String::from_utf8_lossy(&stdout).into_owned();
    let errors = String::from_utf8_lossy(&stderr);
    assert!(status.success(), "{command:?} ended with {status}:\n{printed}\n{errors}");
    printed
}

/// Fails with the complaints, if there are any.
fn nothing_to_complain(complaints: &[String]) {
    let count = complaints.len();
    assert!(count == 0, "{count} complaint(s):\n{}\n", complaints.join("\n"));
}
