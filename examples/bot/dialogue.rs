//! A dialogue as data: read from a text, checked, and walked through.
//!
//! Nothing here uses a socket, a clock or a screen: what comes out depends only on what
//! goes in. So the same tree serves TCP and UDP, and tests can ask it anything.
//!
//! # The text
//!
//! ```text
//! # a comment
//! [cable]                       a step; the first one begins the dialogue
//! Is the cable plugged in?      what the bot says, one line or several
//! - yes, y: lights              words that answer it, and the step that they lead to
//! - *: technician               any other answer
//!
//! [technician]                  a step without answers ends the dialogue
//! Your ticket is {ticket}.      a new number
//! You said: {cable}.            what the customer answered at that step
//! ```

use std::collections::{HashMap, HashSet};
use std::fmt::Write;
use std::hash::Hash;
use std::time::{Duration, Instant};

use crate::support::text::{harmless, is_letter, is_name};

/// The end of everything the bot says, if it waits for an answer.
pub(crate) const PROMPT: &str = "> ";

/// The longest text of a step, in bytes, because it must fit into one datagram.
pub(crate) const LONGEST: usize = 1000;

/// How many letters of an answer the dialogue keeps.
const KEPT: usize = 40;

/// The word in braces that stands for a new number.
const TICKET: &str = "ticket";

/// A dialogue's steps. Every answer leads to a step, and every step can lead to an end.
#[derive(Debug)]
pub(crate) struct Tree {
    /// The first one begins the dialogue.
    steps: Vec<Step>,
}

/// One thing that the bot says, and the answers to it.
#[derive(Debug)]
struct Step {
    /// The name in brackets.
    name: String,
    /// Its line in the text.
    line: usize,
    /// What the bot says.
    text: String,
    /// Words, and the step to which each leads.
    answers: Vec<(String, Target)>,
    /// Where any other answer leads.
    otherwise: Option<Target>,
}

/// Where an answer leads.
#[derive(Clone, Debug)]
struct Target {
    /// The name of the step, as written in the text.
    name: String,
    /// Its number.
    step: usize,
    /// The answer's line in the text.
    line: usize,
}

/// How far one customer has got.
#[derive(Clone, Debug)]
pub(crate) struct Dialogue {
    /// The step whose answer the bot is waiting for.
    step: usize,
    /// The answers so far, each with its step.
    answers: Vec<(usize, String)>,
}

// ---- Walking --------------------------------------------------------------------------

impl Tree {
    // [turn]
    /// The bot's turn: takes an answer, and says something.
    ///
    /// Without a dialogue, it begins one, whatever the customer said. When it returns
    /// no dialogue, the dialogue is over. Where the text needs a ticket number, it calls
    /// `ticket` with what the customer answered.
    pub(crate) fn turn(
        &self,
        dialogue: Option<Dialogue>,
        answer: &str,
        ticket: impl FnOnce(&str) -> u32,
    ) -> (Option<Dialogue>, String) {
        let Some(mut dialogue) = dialogue else {
            let dialogue = Dialogue { step: 0, answers: Vec::new() };
            return self.say(dialogue, ticket);
        };
        let answer = answer.trim();
        if answer.is_empty() {
            return self.say(dialogue, ticket); // the question once more
        }
        match self.steps[dialogue.step].target(answer) {
            Some(next) => {
                dialogue.remember(answer);
                dialogue.step = next;
                self.say(dialogue, ticket)
            }
            None => {
                let text = self.not_understood(&dialogue, answer);
                (Some(dialogue), text)
            }
        }
    }
    // [/turn]

    /// Says the text of the dialogue's step.
    fn say(
        &self,
        dialogue: Dialogue,
        ticket: impl FnOnce(&str) -> u32,
    ) -> (Option<Dialogue>, String) {
        let step = &self.steps[dialogue.step];
        let text = self.filled_in(&dialogue, &step.text, ticket);
        if step.is_end() {
            return (None, text + "\n");
        }
        let text = format!("{text}{}\n{PROMPT}", step.choices(" (", ")"));
        (Some(dialogue), text)
    }

