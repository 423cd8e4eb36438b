//! The page `lessons/socket-api.md`: each function has a row, and the lesson in the row
//! does what the row says.

use std::collections::BTreeSet;

use crate::course::files::{lessons, program as program_of, read, root};
use crate::course::nothing_to_complain;

/// The page.
const PAGE: &str = "lessons/socket-api.md";

/// Every function that a first course on sockets uses.
const FUNCTIONS: &str = "socket bind listen accept connect send sendall recv sendto \
    recvfrom close shutdown getaddrinfo gethostbyname gethostbyaddr gethostname \
    getpeername getsockname setsockopt getsockopt setblocking settimeout htons htonl \
    ntohs ntohl inet_aton inet_ntoa inet_pton inet_ntop select";

/// The functions that Rust's standard library lacks. No lesson shows them.
const NONE: [&str; 1] = ["gethostbyaddr"];

/// One row of the tables.
struct Row {
    /// Python's functions.
    functions: Vec<String>,
    /// The first piece of code in the Rust column.
    call: Option<String>,
    /// The number of the lesson.
    lesson: Option<String>,
}

/// The rows of the tables in a page's text.
fn rows(text: &str) -> Vec<Row> {
    let code = |cell: &str| -> Vec<String> {
        cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    };
    let cells = text.lines().filter_map(|line| {
        let cells: Vec<&str> = line.strip_prefix("| `")?.split(" | ").collect();
        Some([
            format!("`{}", cells.first()?),
            cells.get(1)?.to_string(),
            cells.get(2)?.to_string(),
        ])
    });
    cells
        .map(|[functions, rust, lesson]| Row {
            functions: code(&functions),
            call: code(&rust).into_iter().next(),
            lesson: lesson.split_once("[lesson_").map(|(_, rest)| rest[..2].to_owned()),
        })
        .collect()
}

/// What a program must contain to make this call: `.accept(` for `listener.accept()?`.
fn mark(call: &str) -> &str {
    // The first bracket after a name: `(name, port)` is only a pair.
    let opens =
        |at: &usize| call[..*at].ends_with(|letter: char| letter.is_alphanumeric());
    let open = call.match_indices('(').map(|(at, _)| at).find(opens);
    let end = open.map_or(call.len(), |at| at + 1);
    &call[call[..end].rfind('.').unwrap_or(0)..end]
}

/// Everything that is wrong with the page.
fn complaints(text: &str, program: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let rows = rows(text);
    let mut complaints = Vec::new();
    let named: Vec<&str> =
        rows.iter().flat_map(|row| row.functions.iter().map(String::as_str)).collect();
    for function in FUNCTIONS.split_whitespace() {
        let count = named.iter().filter(|name| **name == function).count();
        if count != 1 {
            complaints.push(format!(
                "{PAGE} has {count} rows for `{function}`: give it one, with the Rust way in \
                 one line and the lesson that uses it."
            ));
        }
    }
    let mut missing = BTreeSet::new();
    for row in &rows {
        let functions = row.functions.join(", ");
        let (Some(lesson), Some(call)) = (&row.lesson, &row.call) else {
            if !row.functions.iter().all(|name| NONE.contains(&name.as_str())) {
                complaints
                    .push(format!("{PAGE} names no call or no lesson for {functions}."));
            }
            continue;
        };
        match program(lesson) {
            None => drop(missing.insert(lesson.clone())),
            Some(code) if code.contains(mark(call)) => {}
            Some(_) => complaints.push(format!(
                "{PAGE} says that lesson {lesson} shows `{call}` for {functions}. There is no \
                 `{}` in its program: name a lesson that has it.",
                mark(call)
            )),
        }
    }
    if !missing.is_empty() {
        let missing: Vec<String> = missing.into_iter().collect();
        complaints.push(format!(
            "{PAGE} names lessons that are not here: {}. Merge them, or name others.",
            missing.join(", ")
        ));
    }
    complaints
}

/// The program of the lesson with this number.
fn program(number: &str) -> Option<String> {
    let name = lessons(&root()).into_iter().find(|name| name.starts_with(number))?;
    read(&root().join(program_of(&root(), &name))).ok()
}

#[test]
fn each_socket_function_has_a_lesson_that_uses_it() -> Result<(), String> {
    nothing_to_complain(&complaints(&read(&root().join(PAGE))?, program));
    Ok(())
}

#[test]
fn a_wrong_row_is_noticed() -> Result<(), String> {
    let text = read(&root().join(PAGE))?;
    // With all calls in one program, nothing is wrong.
    let all: String = rows(&text)
        .iter()
        .filter_map(|row| Some(mark(row.call.as_ref()?).to_owned()))
        .collect();
    assert_eq!(complaints(&text, |_| Some(all.clone())), [""; 0]);

    let without = all.replace(".accept(", "");
    let told = complaints(&text, |_| Some(without.clone()));
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("no `.accept(`"), "{told:?}");

    let told = complaints(&text, |number| (number != "03").then(|| all.clone()));
    assert_eq!(told.len(), 1, "one message for all that are missing: {told:?}");
    assert!(told[0].contains("not here: 03. Merge"), "{told:?}");

    let gone = text.replace("| `select` |", "| select |");
    let told = complaints(&gone, |_| Some(all.clone()));
    assert!(told[0].contains("0 rows for `select`"), "{told:?}");
    Ok(())
}

#[test]
fn a_call_leaves_its_mark() {
    for (call, expected) in [
        ("TcpListener::bind(address)?", "TcpListener::bind("),
        ("listener.accept()?", ".accept("),
        ("(name, port).to_socket_addrs()?", ".to_socket_addrs("),
        ("stream.shutdown(Shutdown::Write)?", ".shutdown("),
        ("stream.set_read_timeout(Some(time))?", ".set_read_timeout("),
        ("host_name()?", "host_name("),
        ("drop(stream)", "drop("),
        ("text.parse()?", ".parse("),
    ] {
        assert_eq!(mark(call), expected, "{call}");
    }
}
