//! A screen on which somebody types while lines arrive.
//!
//! A terminal keeps what is being typed until Enter; the program doesn't know it. So a
//! program that prints in the meantime writes into the middle of it. The solution: move
//! what is being typed down by one row, unchanged, and print above it. (A program can't
//! find out how many rows are being typed. If there are two, the line appears between
//! them.)

use std::io::{self, IsTerminal};

use crate::support::text::harmless;
use crate::support::{stage, terminal};

/// Shows a line that has arrived. What is being typed stays as it is, at the bottom. In
/// a pipe or a file, this only prints the line.
///
/// What comes over the network must not move our cursor: see
/// [`text`](crate::support::text).
pub(crate) fn show(line: &str) {
    let line = line.strip_suffix('\r').unwrap_or(line); // some lines end with `\r\n`
    let line: String = line.replace('\t', "    ").chars().map(harmless).collect();
    match terminal::width() {
        Some(width) if io::stdin().is_terminal() && understands_codes() => {
            stage::print(&above(&line, width));
        }
        _ => stage::print(&format!("{line}\n")),
    }
}

/// The codes that print a line above the one with the cursor, on a terminal that is
/// `width` columns wide.
///
/// For each row of the line:
///
/// 1. `ESC D`, `ESC [A`: down and up again; at the bottom, this makes room for one row.
/// 2. `ESC 7`: remember where the cursor is.
/// 3. `ESC [G`, `ESC [L`: at the left, insert a row. What is being typed moves down.
/// 4. Print.
/// 5. `ESC 8`, `ESC [B`: back to the remembered place, and down to what is being typed.
fn above(line: &str, width: usize) -> String {
    let rows = rows(line, width);
    rows.iter()
        .map(|row| format!("\x1bD\x1b[A\x1b7\x1b[G\x1b[L{row}\x1b8\x1b[B"))
        .collect()
}

/// Cuts a line into rows. A letter beyond ASCII might be two columns wide, so it counts
/// as two.
fn rows(line: &str, width: usize) -> Vec<String> {
    let mut rows = vec![String::new()];
    let mut used = 0;
    for letter in line.chars() {
        let columns = if letter.is_ascii() { 1 } else { 2 };
        if used + columns > width.max(2) {
            rows.push(String::new());
            used = 0;
        }
        used += columns;
        if let Some(row) = rows.last_mut() {
            row.push(letter);
        }
    }
    rows
}

/// Whether the terminal obeys codes that move its cursor.
fn understands_codes() -> bool {
    std::env::var("TERM").map_or(cfg!(windows), |term| term != "dumb")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The parts of a terminal that these codes need.
    struct Screen {
        rows: Vec<Vec<char>>,
        width: usize,
        at: (usize, usize),
        saved: (usize, usize),
    }

    impl Screen {
        fn new(width: usize, height: usize) -> Self {
            let rows = vec![vec![' '; width]; height];
            Self { rows, width, at: (0, 0), saved: (0, 0) }
        }

        fn down(&mut self) {
            if self.at.0 + 1 < self.rows.len() {
                self.at.0 += 1;
            } else {
                self.rows.remove(0);
                self.rows.push(vec![' '; self.width]);
            }
        }

        fn shows(&mut self, text: &str) {
            let mut letters = text.chars();
            while let Some(letter) = letters.next() {
                match letter {
                    '\n' => {
                        self.down();
                        self.at.1 = 0;
                    }
                    '\x1b' => match letters.next() {
                        Some('D') => self.down(),
                        Some('7') => self.saved = self.at,
                        Some('8') => self.at = self.saved,
                        Some('[') => match letters.next() {
                            Some('A') => self.at.0 = self.at.0.saturating_sub(1),
                            Some('B') => {
                                self.at.0 += usize::from(self.at.0 + 1 < self.rows.len())
                            }
                            Some('G') => self.at.1 = 0,
                            Some('L') => {
                                self.rows.pop();
                                self.rows.insert(self.at.0, vec![' '; self.width]);
                            }
                            other => panic!("unknown code {other:?}"),
                        },
                        other => panic!("unknown code {other:?}"),
                    },
                    _ => {
                        assert!(self.at.1 < self.width, "printed beyond the right edge");
                        self.rows[self.at.0][self.at.1] = letter;
                        self.at.1 += 1;
                    }
                }
            }
        }

        fn lines(&self) -> Vec<String> {
            let text =
                |row: &Vec<char>| row.iter().collect::<String>().trim_end().to_owned();
            self.rows.iter().map(text).collect()
        }
    }

    #[test]
    fn what_is_being_typed_stays() {
        for height in [2, 3, 9] {
            let mut screen = Screen::new(10, height);
            screen.shows("typ");
            screen.shows(&above("one", 10));
            screen.shows("ing"); // the cursor is where it was
            screen.shows(&above("two and a half", 10));
            screen.shows("!");
            let mut expected = vec!["one", "two and a", "half", "typing!"];
            expected.drain(..expected.len().saturating_sub(height));
            expected.resize(height, "");
            assert_eq!(screen.lines(), expected, "{height} rows");
        }
    }

    #[test]
    fn rows_fit_and_nothing_is_lost() {
        for line in [
            "",
            "short",
            "exactly 10",
            "\u{4e16}\u{754c}\u{4e16}\u{754c}\u{4e16}!",
            "long ".repeat(9).trim(),
        ] {
            for width in [1, 2, 10, 80] {
                let rows = rows(line, width);
                assert_eq!(rows.concat(), line);
                assert!(rows.iter().all(|row| row.chars().count() <= width.max(2)));
            }
        }
    }
}