    /// A step's text with its braces filled in. Braces in what the customer said stay as
    /// they are.
    fn filled_in(
        &self,
        dialogue: &Dialogue,
        text: &str,
        ticket: impl FnOnce(&str) -> u32,
    ) -> String {
        let marker = format!("{{{TICKET}}}");
        let ticket = text.contains(&marker).then(|| ticket(&self.summary(dialogue)));
        let mut pieces = text.split('{');
        let mut filled = pieces.next().unwrap_or_default().to_owned();
        for piece in pieces {
            let Some((word, rest)) = piece.split_once('}') else {
                filled = filled + "{" + piece;
                continue;
            };
            let mut answers = dialogue.answers.iter();
            let said = answers.find(|(step, _)| self.steps[*step].name == word);
            match (ticket, said) {
                (Some(number), _) if word == TICKET => filled += &number.to_string(),
                (_, said) => filled += said.map_or("-", |(_, answer)| answer),
            }
            filled += rest;
        }
        filled
    }

    /// Asks again.
    fn not_understood(&self, dialogue: &Dialogue, answer: &str) -> String {
        let answer = shortened(answer);
        let choices = self.steps[dialogue.step].choices("", "");
        format!("I do not understand \"{answer}\". Please answer: {choices}.\n{PROMPT}")
    }

    /// All that the customer answered, for a ticket.
    fn summary(&self, dialogue: &Dialogue) -> String {
        let mut text = String::new();
        for (step, answer) in &dialogue.answers {
            let comma = if text.is_empty() { "" } else { ", " };
            let _ = write!(text, "{comma}{}: {answer}", self.steps[*step].name);
        }
        text
    }
}

impl Step {
    /// Where an answer leads; `None` if the bot doesn't understand it.
    ///
    /// "Yes!", "yes" and "yes, it is" mean the same. "yes or no" means nothing, because
    /// its words lead to two steps.
    fn target(&self, answer: &str) -> Option<usize> {
        let letters = |letter: char| !is_letter(letter);
        let answer = answer.to_lowercase();
        let mut found: Vec<usize> = answer
            .split(letters)
            .filter_map(|word| self.answers.iter().find(|(known, _)| known == word))
            .map(|(_, target)| target.step)
            .collect();
        found.sort_unstable();
        found.dedup();
        match (&found[..], &self.otherwise) {
            ([one], _) => Some(*one),
            ([], Some(otherwise)) => Some(otherwise.step),
            _ => None,
        }
    }

    /// The first word of each answer, between `open` and `close`; an empty text if any
    /// answer will do.
    fn choices(&self, open: &str, close: &str) -> String {
        let mut seen = HashSet::new();
        let first = self.answers.iter().filter(|(_, target)| seen.insert(target.line));
        let words: Vec<&str> = first.map(|(word, _)| word.as_str()).collect();
        let words = words.join(", ");
        if words.is_empty() { words } else { format!("{open}{words}{close}") }
    }

    /// Whether the dialogue ends here.
    fn is_end(&self) -> bool {
        self.answers.is_empty() && self.otherwise.is_none()
    }

    /// Where its answers lead.
    fn targets(&self) -> impl Iterator<Item = &Target> {
        self.answers.iter().map(|(_, target)| target).chain(&self.otherwise)
    }
}

impl Dialogue {
    /// Keeps the answer to this step, instead of an older one.
    fn remember(&mut self, answer: &str) {
        self.answers.retain(|(step, _)| *step != self.step);
        self.answers.push((self.step, shortened(answer)));
    }
}

/// An answer, ready to be shown: not too long, and without control characters.
fn shortened(answer: &str) -> String {
    let fine = |letter: &char| !letter.is_control() && harmless(*letter) == *letter;
    let shown = answer.chars().filter(fine);
    let mut text: String = shown.clone().take(KEPT).collect();
    if shown.count() > KEPT {
        text.push_str("..");
    }
    text
}

// ---- Reading and checking -------------------------------------------------------------

