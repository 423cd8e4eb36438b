//! The package that `cargo package` makes is complete: its documentation builds, its
//! tests pass, and other programs can depend on it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{cargo, file, succeed};

/// Packs this project, unpacks it again, and returns the folder.
fn unpacked(room: &Path) -> PathBuf {
    let version = env!("CARGO_PKG_VERSION");
    let folder = room.join(format!("socketserver-{version}"));
    let _ = fs::remove_dir_all(&folder); // there is none at the first time
    let args = ["package", "--package=socketserver", "--allow-dirty", "--no-verify"];
    succeed(cargo(&file("."), &args).arg("--target-dir").arg(room));
    let packed = room.join(format!("package/socketserver-{version}.crate"));
    // `m` sets the current time. In the package, all files are from 2006, so Cargo would
    // take what it built from the last package for up to date.
    succeed(Command::new("tar").arg("xzmf").arg(packed).arg("-C").arg(room));
    // It's inside this project's folder, but doesn't belong to this workspace.
    let manifest = folder.join("Cargo.toml");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(manifest, text + "\n[workspace]\n").unwrap();
    folder
}

/// The whole programs on the pages: those in a fence ```` ```rust,no_run ````.
fn programs() -> Vec<String> {
    let notes =
        fs::read_dir(file("lessons")).unwrap().map(|entry| entry.unwrap().path());
    let notes = notes.filter(|path| path.extension().is_some_and(|kind| kind == "md"));
    let pages = notes.chain([file("README.md")]);
    let text: Vec<String> =
        pages.map(|page| fs::read_to_string(page).unwrap()).collect();
    let fences = text.iter().flat_map(|text| text.split("\n```rust,no_run\n").skip(1));
    fences
        .filter_map(|rest| rest.split_once("\n```"))
        .map(|(p, _)| p.to_owned())
        .collect()
}

/// A package that depends on `library`, with these programs, as a user would paste them.
fn user(room: &Path, library: &Path, programs: &[String]) -> PathBuf {
    let folder = room.join("user");
    let _ = fs::remove_dir_all(&folder); // there is none at the first time
    fs::create_dir_all(folder.join("src/bin")).unwrap();
    let mut manifest = format!(
        "[package]\nname = \"user\"\nedition = \"2024\"\n[workspace]\n[dependencies]\n\
         socketserver = {{ path = {library:?} }}\n"
    );
    for (number, program) in programs.iter().enumerate() {
        // What the pages tell the reader to add.
        for other in ["parking_lot = \"0.12\"\n", "crossbeam-channel = \"0.5\"\n"] {
            let name = other.split(' ').next().unwrap().replace('-', "_");
            if program.contains(&format!("use {name}::")) && !manifest.contains(other) {
                manifest += other;
            }
        }
        fs::write(folder.join(format!("src/bin/program_{number}.rs")), program).unwrap();
    }
    fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    fs::copy(file("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    folder
}

#[test]
#[ignore = "builds a copy of everything: .ci/run runs it"]
fn the_package_is_whole() {
    let room = Path::new(env!("CARGO_TARGET_TMPDIR")).join("package");
    let package = unpacked(&room);
    for name in ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "LICENSE-MIT"] {
        assert!(package.join(name).exists(), "{name} is not in the package");
    }
    let target = room.join("target");
    let run = |folder: &Path, args: &[&str]| {
        succeed(cargo(folder, args).env("CARGO_TARGET_DIR", &target))
    };
    let programs = programs();
    assert!(programs.len() > 1, "{programs:?}");
    run(&user(&room, &package, &programs), &["check"]);
    run(&package, &["doc", "--no-deps", "--all-features"]);
    run(&package, &["test", "--no-run"]);
    run(&package, &["test", "--test=lessons"]);
}
