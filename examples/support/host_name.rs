//! The name of this machine, which Rust's standard library does not tell yet.

use std::fs;
use std::io;
use std::process::Command;

/// This machine's own name, like Python's `socket.gethostname()`.
///
/// Linux keeps it in a file. Elsewhere the program `hostname` prints it.
///
/// # Errors
///
/// There is neither the file nor the program, or no name was set.
pub(crate) fn host_name() -> io::Result<String> {
    let name = fs::read("/proc/sys/kernel/hostname").or_else(|_| {
        let output = Command::new("hostname").output()?;
        Ok::<_, io::Error>(output.stdout)
    })?;
    match String::from_utf8_lossy(&name).trim() {
        "" => Err(io::Error::other("this machine does not tell its name")),
        name => Ok(name.to_owned()),
    }
}
