//! The support bot: a dialogue as data, over TCP and UDP.

use std::io::{BufRead, BufReader};

use super::*;

#[allow(dead_code, reason = "the example uses the rest")]
#[path = "../../examples/bot/dialogue.rs"]
mod dialogue;

use dialogue::{Dialogue, LONGEST, Memory, PROMPT, Tree};

/// The lesson's own dialogue.
const OWN: &str = include_str!("../../examples/15_support_bot.txt");

/// The first question of the lesson's own dialogue.
const FIRST: &str =
    "Is the cable plugged in, at the router and at the wall? (yes, no)\n> ";

// ---- The tree -------------------------------------------------------------------------

/// The error for a dialogue with a mistake.
fn complaint(text: &str) -> String {
    Tree::parse(text).map(drop).expect_err("a mistake")
}

/// Some editors begin a file with a byte order mark, which UTF-8 doesn't need.
#[test]
fn a_byte_order_mark_begins_a_dialogue_like_any_other() {
    let tree = Tree::parse("\u{feff}[a]\r\nA?\r\n- हाँ: b\r\n[b]\r\nB").expect("a tree");
    let (dialogue, text) = tree.turn(None, "", |_| 1);
    assert_eq!(text, format!("A? (हाँ)\n{PROMPT}"));
    assert_eq!(tree.turn(dialogue, "हाँ!", |_| 1).1, "B\n"); // a word with its marks
    assert!(Tree::parse("[a]\nA\u{feff}").is_ok());
}

#[test]
fn a_mistake_in_the_tree_is_reported_with_its_line() {
    let step = "[a]\nA?\n";
    for (text, expected) in [
        ("", "line 1: there is no step; begin one with [name]"),
        ("# only this\n", "line 1: there is no step; begin one with [name]"),
        ("Hello\n[a]\nA.", "line 1: before any text, begin a step with [name]"),
        ("- yes: a", "line 1: before any text, begin a step with [name]"),
        ("[a\nA.", "line 1: a step's name ends with ]"),
        ("[]\nA.", "line 1: []: a name has letters, digits, - or _"),
        ("[a b]\nA.", "line 1: [a b]: a name has letters, digits, - or _"),
        (
            "[ticket]\nA.",
            "line 1: [ticket]: {ticket} means the number; choose another name",
        ),
        ("[a]\nA?\n- *: b\n[b]\nB\n[a]\nC", "line 6: [a] is already in line 1"),
        ("\n[a]\n", "line 2: [a] says nothing"),
        ("[a]\nA\u{1b}[2J", "line 2: '\\u{1b}' is a control character; leave it out"),
        ("[\u{3164}]\nA", "line 1: [\u{3164}]: a name has letters, digits, - or _"),
        ("[a]\nA {b}.", "line 1: [a] says {b}, but there is no such step"),
        (&format!("{step}- yes a"), "line 3: an answer looks like this: - yes, y: step"),
        (&format!("{step}- yes, : a"), "line 3: `` is neither a single word nor *"),
        (
            &format!("{step}- oh yes: a"),
            "line 3: `oh yes` is neither a single word nor *",
        ),
        (&format!("{step}- yes, Yes: a"), "line 3: [a] has the answer yes twice"),
        (&format!("{step}- *, *: a"), "line 3: [a] has * twice"),
        (
            &format!("{step}- *: a\nB"),
            "line 4: [a]: the text must come before the answers",
        ),
        (
            &format!("{step}- yes: a\n- no: bb\n[b]\nB."),
            "line 4: [a] leads to [bb], but there is no such step. The steps are: a, b",
        ),
        (&format!("{step}- yes: b\n[b]\nB.\n[c]\nC."), "line 6: no answer leads to [c]"),
        (
            &format!(
                "{step}- yes: b\n- no: c\n[b]\nB.\n[c]\nC?\n- *: d\n[d]\nD?\n- *: c"
            ),
            "line 7: from [c], no answers lead to an end, so the dialogue goes round \
             forever",
        ),
        (
            &format!("[a]\n{}", "x".repeat(LONGEST + 1)),
            "line 1: [a] says more than 1000 bytes, but it must fit into one datagram",
        ),
    ] {
        assert_eq!(complaint(text), expected, "{text}");
    }
}

