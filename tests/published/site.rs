//! The documentation site: every link leads somewhere, every picture is there, every type
//! has an example, no code is marked as untested, and a browser shows all of it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::{cargo, file, nothing_to_complain, succeed};

/// Builds the documentation, and returns its folder. First removes the pages of earlier
/// builds, because a link to one of those is broken.
fn built() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("");
        let _ = fs::remove_dir_all(target.join("doc/socketserver")); // there may be none
        let mut doc = cargo(&file("."), &["doc", "--no-deps", "--all-features"]);
        succeed(doc.arg("--target-dir").arg(&target));
        let folder = target.join("doc");
        assert!(folder.join("socketserver/index.html").exists(), "{folder:?}");
        folder
    })
}

/// What we need to know about a page.
struct Page {
    /// The whole text.
    html: String,
    /// The targets of its links and pictures.
    targets: Vec<String>,
    /// The places on it that a link can lead to.
    anchors: BTreeSet<String>,
}

impl Page {
    fn read(path: &Path) -> std::io::Result<Self> {
        let html = fs::read_to_string(path)?;
        let mut targets = attribute(&html, "href");
        targets.extend(attribute(&html, "src"));
        let anchors = attribute(&html, "id").into_iter().collect();
        Ok(Self { html, targets, anchors })
    }
}

/// The values of an attribute, wherever it is in a tag.
fn attribute(html: &str, name: &str) -> Vec<String> {
    let opening = format!(" {name}=\"");
    let tags =
        html.split('<').filter_map(|part| part.split_once('>')).map(|(tag, _)| tag);
    tags.filter_map(|tag| tag.split_once(&opening)?.1.split_once('"'))
        .map(|(value, _)| value.replace("&amp;", "&").replace("%20", " "))
        .collect()
}

/// All pages that links lead to from the front page, and what is wrong with the links.
fn crawl(folder: &Path) -> (BTreeMap<PathBuf, Page>, Vec<String>) {
    let mut pages: BTreeMap<PathBuf, Page> = BTreeMap::new();
    let mut links = Vec::new();
    let mut complaints = Vec::new();
    let mut todo = VecDeque::from([PathBuf::from("socketserver/index.html")]);
    while let Some(path) = todo.pop_front() {
        if pages.contains_key(&path) {
            continue;
        }
        let Ok(page) = Page::read(&folder.join(&path)) else {
            complaints.push(format!("{}: cannot be read", path.display()));
            continue;
        };
        for target in &page.targets {
            let elsewhere = ["http://", "https://", "data:", "javascript:"];
            if elsewhere.iter().any(|other| target.starts_with(other)) {
                continue;
            }
            let (to, anchor) = target.split_once('#').unwrap_or((target, ""));
            let to = to.split('?').next().unwrap_or_default();
            let to = if to.is_empty() { path.clone() } else { beside(&path, to) };
            if !folder.join(&to).is_file() {
                let path = path.display();
                complaints.push(format!("{path}: {target} leads nowhere"));
            } else if to.extension().is_some_and(|kind| kind == "html") {
                links.push((path.clone(), to.clone(), anchor.to_owned()));
                todo.push_back(to);
            }
        }
        pages.insert(path, page);
    }
    for (from, to, anchor) in links {
        // `#12-34` are lines of a source file, and the page finds them by itself.
        let is_line = anchor.starts_with(|letter: char| letter.is_ascii_digit());
        let is_there = pages.get(&to).is_some_and(|page| page.anchors.contains(&anchor));
        if !anchor.is_empty() && !is_line && !is_there {
            let (from, to) = (from.display(), to.display());
            complaints.push(format!("{from}: {to} has no place #{anchor}"));
        }
    }
    (pages, complaints)
}

/// The path of a link on `page`.
fn beside(page: &Path, link: &str) -> PathBuf {
    let mut path = page.to_owned();
    path.pop();
    for part in Path::new(link).components() {
        match part {
            Component::ParentDir => drop(path.pop()),
            Component::Normal(name) => path.push(name),
            _ => {}
        }
    }
    path
}

#[test]
#[ignore = "builds the documentation: .ci/run runs it"]
fn every_link_and_picture_of_the_site_is_there() {
    let (pages, mut complaints) = crawl(built());
    assert!(pages.len() > 80, "only {} pages were found", pages.len());
    for (path, page) in &pages {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let path = path.display();
        let is_type = ["struct.", "enum.", "trait."].iter().any(|k| name.starts_with(k));
        if is_type && !page.html.contains("rust-example-rendered") {
            complaints.push(format!("{path}: an example is missing"));
        }
        if page.html.contains("example-wrap ignore") {
            complaints.push(format!("{path}: code is shown as untested"));
        }
    }
    nothing_to_complain(&complaints);
}

