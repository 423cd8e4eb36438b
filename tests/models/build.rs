//! Copies the library's files that the models check, so that each can be included in a
//! module where `std` and `parking_lot` mean something else.
//!
//! Only their first lines change, because `//!` can't be included. They become empty, so
//! that line numbers stay right.

use std::path::Path;
use std::{env, fs};

/// Below `src/`. No two have the same name.
const FILES: [&str; 6] = [
    "serve/receive.rs",
    "socket/pulse.rs",
    "socket/wakes.rs",
    "state/connections.rs",
    "state/guard.rs",
    "state/threads.rs",
];

fn main() {
    let out = env::var("OUT_DIR").expect("cargo sets it");
    for file in FILES {
        let path = Path::new("../../src").join(file);
        println!("cargo:rerun-if-changed={}", path.display());
        let text = fs::read_to_string(&path).expect("the library's file");
        let text: String = text
            .lines()
            .map(|line| if line.starts_with("//!") { "" } else { line })
            .flat_map(|line| [line, "\n"])
            .collect();
        let name = path.file_name().expect("it has a name");
        fs::write(Path::new(&out).join(name), text).expect("the copy can be written");
    }
}