#[test]
fn a_loop_is_not_a_mistake_if_there_is_a_way_out() {
    let text = "[a]\nNow?\n- yes: b\n- no: a\n[b]\nGood.";
    let tree = Tree::parse(text).expect("no mistake");
    let (mut dialogue, said) = tree.turn(None, "", |_| 0);
    assert_eq!(said, "Now? (yes, no)\n> ");
    for _ in 0..1000 {
        let said;
        (dialogue, said) = tree.turn(dialogue, "no", |_| 0);
        assert_eq!(said, "Now? (yes, no)\n> ");
    }
    let (over, said) = tree.turn(dialogue, "yes", |_| 0);
    assert!(over.is_none());
    assert_eq!(said, "Good.\n");
}

/// Walks through the lesson's own dialogue.
fn walk(answers: &[&str]) -> (Option<Dialogue>, String, Vec<String>) {
    let tree = Tree::parse(OWN).expect("the lesson's dialogue has no mistake");
    let mut tickets = Vec::new();
    let (mut dialogue, mut said) = tree.turn(None, "anything", |_| 0);
    for answer in answers {
        (dialogue, said) = tree.turn(dialogue, answer, |answers| {
            tickets.push(answers.to_owned());
            1000 + u32::try_from(tickets.len()).unwrap_or_default()
        });
    }
    (dialogue, said, tickets)
}

#[test]
fn the_bot_finds_the_problem_or_opens_a_ticket() {
    for (answers, expected) in [
        (&["no", "yes"] as &[&str], "a cable had come loose"),
        (&["yes", "green", "no"], "the problem is in one device"),
        (
            &["y", "blue", "y", "slow", "the attic", "n"],
            "between the router and you (the attic)",
        ),
        (&["yes", "off", "no"], "ticket 1001: a new one will come\nby mail"),
        (&["yes", "red", "red"], "ticket 1001, and a technician"),
    ] {
        let (dialogue, said, tickets) = walk(answers);
        assert!(dialogue.is_none(), "{answers:?}");
        assert!(said.contains(expected), "{answers:?}: {said}");
        assert!(said.ends_with("Goodbye.\n"), "{answers:?}: {said}");
        assert_eq!(tickets.len(), usize::from(expected.contains("ticket")));
    }
    let (.., tickets) = walk(&["yes", "red", "no, red"]);
    assert_eq!(tickets, ["cable: yes, lights: red, restart: no, red"]);
}

#[test]
fn an_answer_is_understood_by_its_words_or_asked_again() {
    for yes in ["yes", "YES", " yes ", "Yes!", "yes, it is", "well ... y"] {
        let (_, said, _) = walk(&[yes]);
        assert!(said.starts_with("Look at the router."), "{yes}: {said}");
    }
    for nonsense in ["maybe", "yes or no", "yesno", "\u{fffd}", "\x1b[2J"] {
        let (dialogue, said, _) = walk(&[nonsense]);
        assert!(dialogue.is_some());
        let shown: String = nonsense.chars().filter(|c| !c.is_control()).collect();
        let words =
            format!("I do not understand \"{shown}\". Please answer: yes, no.\n> ");
        assert_eq!(said, words);
    }
    let (_, said, _) = walk(&[&"x".repeat(100_000)]);
    assert!(said.len() < 200, "{} bytes", said.len());
    let (_, again, _) = walk(&["maybe", ""]); // an empty answer: the question again
    assert!(again.ends_with(FIRST), "{again}");
}

/// Numbers that look random, but are the same in each run.
struct Chance(u64);

impl Chance {
    fn next(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) as usize % below
    }

    /// A text made of parts of dialogues.
    fn text(&mut self) -> String {
        const PARTS: [&str; 16] = [
            "[a]\n",
            "[b]\n",
            "[c]\n",
            "Text\n",
            "Say {a}?\n",
            "{ticket}\n",
            "- yes: a\n",
            "- yes: b\n",
            "- no: c\n",
            "- *: a\n",
            "- *: b\n",
            "- no, n: b\n",
            "# c\n",
            "\n",
            "[",
            "- :",
        ];
        (0..self.next(14)).map(|_| PARTS[self.next(PARTS.len())]).collect()
    }
}

