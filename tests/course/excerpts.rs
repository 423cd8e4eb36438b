//! Excerpts in a note are the same as the code, letter for letter.
//!
//! A note says `<!-- src: examples/02_echo.rs#serve -->` on the line above a fence; the
//! example marks the part with `// [serve]` and `// [/serve]` (Python: `# [serve]`).

use std::fs;
use std::path::Path;

use super::files::{fence, pages, read, short};

/// Compares all excerpts on all pages with the code; with `overwrite`, inserts the code.
pub(crate) fn excerpts(root: &Path, overwrite: bool) -> Vec<String> {
    let mut complaints = Vec::new();
    for page in pages(root) {
        if let Err(complaint) = check_page(root, &page, overwrite, &mut complaints) {
            complaints.push(complaint);
        }
    }
    complaints
}

/// Checks one page.
fn check_page(
    root: &Path,
    page: &Path,
    overwrite: bool,
    complaints: &mut Vec<String>,
) -> Result<(), String> {
    let text = read(page)?;
    let name = short(page, root);
    let mut fresh = String::new();
    let mut lines = text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        fresh += &format!("{line}\n");
        let at = format!("{name}:{}", number + 1);
        if let Some((ticks, language)) = fence(line) {
            // A fence without a source: its body is just copied.
            if language.contains("ignore") {
                complaints.push(format!(
                    "{at}: with `ignore`, the documentation site warns that the code is not \
                     tested. Write ```rust for an excerpt, ```rust,no_run for a whole \
                     program."
                ));
            }
            for (_, body) in lines.by_ref() {
                fresh += &format!("{body}\n");
                if body.trim_start().starts_with(ticks) {
                    break;
                }
            }
            continue;
        }
        let Some(source) = directive(line) else { continue };
        let Some((_, opening)) =
            lines.next().filter(|(_, line)| line.starts_with("```"))
        else {
            return Err(format!(
                "{at}: no code follows: put a ``` fence on the next line."
            ));
        };
        if !["```rust", "```python"].contains(&opening) {
            complaints.push(format!(
                "{at}: an excerpt's fence is ```rust or ```python, not {opening}."
            ));
        }
        let body =
            lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```");
        let shown: String = body.map(|line| format!("{line}\n")).collect();
        let code = match region(root, source) {
            Ok(code) => code,
            Err(complaint) => {
                complaints.push(format!("{at}: {complaint}"));
                shown.clone()
            }
        };
        if shown != code && !overwrite {
            complaints.push(format!(
                "{at}: the excerpt is not what {source} says.\n{}\nTo put the code into \
                 the note: LESSONS=overwrite cargo test --test lessons",
                first_difference(&shown, &code)
            ));
        }
        fresh += &format!("{opening}\n{code}```\n");
    }
    if overwrite && fresh != text {
        fs::write(page, fresh).map_err(|error| format!("{name}: {error}"))?;
    }
    Ok(())
}

/// The source that a `<!-- src: .. -->` line names.
fn directive(line: &str) -> Option<&str> {
    line.trim().strip_prefix("<!-- src:")?.strip_suffix("-->").map(str::trim)
}

/// The part of a file that `path#name` names (the whole file without `#name`), without
/// its indent and without the marks of other parts.
fn region(root: &Path, source: &str) -> Result<String, String> {
    let (path, name) = match source.split_once('#') {
        Some((path, name)) => (path, Some(name)),
        None => (source, None),
    };
    let text = read(&root.join(path)).map_err(|_| {
        format!("there is no file {path}: correct the name after `src:`.")
    })?;
    let is_mark = |line: &str, wanted: &str| {
        let line = line.trim();
        let line = line.strip_prefix("//").or_else(|| line.strip_prefix('#'));
        line.is_some_and(|rest| rest.trim() == format!("[{wanted}]"))
    };
    let lines: Vec<&str> = match name {
        None => text.lines().collect(),
        Some(name) => {
            let begin = text.lines().position(|line| is_mark(line, name));
            let end = text.lines().position(|line| is_mark(line, &format!("/{name}")));
            match (begin, end) {
                (Some(begin), Some(end)) if begin < end => {
                    text.lines().skip(begin + 1).take(end - begin - 1).collect()
                }
                _ => {
                    return Err(format!(
                        "{path} has no part `{name}`: mark it with [{name}] and [/{name}] \
                         in comments of their own."
                    ));
                }
            }
        }
    };
    let any_mark = |line: &&&str| {
        // (`#[derive(Clone)]` isn't a mark: it belongs to the code.)
        let word =
            ["// [", "# ["].iter().find_map(|mark| line.trim().strip_prefix(mark));
        word.is_some_and(|word| word.ends_with(']') && !word.contains(' '))
    };
    let kept: Vec<&str> = lines.iter().filter(|line| !any_mark(line)).copied().collect();
    let indent = |line: &&str| line.len() - line.trim_start().len();
    let indent =
        kept.iter().filter(|l| !l.trim().is_empty()).map(indent).min().unwrap_or(0);
    Ok(kept
        .iter()
        .map(|line| format!("{}\n", line.get(indent..).unwrap_or("")))
        .collect())
}

/// The first line that differs, from both sides.
fn first_difference(shown: &str, code: &str) -> String {
    let (mut shown, mut code) = (shown.lines(), code.lines());
    loop {
        let pair = (shown.next(), code.next());
        if pair.0 != pair.1 || pair == (None, None) {
            let end = "(the end)";
            return format!(
                "  note: {}\n  code: {}",
                pair.0.unwrap_or(end),
                pair.1.unwrap_or(end)
            );
        }
    }
}
