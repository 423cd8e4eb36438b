//! 10.2: one thread prints, and all the others send it their lines.

use std::time::Duration;

use crate::broken::Broken;
use crate::client::{Client, Got};
use crate::program::Server;
use crate::{Begin, Exercise, Program, Promise};

pub(super) const EXERCISE: Exercise = Exercise {
    id: "10.2",
    title: "one thread prints",
    lesson: "10_print_lock",
    begin: Begin::Lesson,
    promises: &[
        Promise {
            name: "clients get replies, even while another one is silent",
            test: answers,
        },
        Promise { name: "the lines are numbered 1, 2, 3, in this order", test: numbers },
        Promise {
            name: "with --clients 3, the server ends after three clients",
            test: ends,
        },
        Promise { name: "the printer's last line says how many there were", test: last },
        Promise { name: "all this holds for fifty clients at once, too", test: fifty },
    ],
};

fn think(_: &Got) -> &'static str {
    "The server sends back the bytes of each read in reverse order, as in the lesson, \
     and holds no lock meanwhile."
}

fn visit(server: &Server<'_>) -> Result<(), Broken> {
    Client::connect(server)?.send(b"Hello").expect(b"olleH", think)
}

fn answers(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&["--clients", "9"])?;
    let mut silent = Client::connect(&server)?;
    visit(&server)?;
    visit(&server)?;
    silent.send(b"Hello").expect(b"olleH", think)
}

/// The lines `line N: ..` of the output.
fn numbered(lines: &[String]) -> Vec<&str> {
    let number = |line: &'_ String| -> Option<usize> {
        line.strip_prefix("line ")?.split_once(':')?.0.parse().ok()
    };
    lines.iter().filter(|line| number(line).is_some()).map(String::as_str).collect()
}

/// Checks that the numbered lines are 1 to `count`, in this order.
fn in_order(lines: &[String], count: usize, thought: &str) -> Result<(), Broken> {
    let found = numbered(lines);
    let is_right = |(index, line): (usize, &&str)| {
        line.starts_with(&format!("line {}:", index + 1))
    };
    if found.len() == count && found.iter().enumerate().all(is_right) {
        return Ok(());
    }
    let shown: Vec<&&str> = found.iter().take(8).collect();
    Err(Broken::new(thought)
        .sent(format!("{} clients come and leave", count / 2))
        .expected(format!(
            "{count} lines, `line 1: ..` to `line {count}: ..`, in this order"
        ))
        .received(format!("{} lines, {shown:?} ..", found.len())))
}

fn numbers(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&["--clients", "9"])?;
    for _ in 0..3 {
        visit(&server)?;
    }
    server.line(|line| line.starts_with("line 6:"));
    let thought = "There are two lines for each client, `connected` and `left`. Let \
        one thread both number and print them, so that the order is right.";
    in_order(&server.lines(), 6, thought)
}

/// Lets this many clients connect and leave, all at once, and waits for the server's end.
fn served(program: &Program, count: usize) -> Result<Vec<String>, Broken> {
    let option = count.to_string();
    let mut server = program.serve(&["--clients", &option])?;
    let clients: Result<Vec<Client>, Broken> =
        (0..count).map(|_| Client::connect(&server)).collect();
    let mut clients = clients?;
    for client in &mut clients {
        client.send(b"Hello");
    }
    for client in &mut clients {
        client.expect(b"olleH", think)?;
    }
    drop(clients);
    match server.end(Duration::from_secs(4)) {
        Some(status) if status.success() => Ok(server.all_lines()),
        ended => Err(Broken::new(
            "The printer's loop ends when every sender is gone. Is one of them still \
             there without any use, such as the first one, from which you cloned the others?",
        )
        .sent(format!("{count} clients come and leave"))
        .expected("the server ends, with exit status 0")
        .received(ended.map_or("it still ran after four seconds".to_owned(), |it| it.to_string()))),
    }
}

fn ends(program: &Program) -> Result<(), Broken> {
    served(program, 3).map(drop)
}

fn count_of(lines: &[String], count: usize) -> Result<(), Broken> {
    let wanted = format!("{count} lines in all");
    let last = lines.last().map_or("", String::as_str);
    if last == wanted {
        return Ok(());
    }
    Err(Broken::new(
        "Does `main` wait for the printer, before it returns and ends everything?",
    )
    .sent(format!("{} clients come and leave", count / 2))
    .expected(format!("the last line is {wanted:?}"))
    .received(format!("{last:?}")))
}

fn last(program: &Program) -> Result<(), Broken> {
    count_of(&served(program, 3)?, 6)
}

fn fifty(program: &Program) -> Result<(), Broken> {
    let lines = served(program, 50)?;
    let thought = "Which thread gives a line its number: the one that sends it, or the \
        one that prints it? Between the two, the order of lines can change.";
    in_order(&lines, 100, thought)?;
    count_of(&lines, 100)
}