/// What a browser finds wrong with the pages in a folder, and how many pages there are;
/// `None` without a browser.
fn looked_at(folder: &Path) -> Option<(Vec<String>, usize)> {
    for program in ["python3", "chromium", "chromedriver"] {
        let mut command = Command::new(program);
        command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
        if command.status().is_err() {
            eprintln!("SKIPPED: there is no {program} here");
            return None;
        }
    }
    let mut look = Command::new("python3");
    let printed = succeed(look.arg(file("tests/published/browser.py")).arg(folder));
    let mut lines: Vec<String> = printed.lines().map(str::to_owned).collect();
    let count = lines.pop().unwrap_or_default();
    let count = count.strip_suffix(" pages").and_then(|count| count.parse().ok());
    Some((lines, count.unwrap_or_else(|| panic!("no count of pages: {printed}"))))
}

#[test]
#[ignore = "starts a browser: .ci/run runs it"]
fn a_browser_shows_the_whole_site() {
    let Some((complaints, count)) = looked_at(built()) else { return };
    assert!(count > 60, "only {count} pages were found");
    nothing_to_complain(&complaints);
}

#[test]
#[ignore = "starts a browser: .ci/run runs it"]
fn what_a_browser_cannot_show_is_noticed() -> std::io::Result<()> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("page");
    fs::create_dir_all(folder.join("socketserver"))?;
    let page = |body: &str| {
        format!(
            "<!DOCTYPE html><title>A page</title><main><h1>A</h1>\
             <div class='docblock'><h2>B</h2><p>text</p>{body}</div></main>"
        )
    };
    let file = folder.join("socketserver/index.html");
    fs::write(&file, page("<pre style='overflow: auto'>\n</pre><h3>C</h3>"))?;
    let Some((complaints, 1)) = looked_at(&folder) else { return Ok(()) };
    nothing_to_complain(&complaints);
    fs::write(
        &file,
        page(
            "<h4>D</h4><p style='width: 600px'>a wide one</p>\
             <p style='color: #999; background: #fff'>a pale one</p>\
             <p style='width: 9em; white-space: nowrap; overflow: hidden'>\
             a paragraph without its end</p><svg></svg>\
             <img src='gone.svg' alt='gone'><img src='data:image/svg+xml,\
             <svg xmlns=\"http://www.w3.org/2000/svg\"/>'>",
        ),
    )?;
    let Some((complaints, _)) = looked_at(&folder) else { return Ok(()) };
    let complaints = complaints.join("\n");
    for words in [
        "(1200, light): h4 after h2",
        "(400, dark): wider than the page",
        "cut off: P \"a paragraph without its end\"",
        "contrast 2.8: P 153,153,153 on 255,255,255 \"a pale one\"",
        "a picture without words",
        "broken picture",
        "failed request: 404 for /socketserver/gone.svg",
    ] {
        assert!(complaints.contains(words), "no complaint `{words}`:\n{complaints}");
    }
    assert!(!complaints.contains("(1200, light): wider"), "{complaints}");
    Ok(())
}

#[test]
fn a_broken_link_of_the_site_is_noticed() -> std::io::Result<()> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("site");
    fs::create_dir_all(folder.join("socketserver/sub"))?;
    let write = |name: &str, html: &str| fs::write(folder.join(name), html);
    write("style.css", "")?;
    write(
        "socketserver/index.html",
        "<link href=\"../style.css\"><a class=\"x\" href=\"sub/page.html#here\">a</a>\
         <a href=\"sub/page.html#not-here\">b</a><a href=\"gone.html\">c</a>\
         <a href=\"https://example.org/\">d</a><img alt=\"\" src=\"gone.svg\"/>",
    )?;
    write(
        "socketserver/sub/page.html",
        "<h2 id=\"here\">e</h2><a href=\"../index.html\">",
    )?;
    let (pages, complaints) = crawl(&folder);
    assert_eq!(pages.len(), 2);
    assert_eq!(
        complaints,
        [
            "socketserver/index.html: gone.html leads nowhere",
            "socketserver/index.html: gone.svg leads nowhere",
            "socketserver/index.html: socketserver/sub/page.html has no place #not-here",
        ]
    );
    Ok(())
}