impl Tree {
    /// Reads a dialogue and checks it.
    ///
    /// # Errors
    ///
    /// The first mistake, with its line, in words.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut tree = Self { steps: Vec::new() };
        // Some editors begin a file with this mark.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        for (index, line) in text.lines().enumerate() {
            let number = index + 1;
            tree.read(number, line.trim())
                .map_err(|why| format!("line {number}: {why}"))?;
        }
        if tree.steps.is_empty() {
            return Err("line 1: there is no step; begin one with [name]".to_owned());
        }
        tree.find_targets()?;
        tree.check_texts()?;
        tree.check_ways()?;
        Ok(tree)
    }

    /// Reads one line.
    fn read(&mut self, number: usize, line: &str) -> Result<(), String> {
        if line.is_empty() || line.starts_with('#') {
            return Ok(());
        }
        if let Some(bad) = line.chars().find(|letter| harmless(*letter) != *letter) {
            return Err(format!("{bad:?} is a control character; leave it out"));
        }
        if let Some(name) = line.strip_prefix('[') {
            let name = name.strip_suffix(']').ok_or("a step's name ends with ]")?.trim();
            return self.begin_step(number, name);
        }
        let step =
            self.steps.last_mut().ok_or("before any text, begin a step with [name]")?;
        if let Some(answer) = line.strip_prefix("- ") {
            return step.read_answer(number, answer);
        }
        if !step.is_end() {
            return Err(format!(
                "[{}]: the text must come before the answers",
                step.name
            ));
        }
        if !step.text.is_empty() {
            step.text.push('\n');
        }
        step.text.push_str(line);
        Ok(())
    }

    /// Begins a step.
    fn begin_step(&mut self, line: usize, name: &str) -> Result<(), String> {
        if !is_name(name) {
            return Err(format!("[{name}]: a name has letters, digits, - or _"));
        }
        if name == TICKET {
            return Err(format!(
                "[{name}]: {{{name}}} means the number; choose another name"
            ));
        }
        if let Some(other) = self.steps.iter().find(|step| step.name == name) {
            return Err(format!("[{name}] is already in line {}", other.line));
        }
        let (name, text) = (name.to_owned(), String::new());
        self.steps.push(Step { name, line, text, answers: Vec::new(), otherwise: None });
        Ok(())
    }

    /// Finds the steps to which the answers lead.
    fn find_targets(&mut self) -> Result<(), String> {
        let names: Vec<String> =
            self.steps.iter().map(|step| step.name.clone()).collect();
        for step in &mut self.steps {
            let answers = step.answers.iter_mut().map(|(_, target)| target);
            for target in answers.chain(&mut step.otherwise) {
                target.step = names
                    .iter()
                    .position(|name| *name == target.name)
                    .ok_or_else(|| {
                        format!(
                            "line {}: [{}] leads to [{}], but there is no such step. \
                             The steps are: {}",
                            target.line,
                            step.name,
                            target.name,
                            names.join(", ")
                        )
                    })?;
            }
        }
        Ok(())
    }

    /// Checks that each step says something, not too much, and names only real steps.
    fn check_texts(&self) -> Result<(), String> {
        for Step { name, line, text, .. } in &self.steps {
            if text.is_empty() {
                return Err(format!("line {line}: [{name}] says nothing"));
            }
            if text.len() > LONGEST {
                return Err(format!(
                    "line {line}: [{name}] says more than {LONGEST} bytes, but it must \
                     fit into one datagram"
                ));
            }
            for word in text.split('{').skip(1) {
                let word = word.split('}').next().unwrap_or_default();
                if word != TICKET && !self.steps.iter().any(|step| step.name == word) {
                    return Err(format!(
                        "line {line}: [{name}] says {{{word}}}, but there is no such step"
                    ));
                }
            }
        }
        Ok(())
    }

    // [check]
    /// Checks that each step can be reached, and can lead to an end.
    fn check_ways(&self) -> Result<(), String> {
        let mut reached = HashSet::from([0]);
        let mut todo = vec![0];
        while let Some(number) = todo.pop() {
            let targets = self.steps[number].targets().map(|target| target.step);
            todo.extend(targets.filter(|next| reached.insert(*next)));
        }
        let ends = (0..self.steps.len()).filter(|number| self.steps[*number].is_end());
        let mut ends: HashSet<usize> = ends.collect();
        let leads_to_end = |step: &Step, ends: &HashSet<usize>| {
            step.targets().any(|target| ends.contains(&target.step))
        };
        for _ in &self.steps {
            // In each round, go one step further back from the ends.
            ends.extend(
                (0..self.steps.len())
                    .filter(|number| leads_to_end(&self.steps[*number], &ends))
                    .collect::<Vec<_>>(),
            );
        }
        for (number, Step { name, line, .. }) in self.steps.iter().enumerate() {
            if !reached.contains(&number) {
                return Err(format!("line {line}: no answer leads to [{name}]"));
            }
            if !ends.contains(&number) {
                return Err(format!(
                    "line {line}: from [{name}], no answers lead to an end, so the \
                     dialogue goes round forever"
                ));
            }
        }
        Ok(())
    }
    // [/check]
}