#[test]
fn every_text_is_rejected_or_can_be_walked_to_an_end() {
    let mut chance = Chance(15);
    let mut walked = 0;
    for _ in 0..200_000 {
        let text = chance.text();
        let tree = match Tree::parse(&text) {
            Ok(tree) => tree,
            Err(why) => {
                assert!(why.starts_with("line "), "{text}: {why}");
                continue;
            }
        };
        walked += 1;
        let (mut dialogue, mut said) = tree.turn(None, "", |_| 1);
        let mut turns = 0;
        while dialogue.is_some() {
            assert!(said.ends_with(PROMPT), "{text}: {said}");
            let answer = ["yes", "no", "n", "maybe", "", "\0"][chance.next(6)];
            (dialogue, said) = tree.turn(dialogue, answer, |_| 1);
            turns += 1;
            assert!(turns < 1000, "no end is found in\n{text}");
        }
        assert!(said.ends_with('\n') && said.len() > 1, "{text}: {said}");
    }
    assert!(walked > 500, "{walked} texts were dialogues");
}

#[test]
fn a_memory_forgets_the_old_and_holds_no_more_than_its_limit() {
    let tree = Tree::parse("[a]\nA?\n- *: b\n[b]\nB.").expect("no mistake");
    let dialogue = || tree.turn(None, "", |_| 0).0;
    let (begin, minute) = (Instant::now(), Duration::from_secs(60));
    let mut memory = Memory::new(3, 10 * minute);

    memory.keep("ada", dialogue(), begin);
    assert!(memory.recall("bob", begin).is_none());
    assert!(memory.recall("ada", begin + 9 * minute).is_some());
    memory.keep("ada", dialogue(), begin);
    assert!(memory.recall("ada", begin + 10 * minute).is_none(), "old");
    memory.keep("ada", None, begin); // a dialogue that is over
    assert!(memory.recall("ada", begin).is_none());

    for (number, who) in ["ada", "bob", "cara", "dan", "eve"].into_iter().enumerate() {
        memory.keep(
            who,
            dialogue(),
            begin + minute * u32::try_from(number).unwrap_or(0),
        );
    }
    // The memory is full, so it forgets those that were silent for longest.
    let mut known = |who| memory.recall(who, begin + 5 * minute).is_some();
    assert_eq!(
        ["ada", "bob", "cara", "dan", "eve"].map(&mut known),
        [false, false, true, true, true]
    );
}

// ---- The wire -------------------------------------------------------------------------

/// What the bot says next on a connection, up to its prompt or to end of file.
fn heard(stream: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut text = Vec::new();
    while !text.ends_with(PROMPT.as_bytes()) {
        if stream.read_until(b' ', &mut text)? == 0 {
            break;
        }
    }
    String::from_utf8(text).map_err(io::Error::other)
}

/// Sends a line and receives the reply.
fn answer(stream: &mut BufReader<TcpStream>, line: &str) -> io::Result<String> {
    stream.get_mut().write_all(format!("{line}\n").as_bytes())?;
    heard(stream)
}

/// Sends a datagram and receives the reply.
fn exchange(socket: &UdpSocket, bot: SocketAddr, text: &[u8]) -> io::Result<String> {
    socket.send_to(text, bot)?;
    let mut data = [0; 65_535];
    let (count, _) = socket.recv_from(&mut data)?;
    String::from_utf8(data[..count].to_vec()).map_err(io::Error::other)
}

#[test]
fn the_same_tree_answers_on_a_stream_and_on_datagrams() -> Outcome {
    let (_server, bot) = server("15_support_bot")?;
    let mut stream = BufReader::new(connect(bot)?);
    let socket = datagrams()?;
    let opened = heard(&mut stream)?; // on TCP the bot speaks first
    assert!(opened.ends_with(FIRST), "{opened}");
    assert_eq!(exchange(&socket, bot, b"no")?, opened); // not an answer yet
    for line in ["no", "banana", "no", "red", "off"] {
        let on_stream = answer(&mut stream, line)?.replace("1001", "N");
        let on_datagrams = exchange(&socket, bot, line.as_bytes())?.replace("1002", "N");
        assert_eq!(on_stream, on_datagrams, "{line}");
    }
    assert_eq!(stream.read_line(&mut String::new())?, 0); // over: end of file
    assert_eq!(exchange(&socket, bot, b"")?, opened); // over: a new dialogue
    Ok(())
}

