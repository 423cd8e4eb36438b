//! The bot's dialogue: any text either is a dialogue or is rejected with the number of a
//! line. In any dialogue, any answers lead on.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::choices::{Choices, check, same};

#[path = "../../examples/bot/dialogue.rs"]
#[allow(dead_code, reason = "its programs use the rest")]
mod code;

use code::{Dialogue, Memory, Tree};

/// What UDP can carry.
const DATAGRAM: usize = 65_507;

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

/// A text that looks like a dialogue, and often is one.
fn any_text(choices: &mut Choices<'_, '_>) -> String {
    let mut text = String::new();
    for (place, name) in NAMES.iter().enumerate() {
        text.push_str(&format!("[{name}]\n"));
        let says = choices.up_to(4, |choices| {
            choices.one_of(&["Well. ", "{a}", "{b} ", "{c}{c}", "{d}", "{ticket} "])
        });
        text.push_str(&format!("Hello {}\n", says.concat()));
        if place < 3 {
            let next = NAMES[place + 1];
            text.push_str(&match choices.below(3) {
                0 => format!("- *: {next}\n"),
                1 => format!("- yes, y: {next}\n- no: a\n"),
                _ => format!("- yes: {next}\n- *: {next}\n"),
            });
        }
        if choices.below(30) == 29 {
            text.push_str(
                choices.one_of(&["[", "- yes", "- *:", "{", "[a]\n", "#", "}\n"]),
            );
        }
    }
    text
}

fn any_answer(choices: &mut Choices<'_, '_>) -> String {
    choices
        .up_to(15, |choices| {
            choices.one_of(&[
                "yes",
                " ",
                "no",
                "y",
                "{a}",
                "{b}",
                "{c}",
                "{d}",
                "{ticket}",
                "{",
                "}",
                "\u{1b}",
                "\u{e9}",
                "\u{202e}",
                "\u{2028}",
                "\n",
                "{b}{b}{b}{b}",
                "{c}{c}{c}{c}",
            ])
        })
        .concat()
}

#[test]
fn any_text_is_a_dialogue_or_is_rejected_with_its_line() {
    check(|choices| {
        let lines = choices.up_to(20, |choices| {
            choices.one_of(&[
                "[a]",
                "[b]",
                "Hello",
                "- yes: a",
                "- yes, no: b",
                "- *: b",
                "- ",
                "-",
                "[",
                "[]",
                "# no",
                "",
                "{a}",
                "{b",
                "{ticket}",
                "- y",
                "[ticket]",
                "- :",
                "\u{feff}",
                "\u{feff}[a]",
                "Hello\u{1b}[2J",
                "[\u{3164}]",
                "- \u{939}\u{93e}\u{901}: a",
            ])
        });
        let text = lines.join("\n");
        let Err(words) = Tree::parse(&text) else { return Ok(()) };
        let number = words.strip_prefix("line ").and_then(|rest| rest.split(':').next());
        let number = number.and_then(|number| number.parse::<usize>().ok());
        let exists =
            number.is_some_and(|number| (1..=lines.len().max(1)).contains(&number));
        same(&exists, &true, format!("{text}\n{words}"))
    });
}

/// What the bot says, as long as the dialogue goes on.
#[test]
fn any_answers_lead_on_and_every_reply_fits_into_a_datagram() {
    check(|choices| {
        let text = any_text(choices);
        let Ok(tree) = Tree::parse(&text) else { return Ok(()) };
        let answers = choices.up_to(30, any_answer);
        let (mut dialogue, _) = tree.turn(None, "", |_| 1);
        for answer in &answers {
            if dialogue.is_none() {
                break;
            }
            let (next, reply) = tree.turn(dialogue, answer, |_| 1);
            let length = reply.len();
            let about = format!("{text}\n{answers:?}: {length} bytes");
            same(&(!reply.is_empty() && length <= DATAGRAM), &true, about)?;
            dialogue = next;
        }
        Ok(())
    });
}

/// A customer's answer isn't part of the text, so it's shown as the customer wrote it.
#[test]
fn an_answer_is_shown_as_it_was_given() {
    let tree =
        Tree::parse("[a]\nOne?\n- *: b\n[b]\nTwo?\n- *: c\n[c]\n{a}|{b}").unwrap();
    check(|choices| {
        let answers = [(); 2].map(|()| format!("x{}", any_answer(choices)));
        let (mut dialogue, mut reply) = tree.turn(None, "", |_| 1);
        for answer in &answers {
            (dialogue, reply) = tree.turn(dialogue, answer, |_| 1);
        }
        let shown = answers.each_ref().map(|answer| {
            let shown = answer.trim().chars().filter(|letter| {
                !letter.is_control() && !"\u{202e}\u{2066}\u{2028}".contains(*letter)
            });
            let text: String = shown.clone().take(40).collect();
            if shown.count() > 40 { text + ".." } else { text }
        });
        same(&reply, &format!("{}|{}\n", shown[0], shown[1]), format!("{answers:?}"))
    });
}

/// It remembers the latest dialogue of each customer for a while, and never too many of
/// them.
#[test]
fn the_memory_is_bounded_and_keeps_the_latest() {
    const MOST: usize = 3;
    const OLDEST: Duration = Duration::from_secs(10);
    let tree = Tree::parse("[a]\nOne?\n- *: b\n[b]\nTwo?\n- *: c\n[c]\nEnd").unwrap();
    let start = Instant::now();
    check(|choices| {
        let mut memory = Memory::new(MOST, OLDEST);
        let mut model: HashMap<usize, (Instant, String)> = HashMap::new();
        let mut now = start;
        let shown = |dialogue: &Option<Dialogue>| format!("{dialogue:?}");
        let calls = choices
            .up_to(40, |choices| (choices.below(5), choices.below(5), choices.below(3)));
        for (who, seconds, call) in &calls {
            now += Duration::from_secs(*seconds as u64);
            if *call == 0 {
                let found = memory.recall(*who, now);
                let kept = model.remove(who);
                let young = kept.filter(|(when, _)| now - *when < OLDEST);
                // It might have been forgotten to make space, but it's never a different
                // one.
                let fine = found.is_none()
                    || young.is_some_and(|(_, kept)| kept == shown(&found));
                same(&fine, &true, format!("{calls:?}"))?;
            } else {
                let (dialogue, _) = tree.turn(None, "", |_| 1);
                let said = format!("{who} {seconds}");
                let (dialogue, _) = tree.turn(dialogue, &said, |_| 1);
                model.insert(*who, (now, shown(&dialogue)));
                memory.keep(*who, dialogue, now);
            }
        }
        let found = (0..5).filter(|who| memory.recall(*who, now).is_some()).count();
        same(&(found <= MOST), &true, format!("{found} are kept: {calls:?}"))
    });
}