impl Step {
    /// Reads `word, word: step`.
    fn read_answer(&mut self, line: usize, answer: &str) -> Result<(), String> {
        let (words, name) = answer
            .rsplit_once(':')
            .ok_or("an answer looks like this: - yes, y: step")?;
        let target = Target { name: name.trim().to_owned(), step: 0, line };
        for word in words.split(',').map(|word| word.trim().to_lowercase()) {
            if word == "*" {
                if self.otherwise.replace(target.clone()).is_some() {
                    return Err(format!("[{}] has * twice", self.name));
                }
            } else if word.is_empty() || !word.chars().all(is_letter) {
                return Err(format!("`{word}` is neither a single word nor *"));
            } else if self.answers.iter().any(|(known, _)| *known == word) {
                return Err(format!("[{}] has the answer {word} twice", self.name));
            } else {
                self.answers.push((word, target.clone()));
            }
        }
        Ok(())
    }
}

// ---- Many dialogues -------------------------------------------------------------------

/// Dialogues by customer, limited in number and in time: it forgets old ones, and when it
/// is full, the one that has been silent for longest.
#[derive(Debug)]
pub(crate) struct Memory<K> {
    /// The dialogues, each with the moment of its last turn.
    dialogues: HashMap<K, (Instant, Dialogue)>,
    /// How many it holds at most.
    most: usize,
    /// How long a dialogue can be silent before it is forgotten.
    oldest: Duration,
}

impl<K: Copy + Eq + Hash> Memory<K> {
    /// An empty memory.
    pub(crate) fn new(most: usize, oldest: Duration) -> Self {
        Self { dialogues: HashMap::new(), most, oldest }
    }

    // [memory]
    /// Takes a dialogue out, if it's there and not too old.
    pub(crate) fn recall(&mut self, who: K, now: Instant) -> Option<Dialogue> {
        let (when, dialogue) = self.dialogues.remove(&who)?;
        (now.duration_since(when) < self.oldest).then_some(dialogue)
    }

    /// Puts a dialogue in, if it isn't over.
    pub(crate) fn keep(&mut self, who: K, dialogue: Option<Dialogue>, now: Instant) {
        let Some(dialogue) = dialogue else { return };
        if self.dialogues.len() >= self.most {
            self.dialogues
                .retain(|_, (when, _)| now.duration_since(*when) < self.oldest);
        }
        if self.dialogues.len() >= self.most {
            let silent = self.dialogues.iter().min_by_key(|(_, (when, _))| *when);
            if let Some(who) = silent.map(|(who, _)| *who) {
                self.dialogues.remove(&who);
            }
        }
        self.dialogues.insert(who, (now, dialogue));
    }
    // [/memory]
}

impl<K: Copy + Eq + Hash> Default for Memory<K> {
    /// A thousand dialogues, and ten minutes of silence.
    fn default() -> Self {
        Self::new(1000, Duration::from_secs(600))
    }
}
