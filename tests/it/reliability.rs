//! The page `lessons/reliability.md` is true: the tests that it names exist, and Python
//! does what it says.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::support::in_time;

/// One row of the table.
struct Row {
    /// The name of the fault, as `tests/reliability.py` has it.
    fault: String,
    /// What Python does.
    python: String,
    /// The tests of what we do.
    tests: Vec<String>,
}

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The rows: `| fault | here | Python | run | tests |`, with names in backticks.
fn rows() -> Vec<Row> {
    let page = fs::read_to_string(file("lessons/reliability.md")).unwrap();
    let names = |cell: &str| -> Vec<String> {
        cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    };
    page.lines()
        .map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
        .filter(|cells: &Vec<_>| cells.len() == 5 && cells[3].starts_with('`'))
        .map(|cells| Row {
            fault: names(cells[3]).concat(),
            python: cells[2].to_owned(),
            tests: names(cells[4]),
        })
        .collect()
}

/// Starts a script with Python, if there is one.
fn python(argument: &str) -> Option<Child> {
    let mut command = Command::new("python3");
    command.arg(file("tests/reliability.py")).arg(argument).stdout(Stdio::piped());
    command.stdin(Stdio::null()).stderr(Stdio::null()).spawn().ok()
}

/// What a script prints.
fn printed(script: Child) -> String {
    let output = in_time("the script ends", || script.wait_with_output()).unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn the_page_names_tests_that_exist() {
    let dir = fs::read_dir(file("tests/it")).unwrap();
    let code: String =
        dir.map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap()).collect();
    assert!(rows().len() > 15, "only {} rows were found", rows().len());
    for row in rows() {
        assert!(!row.tests.is_empty(), "{}: no test is named", row.fault);
        for test in row.tests {
            let exists = code.contains(&format!("fn {test}("));
            assert!(exists, "{}: there is no test {test}", row.fault);
        }
    }
}

/// Each row was run: its words about Python are what the script prints.
#[test]
fn python_does_what_the_page_says() {
    let Some(list) = python("--list") else {
        eprintln!("SKIPPED: there is no python3 here");
        return;
    };
    let list = printed(list);
    let faults: Vec<String> = rows().into_iter().map(|row| row.fault).collect();
    assert_eq!(faults, list.lines().collect::<Vec<_>>(), "the rows, in this order");
    // Some at a time: most of them only wait.
    for some in rows().chunks(6) {
        let scripts: Vec<_> =
            some.iter().map(|row| python(&row.fault).unwrap()).collect();
        for (row, script) in some.iter().zip(scripts) {
            assert_eq!(printed(script), row.python, "{}", row.fault);
        }
    }
}
