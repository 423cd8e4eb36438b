//! Every link leads somewhere: in a repository browser and on the documentation site.

use std::path::Path;

use super::files::{fence, pages, program, read, short};

/// One link, or one definition of a link, on a page.
#[derive(Debug, PartialEq)]
enum Link {
    /// `[text](target)`
    Inline(String),
    /// `[text][label]`
    Reference(String),
    /// `[label]: target`
    Definition(String, String),
}

/// All links on all pages that lead nowhere.
pub(crate) fn links(root: &Path) -> Vec<String> {
    let mut complaints = Vec::new();
    for page in pages(root) {
        let name = short(&page, root).into_owned();
        let Ok(text) = read(&page) else { continue };
        let found = links_of(&text);
        let lesson =
            name.strip_prefix("lessons/").and_then(|name| name.strip_suffix(".md"));
        for (line, link) in &found {
            let complaint = match link {
                Link::Inline(target) if lesson.is_some() && is_relative(target) => {
                    Some(format!(
                        "the link ({target}) breaks on the documentation site. Write \
                     [text][label], and define the label at the end of the page."
                    ))
                }
                Link::Inline(target) => dead(&page, &text, target),
                Link::Reference(label) => {
                    let defines = |link: &Link| matches!(link, Link::Definition(l, _) if l == label);
                    (!found.iter().any(|(_, link)| defines(link))).then(|| {
                        format!(
                            "[{label}] is not defined: add `[{label}]: ..` at the end."
                        )
                    })
                }
                Link::Definition(label, target) => {
                    dead(&page, &text, target).or_else(|| {
                        lesson
                            .filter(|_| is_relative(target))
                            .and_then(|page| known(root, page, label, target))
                    })
                }
            };
            complaints.extend(
                complaint.map(|complaint| format!("{name}:{line}: {complaint}")),
            );
        }
    }
    complaints
}

/// What is wrong with a target. Links that leave the project aren't followed.
fn dead(page: &Path, text: &str, target: &str) -> Option<String> {
    let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
    if !is_relative(target) && !target.starts_with('#') {
        return None;
    }
    let file = page.parent()?.join(file);
    let is_this = target.starts_with('#');
    if !is_this && !file.exists() {
        return Some(format!("the link {target} leads nowhere: there is no such file."));
    }
    let other = if is_this { text.to_owned() } else { read(&file).unwrap_or_default() };
    let headings = other.lines().filter(|line| line.starts_with('#')).map(slug);
    if anchor.is_empty() || headings.into_iter().any(|heading| heading == anchor) {
        return None;
    }
    Some(format!("the link {target} leads nowhere: that page has no such heading."))
}

/// The documentation site knows only these labels (see `src/pages/labels.md` and
/// `src/pages/lessons.rs`), so a note must not define others, and must give each the same
/// meaning. The long pages define more labels of their own (see `src/pages/mod.rs`).
fn known(root: &Path, note: &str, label: &str, target: &str) -> Option<String> {
    let says = |file: &str, what: &str| {
        read(&root.join(file)).is_ok_and(|text| text.contains(what))
    };
    if says("src/pages/mod.rs", &format!("\"{note}.md\""))
        && (says("src/pages/mod.rs", &format!("\"{label}\" =>"))
            || target.starts_with('#'))
        || label != "index"
            && !label.starts_with("lesson_")
            && says("src/pages/labels.md", &format!("[{label}]: crate::"))
    {
        return None;
    }
    let expected = match label {
        "example" => format!("../{}", program(root, note)),
        "python" => format!("python/{note}.py"),
        "index" => "README.md".to_owned(),
        "picture" => format!("{note}.svg"),
        _ => {
            let number = label.strip_prefix("lesson_").unwrap_or("??");
            if target.starts_with(&format!("{number}_")) && target.ends_with(".md") {
                return None;
            }
            return Some(format!(
                "the documentation site does not know [{label}]: use example, python, \
                 picture, or a label that src/pages/labels.md defines (for a long page: \
                 or one that src/pages/mod.rs defines)."
            ));
        }
    };
    (target != expected).then(|| format!("[{label}] of this note is {expected}."))
}

/// Whether a target is a file of this project.
fn is_relative(target: &str) -> bool {
    !target.contains("://") && !target.starts_with('#') && !target.starts_with("mailto:")
}

/// The anchor that a repository browser gives a heading.
fn slug(heading: &str) -> String {
    heading
        .trim_start_matches('#')
        .trim()
        .to_lowercase()
        .chars()
        .filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter))
        .map(|letter| if letter == ' ' { '-' } else { letter })
        .collect()
}

/// All links on a page, with their line numbers. Code is skipped.
fn links_of(text: &str) -> Vec<(usize, Link)> {
    let mut found = Vec::new();
    let mut open = None;
    for (index, line) in text.lines().enumerate() {
        match (open, fence(line)) {
            (None, None) => {}
            (None, opened) => {
                open = opened.map(|(ticks, _)| ticks);
                continue;
            }
            (Some(ticks), _) => {
                open = Some(ticks).filter(|ticks| !line.trim_start().starts_with(ticks));
                continue;
            }
        }
        let plain: String = line.split('`').step_by(2).collect::<Vec<_>>().join("`");
        let definition = plain.strip_prefix('[').and_then(|rest| rest.split_once("]: "));
        if let Some((label, target)) = definition {
            let link = Link::Definition(label.to_owned(), target.trim().to_owned());
            found.push((index + 1, link));
            continue;
        }
        for (at, _) in plain.match_indices(']') {
            let rest = &plain[at + 1..];
            let until = |close| rest[1..].split(close).next().unwrap_or("").to_owned();
            if rest.starts_with('(') {
                found.push((index + 1, Link::Inline(until(')'))));
            } else if rest.starts_with('[') {
                found.push((index + 1, Link::Reference(until(']'))));
            }
        }
    }
    found
}

#[test]
fn links_are_found_and_code_is_not_read() {
    let text = "see [a](b.md) and [c][d], not `[e](f)`\n```\n[g](h)\n```\n[d]: i.md\n";
    let expected = [
        (1, Link::Inline("b.md".to_owned())),
        (1, Link::Reference("d".to_owned())),
        (5, Link::Definition("d".to_owned(), "i.md".to_owned())),
    ];
    assert_eq!(links_of(text), expected);
}
