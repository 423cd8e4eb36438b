//! WRONG: 10 and 1000 are not under 10
use std::collections::HashMap;
use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpStream;

/// What fits an answer, and the step to which it leads.
enum Fits {
    Word(String),
    Range(u64, u64),
}

#[derive(Default)]
struct Step {
    text: String,
    answers: Vec<(Fits, String)>,
}

type Steps = HashMap<String, Step>;

pub(crate) fn main() -> io::Result<()> {
    let text = fs::read_to_string(crate::option("dialogue").unwrap_or_default())?;
    let steps = parse(&text).map_err(io::Error::other)?;
    crate::serve(|stream| talk(&steps, stream))
}

fn parse(text: &str) -> Result<Steps, String> {
    let (mut steps, mut name) = (Steps::new(), String::new());
    for (index, line) in text.lines().enumerate() {
        let at = |why: &str| format!("line {}: {why}", index + 1);
        if let Some(rest) = line.strip_prefix('[') {
            name = rest.trim_end_matches(']').to_owned();
            continue;
        }
        let step = steps.entry(name.clone()).or_default();
        let Some((answer, to)) = line.strip_prefix("- ").and_then(|it| it.split_once(": ")) else {
            step.text += line;
            step.text.push('\n');
            continue;
        };
        for fits in read(answer).map_err(|why| at(&why))? {
            if let Fits::Range(first, last) = fits {
                let overlaps = |(other, _): &(Fits, String)| {
                    matches!(other, Fits::Range(a, b) if *a.max(&first) <= *b.min(&last))
                };
                if step.answers.iter().any(overlaps) {
                    return Err(at("two ranges overlap"));
                }
            }
            step.answers.push((fits, to.to_owned()));
        }
    }
    Ok(steps)
}

fn read(answer: &str) -> Result<Vec<Fits>, String> {
    let number = |text: &str| text.parse::<u64>().map_err(|error| error.to_string());
    if let Some(text) = answer.strip_prefix("under ") {
        return Ok(number(text)?.checked_sub(1).map(|last| Fits::Range(0, last)).into_iter().collect());
    }
    if let Some(text) = answer.strip_prefix("from ") {
        return Ok(vec![Fits::Range(number(text)?, u64::MAX)]);
    }
    Ok(answer.split(", ").map(|word| Fits::Word(word.to_owned())).collect())
}

impl Step {
    fn next(&self, answer: &str) -> Option<&str> {
        let words = answer.split(|letter: char| !letter.is_alphanumeric());
        let mut found: Vec<&str> = words.filter_map(|word| self.fitting(word)).collect();
        found.dedup();
        if let [one] = found[..] { Some(one) } else { None }
    }

    fn fitting(&self, word: &str) -> Option<&str> {
        let fits = |(fits, _): &&(Fits, String)| match fits {
            Fits::Word(known) => known == word,
            Fits::Range(first, last) => {
                word.parse::<u64>().is_ok()
                    && (first.to_string().as_str()..=last.to_string().as_str()).contains(&word)
            }
        };
        self.answers.iter().find(fits).map(|(_, to)| to.as_str())
    }
}

fn talk(steps: &Steps, mut stream: TcpStream) -> io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let mut name = "speed";
    while let Some(step) = steps.get(name) {
        stream.write_all(step.text.as_bytes())?;
        if step.answers.is_empty() {
            return Ok(());
        }
        stream.write_all(b"> ")?;
        let Some(line) = lines.next() else { return Ok(()) };
        name = step.next(&line?).unwrap_or(name);
    }
    Ok(())
}
