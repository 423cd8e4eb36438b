//! The page `lessons/reliability.md` is true: the tests that it names exist, and Python
//! does what it says.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::support::in_time;

/// One fault: a row of the table, and its entry in the list at the page's end.
struct Row {
    /// The name of the fault, as `tests/reliability.py` has it.
    fault: String,
    /// What Python does.
    python: String,
    /// The tests that show what we do.
    tests: Vec<String>,
}

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The rows `| words | here | Python |`, each with its entry ``- words: `script` `` and
/// the tests below that, ``  - `test` ``. The words are the same, and so is the order.
fn rows() -> Vec<Row> {
    let page = fs::read_to_string(file("lessons/reliability.md")).unwrap();
    let (faults, shown) = page.split_once("\n## What shows it\n").unwrap();
    let table: Vec<Vec<&str>> = faults
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"))
        .map(|line| line.split(" | ").collect())
        .skip(1) // the head
        .collect();
    let mut entries: Vec<(&str, Row)> = Vec::new();
    for line in shown.lines() {
        if let Some(test) = line.strip_prefix("  - `") {
            let (_, row) = entries.last_mut().expect("an entry before its tests");
            row.tests.push(test.trim_end_matches('`').to_owned());
        } else if let Some((words, fault)) =
            line.strip_prefix("- ").and_then(|line| line.rsplit_once(": "))
        {
            let python = table[entries.len()][2].to_owned();
            let fault = fault.trim_matches('`').to_owned();
            entries.push((words, Row { fault, python, tests: Vec::new() }));
        }
    }
    let words: Vec<&str> = entries.iter().map(|(words, _)| *words).collect();
    assert_eq!(words, table.iter().map(|cells| cells[0]).collect::<Vec<_>>());
    entries.into_iter().map(|(_, row)| row).collect()
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
    let files =
        fs::read_dir(file("tests/it")).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.is_file());
    let code: String = files.map(|path| fs::read_to_string(path).unwrap()).collect();
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