#[test]
fn each_address_has_its_own_dialogue() -> Outcome {
    let (_server, bot) = server("15_support_bot")?;
    let (ada, bob) = (datagrams()?, datagrams()?);
    for (customer, says, hears) in [
        (&ada, "hello", "Hello! I am the support bot"),
        (&bob, "hello", "Hello! I am the support bot"),
        (&ada, "yes", "Look at the router."),
        (&bob, "no", "Please plug it in"),
        (&ada, "green", "So the line is fine."),
        (&bob, "green", "I do not understand \"green\""),
        (&ada, "no", "The diagnosis: your line and your router are fine"),
        (&bob, "no", "Look at the router."),
    ] {
        let said = exchange(customer, bot, says.as_bytes())?;
        assert!(said.starts_with(hears), "{says}: {said}");
    }
    Ok(())
}

#[test]
fn an_odd_customer_does_not_disturb_the_bot() -> Outcome {
    let (mut server, bot) = server("15_support_bot")?;
    let mut odd = BufReader::new(connect(bot)?);
    heard(&mut odd)?;
    odd.get_mut().write_all(&vec![b'x'; 10_000_000])?;
    let asked_again = "I do not understand \"???\". Please answer: yes, no.\n> ";
    assert_eq!(answer(&mut odd, "")?, asked_again);
    odd.get_mut().write_all(b"\xff\xfe\n")?;
    assert_eq!(heard(&mut odd)?, asked_again);
    for byte in "ye".bytes() {
        odd.get_mut().write_all(&[byte])?;
    }
    assert!(answer(&mut odd, "s\r")?.starts_with("Look at"));
    odd.get_mut().write_all(b"gre")?;
    socket2::SockRef::from(odd.get_ref()).set_linger(Some(Duration::ZERO))?;
    drop(odd); // closed with a reset
    for _ in 0..200 {
        drop(connect(bot)?); // never a byte
    }
    let mut half = BufReader::new(connect(bot)?);
    half.get_mut().write_all(b"no")?; // no newline, and nothing more
    half.get_mut().shutdown(Shutdown::Write)?;
    let mut text = String::new();
    half.read_to_string(&mut text)?;
    assert!(
        text.contains("Please plug it in") && text.ends_with("Goodbye.\n"),
        "{text}"
    );

    let socket = datagrams()?;
    exchange(&socket, bot, b"hello")?;
    let said = exchange(&socket, bot, &[0xff; 60_000])?;
    assert!(
        said.starts_with("I do not understand \"\u{fffd}") && said.len() < 300,
        "{said}"
    );
    assert!(exchange(&socket, bot, b"")?.ends_with(FIRST));
    assert!(exchange(&socket, bot, b"yes\n")?.starts_with("Look at"));

    // At Ctrl-C, a customer in the middle of a dialogue gets a farewell.
    let mut stream = BufReader::new(connect(bot)?);
    heard(&mut stream)?;
    server.interrupt()?;
    assert_eq!(heard(&mut stream)?, "\nI have to go now. Goodbye.\n");
    assert!(server.status(Instant::now() + DEADLINE)?.success());
    Ok(())
}

#[test]
fn two_hundred_customers_at_once_get_their_answers() -> Outcome {
    let (_server, bot) = server("15_support_bot")?;
    let mut streams = Vec::new();
    for _ in 0..200 {
        streams.push((BufReader::new(connect(bot)?), datagrams()?));
    }
    for (stream, socket) in &mut streams {
        assert!(heard(stream)?.ends_with(FIRST));
        assert!(exchange(socket, bot, b"hello")?.ends_with(FIRST));
    }
    for (stream, socket) in streams.iter_mut().rev() {
        assert!(answer(stream, "yes")?.starts_with("Look at"));
        assert!(exchange(socket, bot, b"no")?.starts_with("Please plug"));
    }
    Ok(())
}
