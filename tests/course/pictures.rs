//! The picture of a lesson shows in a repository browser and on the documentation site.
//!
//! The site contains only pages and no other files. So there, the address of a picture
//! contains the whole picture; `src/pages/pictures/` has these addresses, each as the
//! definition of the label `picture`.

use std::fs;
use std::path::Path;

use super::files::{numbered, read};

/// Compares all pictures with those of the site; with `overwrite`, writes the site's
/// again.
pub(crate) fn pictures(root: &Path, overwrite: bool) -> Vec<String> {
    let mut complaints = Vec::new();
    for name in numbered(&root.join("lessons"), "md") {
        let note = read(&root.join(format!("lessons/{name}.md"))).unwrap_or_default();
        if note.contains("<img") {
            complaints.push(format!(
                "lessons/{name}.md: no `<img` in a note, the site does not find its file. \
                 Write ![WORDS][picture]."
            ));
        }
    }
    for name in numbered(&root.join("lessons"), "svg") {
        if let Err(complaint) = check(root, &name, overwrite) {
            complaints.push(complaint);
        }
    }
    complaints
}

/// Checks one picture.
fn check(root: &Path, name: &str, overwrite: bool) -> Result<(), String> {
    let site = format!("src/pages/pictures/{name}.md");
    let wanted = definition(&read(&root.join(format!("lessons/{name}.svg")))?);
    if read(&root.join(&site)).is_ok_and(|text| text == wanted) {
        // Everything is as it should be.
    } else if overwrite {
        fs::write(root.join(&site), wanted)
            .map_err(|error| format!("{site}: {error}"))?;
    } else {
        return Err(format!(
            "{site} is not the picture lessons/{name}.svg. To write it again: \
             LESSONS=overwrite cargo test --test lessons"
        ));
    }
    let pages = read(&root.join("src/pages/lessons.rs"))?;
    let line = format!(" \"{name}.md\";");
    let begins = format!("lesson_{} \"{name}\" ", &name[..2]);
    let is_it = |it: &str| it.trim_start().starts_with(&begins) && it.ends_with(&line);
    if !pages.lines().any(is_it) {
        return Err(format!("src/pages/lessons.rs does not name {site}: `{line}`"));
    }
    let note = read(&root.join(format!("lessons/{name}.md")))?;
    let shown = note.split("![").skip(1).filter_map(|rest| rest.split_once(']'));
    let shown = shown.filter(|(words, _)| !words.is_empty());
    if !shown.into_iter().any(|(_, rest)| rest.starts_with("[picture]")) {
        return Err(format!(
            "lessons/{name}.md does not show its picture: ![WORDS][picture]."
        ));
    }
    Ok(())
}

/// The label `picture`, defined as an address that contains the picture.
fn definition(svg: &str) -> String {
    let mut address = String::from("data:image/svg+xml,");
    for letter in svg.chars() {
        match letter {
            '\n' => {}
            // Characters that would end the address, or mean something in it.
            '<' | '>' | '#' | '%' | '\\' => {
                address += &format!("%{:02X}", u32::from(letter));
            }
            letter => address.push(letter),
        }
    }
    format!("[picture]: <{address}>\n")
}
