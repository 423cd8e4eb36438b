//! The name of this machine, which Rust's standard library can't tell you yet.

use std::fs;
use std::io;
use std::process::Command;

/// This machine's own name, like Python's `socket.gethostname()`.
///
/// Linux keeps it in a file. Elsewhere the program `hostname` prints it.
///
/// # Errors
///
/// Neither the file nor the program exists, or the machine has no name.
pub(crate) fn host_name() -> io::Result<String> {
    let name = fs::read("/proc/sys/kernel/hostname").or_else(|_| {
        let output = Command::new("hostname").output()?;
        Ok::<_, io::Error>(output.stdout)
    })?;
    match String::from_utf8_lossy(&name).trim() {
        "" => Err(io::Error::other("this machine has no name")),
        name => Ok(name.to_owned()),
    }
}
