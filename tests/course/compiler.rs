//! Code that the compiler rejects, and the messages that it gives.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use super::files::{read, root};
use super::programs::{DEADLINE, run};

/// What the compiler says about a file of this project that must not compile. The file
/// may use only the standard library. The compiler's output file is thrown away.
pub(crate) fn refusal(file: &str) -> Result<String, String> {
    let compiler = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let name = Path::new(file).file_stem().unwrap_or_default();
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("refused").join(name);
    std::fs::create_dir_all(&out).map_err(|error| format!("{out:?}: {error}"))?;
    let mut command = Command::new(compiler);
    command.args(["--edition=2024", "--emit=metadata", "--out-dir"]).arg(out).arg(file);
    // The first compilation on a busy machine might be slow.
    let (output, _) = run(&mut command, Instant::now() + DEADLINE * 6)?;
    if output.status.success() {
        return Err(format!("{file} compiles, but the lesson says that it doesn't."));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Checks that the compiler rejects a file with these messages, for one reason only, and
/// that the lesson's note shows the same messages.
pub(crate) fn refuses(
    file: &str,
    lesson: &str,
    sentences: &[&str],
) -> Result<(), String> {
    let message = refusal(file)?;
    let note = read(&root().join(format!("lessons/{lesson}.md")))?;
    // A note breaks long lines, so line ends don't count.
    let in_one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    for sentence in sentences {
        for (who, text) in [("the compiler", &message), ("the note", &note)] {
            if !in_one_line(text).contains(sentence) {
                return Err(format!(
                    "{who} doesn't say `{sentence}`. The compiler says:\n{message}\n\
                     Correct what lessons/{lesson}.md shows and explains."
                ));
            }
        }
    }
    let reasons = message.matches("error[E").count();
    if reasons != 1 {
        return Err(format!("{reasons} reasons, but the lesson has one:\n{message}"));
    }
    Ok(())
}
