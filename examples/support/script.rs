//! An actor that plays a client: it shows what comes, and answers by cues.

use std::io::{self, BufRead, BufReader, Read, Write};

use super::stage::say;

/// One line of an actor's part: when a line comes that ends with the first, it says the
/// second.
pub(crate) type Cue = (&'static str, &'static str);

/// Reads lines to their end and shows each; says what the part has for it. The part's
/// lines are said in their order, each once.
///
/// # Errors
///
/// Those of reading and writing.
pub(crate) fn follow(
    input: impl Read,
    mut output: impl Write,
    part: &[Cue],
) -> io::Result<()> {
    let mut part = part.iter().peekable();
    for line in BufReader::new(input).lines() {
        let line = line?;
        say!("{line}");
        if let Some((_, answer)) = part.next_if(|(cue, _)| line.ends_with(cue)) {
            say!("> {answer}");
            output.write_all(format!("{answer}\n").as_bytes())?;
        }
    }
    Ok(())
}
