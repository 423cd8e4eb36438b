//! What the compiler says about a student's usual mistakes.
//!
//! Each program in `tests/compile_fail` begins with the sentences that must be in the
//! compiler's message, one on each line. Only these are compared, because the whole
//! message differs from one compiler to the next. A program without sentences must
//! compile.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

/// All programs become one package, so that there is one run of `cargo check`.
#[test]
fn the_compiler_explains_the_usual_mistakes() {
    let library = Path::new(env!("CARGO_MANIFEST_DIR"));
    let package = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compile_fail");
    let bin = package.join("src/bin");
    let _ = fs::remove_dir_all(&bin); // there is none at the first time
    fs::create_dir_all(&bin).unwrap();
    let manifest = format!(
        "[package]\nname = \"mistakes\"\nedition = \"2024\"\n\
         [dependencies]\nsocketserver = {{ path = {library:?} }}\n[workspace]\n"
    );
    fs::write(package.join("Cargo.toml"), manifest).unwrap();
    fs::copy(library.join("Cargo.lock"), package.join("Cargo.lock")).unwrap();
    let mut programs = Vec::new();
    for file in fs::read_dir(library.join("tests/compile_fail")).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), bin.join(file.file_name())).unwrap();
        let text = fs::read_to_string(file.path()).unwrap();
        programs.push((file.file_name().into_string().unwrap(), text));
    }

    let cargo = env::var_os("CARGO").unwrap_or("cargo".into());
    let check = Command::new(cargo)
        .args(["check", "--offline", "--keep-going", "--color=never", "--target-dir"])
        .arg(package.join("target"))
        .current_dir(&package)
        .output()
        .unwrap();
    let messages = String::from_utf8(check.stderr).unwrap();

    assert_eq!(
        programs.iter().filter(|(_, text)| sentences(text).is_empty()).count(),
        1
    );
    for (name, text) in programs {
        let said = said_about(&name, &messages);
        assert_eq!(said.is_empty(), sentences(&text).is_empty(), "{name}: {messages}");
        for sentence in sentences(&text) {
            assert!(said.contains(sentence), "{name}: {sentence:?} is not in\n{said}");
        }
    }
}

/// The sentences that a program expects.
fn sentences(program: &str) -> Vec<&str> {
    program.lines().map_while(|line| line.strip_prefix("// ")).collect()
}

/// The errors in one program.
fn said_about(name: &str, messages: &str) -> String {
    let place = format!("--> src/bin/{name}");
    let errors = messages.split("\nerror").filter(|error| error.contains(&place));
    errors.collect()
}
