//! What a check saw when a promise wasn't kept, and a helpful thought.

use std::fmt;

/// A promise that was not kept.
#[derive(Clone, Debug, Default)]
pub struct Broken {
    /// What was sent, expected and received, each with its label.
    seen: Vec<(&'static str, String)>,
    /// A sentence that helps the learner to think.
    thought: String,
    /// What the program printed before it ended, if it has ended.
    last_words: Option<String>,
}

impl Broken {
    /// A broken promise, with a helpful thought.
    pub fn new(thought: impl Into<String>) -> Self {
        Self { thought: thought.into(), ..Self::default() }
    }

    /// What was done or sent.
    pub fn sent(self, what: impl Into<String>) -> Self {
        self.seen("sent", what)
    }

    /// What should have arrived.
    pub fn expected(self, what: impl Into<String>) -> Self {
        self.seen("expected", what)
    }

    /// What arrived.
    pub fn received(self, what: impl Into<String>) -> Self {
        self.seen("received", what)
    }

    /// Adds a sentence after what arrived: what is wrong with it.
    pub fn namely(self, what: impl Into<String>) -> Self {
        self.seen("", what)
    }

    fn seen(mut self, name: &'static str, what: impl Into<String>) -> Self {
        self.seen.push((name, what.into()));
        self
    }

    /// Adds a sentence at the beginning: what happened earlier.
    pub fn after(mut self, what: impl Into<String>) -> Self {
        self.seen.insert(0, ("", what.into()));
        self
    }

    /// Replaces the thought, where the same exchange means something else.
    pub fn think(mut self, thought: impl Into<String>) -> Self {
        self.thought = thought.into();
        self
    }

    /// Adds that the program has ended.
    pub fn last_words(self, last_words: Option<String>) -> Self {
        Self { last_words, ..self }
    }

    /// Whether it has everything that a learner needs to know.
    pub fn is_helpful(&self) -> bool {
        let has = |wanted| self.seen.iter().any(|(name, _)| *name == wanted);
        has("expected") && has("received") && self.thought.len() > 30
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, what) in &self.seen {
            match name.is_empty() {
                true => writeln!(f, "{what}")?,
                false => writeln!(f, "{name:9} {what}")?,
            }
        }
        for line in wrapped(&self.thought, 78) {
            writeln!(f, "{line}")?;
        }
        match &self.last_words {
            Some(words) => writeln!(f, "{words}"),
            None => Ok(()),
        }
    }
}

/// A text in lines of at most this many letters.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.len() - 1;
        let line = &mut lines[last];
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
            lines.push(word.to_owned());
            continue;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines
}

/// The line in which two long texts differ, if `shown` doesn't show it.
pub(crate) fn difference(wanted: &[u8], got: &[u8]) -> Option<String> {
    let same = wanted.iter().zip(got).take_while(|(one, other)| one == other).count();
    if same < BEGIN || same == wanted.len() || wanted.len().max(got.len()) <= WHOLE {
        return None;
    }
    let begin =
        wanted[..same].iter().rposition(|byte| *byte == b'\n').map_or(0, |it| it + 1);
    let line = |bytes: &[u8]| {
        shown(
            bytes[begin..]
                .split_inclusive(|byte| *byte == b'\n')
                .next()
                .unwrap_or_default(),
        )
    };
    let (wanted, got) = (line(wanted), line(got));
    (wanted != got)
        .then(|| format!("They differ in this line: {wanted} is expected, {got} came."))
}

/// How many letters of a text are shown: up to this many if they're the whole text, ..
const WHOLE: usize = 60;

/// .. and this many of a longer one.
const BEGIN: usize = 40;

/// How many bytes, in words.
pub(crate) fn count(bytes: &[u8]) -> String {
    match bytes.len() {
        1 => "1 byte".to_owned(),
        count => format!("{count} bytes"),
    }
}

/// Bytes as a learner reads them: as text if they are text, and not too many of them.
pub(crate) fn shown(bytes: &[u8]) -> String {
    let Ok(text) = std::str::from_utf8(bytes) else {
        let more = if bytes.len() > 12 { " ..." } else { "" };
        let hex: Vec<String> =
            bytes.iter().take(12).map(|byte| format!("{byte:02x}")).collect();
        return format!("{} that aren't text: {}{more}", count(bytes), hex.join(" "));
    };
    if text.chars().count() <= WHOLE {
        return format!("{text:?}");
    }
    let begin: String = text.chars().take(BEGIN).collect();
    format!("{begin:?}... ({} bytes in all)", bytes.len())
}
