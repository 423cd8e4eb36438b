//! 16.2: a part of a page.

use crate::broken::{Broken, shown};
use crate::client::{Client, End, PATIENCE};
use crate::program::Server;
use crate::{Begin, Exercise, Program, Promise};

pub(super) const EXERCISE: Exercise = Exercise {
    id: "16.2",
    title: "a part of a page",
    lesson: "16_http_get",
    begin: Begin::Lesson,
    promises: &[
        Promise { name: "for `bytes=6-9`, the server sends four bytes", test: four },
        Promise { name: "for `bytes=6-`, it sends the rest", test: rest },
        Promise { name: "for `bytes=-6`, it sends the last six bytes", test: last },
        Promise {
            name: "if the range is too long, it sends the bytes that exist",
            test: too_much,
        },
        Promise {
            name: "if none of the bytes exist, it sends status 416",
            test: nothing,
        },
        Promise { name: "it ignores a range that it doesn't understand", test: ignored },
        Promise { name: "without Range, nothing changes", test: without },
        Promise { name: "for HEAD and for other pages, nothing changes", test: others },
    ],
};

/// A response, taken apart.
struct Answer {
    status: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        let found =
            self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map_or("(none)", |(_, value)| value)
    }

    fn shown(&self) -> String {
        format!(
            "status {}, Content-Range: {}, Content-Length: {}, body {}",
            self.status,
            self.header("Content-Range"),
            self.header("Content-Length"),
            shown(&self.body)
        )
    }
}

/// Asks for a page with these `Range` headers.
fn ask(server: &Server<'_>, line: &str, ranges: &[&str]) -> Result<Answer, Broken> {
    let mut client = Client::connect(server)?;
    let ranges: String =
        ranges.iter().map(|range| format!("Range: {range}\r\n")).collect();
    client.send(format!(
        "{line} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{ranges}\r\n"
    ));
    let got = client.read_while(PATIENCE, |bytes| bytes.len() < 100_000);
    let end = got.bytes.windows(4).position(|four| four == b"\r\n\r\n");
    let Some(end) = end.filter(|_| got.end == End::Closed) else {
        return Err(Broken::new(
            "To each request, the server sends a head and a body, and then closes \
            the connection, as in the lesson.",
        )
        .sent(format!("{line}, {ranges:?}"))
        .expected("a response, then end of file")
        .received(got.to_string()));
    };
    let head = String::from_utf8_lossy(&got.bytes[..end]).into_owned();
    let mut lines = head.lines();
    let status =
        lines.next().and_then(|line| line.split(' ').nth(1)).unwrap_or_default();
    let header = |line: &str| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_owned(), value.trim().to_owned()))
    };
    Ok(Answer {
        status: status.to_owned(),
        headers: lines.clone().filter_map(header).collect(),
        body: got.bytes[end + 4..].to_vec(),
    })
}

/// The whole first page.
fn page(server: &Server<'_>) -> Result<Vec<u8>, Broken> {
    let answer = ask(server, "GET /", &[])?;
    if answer.status == "200" && answer.body.len() > 20 {
        return Ok(answer.body);
    }
    Err(Broken::new(
        "Without a Range header, the server sends the whole first page, as in the lesson.",
    )
    .sent("GET /")
    .expected("status 200, and the page")
    .received(answer.shown()))
}

/// Asks for a range of the page, and expects its bytes `first` to `last`.
fn part(
    server: &Server<'_>,
    range: &str,
    page: &[u8],
    (first, last): (usize, usize),
    thought: &str,
) -> Result<(), Broken> {
    let answer = ask(server, "GET /", &[range])?;
    let (body, length) = (&page[first..=last], (last - first + 1).to_string());
    let content_range = format!("bytes {first}-{last}/{}", page.len());
    let is_right = answer.status == "206"
        && answer.body == body
        && answer.header("Content-Range") == content_range
        && answer.header("Content-Length") == length;
    if is_right {
        return Ok(());
    }
    Err(Broken::new(thought)
        .sent(format!("GET / with Range: {range} (the page has {} bytes)", page.len()))
        .expected(format!(
            "status 206, Content-Range: {content_range}, Content-Length: {length}, body {}",
            shown(body)
        ))
        .received(answer.shown()))
}

fn four(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let page = page(&server)?;
    let thought = "Both ends of the range are included, and the first byte is number \
        0, so 6-9 means four bytes. The head says which ones they are.";
    part(&server, "bytes=6-9", &page, (6, 9), thought)?;
    part(&server, "bytes=0-0", &page, (0, 0), thought)
}

fn rest(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let page = page(&server)?;
    let last = page.len() - 1;
    let thought =
        "Without a last byte, the range goes to the end of the page, byte N-1.";
    part(&server, "bytes=6-", &page, (6, last), thought)?;
    part(&server, &format!("bytes={last}-"), &page, (last, last), thought)
}

fn last(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let page = page(&server)?;
    let thought = "Without a first byte, the number counts from the end, so these are \
        the last six bytes.";
    part(&server, "bytes=-6", &page, (page.len() - 6, page.len() - 1), thought)
}

fn too_much(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let page = page(&server)?;
    let last = page.len() - 1;
    let thought =
        "A client can ask for more bytes than there are. It gets those that exist.";
    part(&server, "bytes=6-999999", &page, (6, last), thought)?;
    part(&server, "bytes=-999999", &page, (0, last), thought)
}

fn nothing(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let page = page(&server)?;
    let wanted = format!("bytes */{}", page.len());
    for range in ["bytes=999999-", "bytes=-0", &format!("bytes={}-", page.len())] {
        let answer = ask(&server, "GET /", &[range])?;
        if answer.status != "416" || answer.header("Content-Range") != wanted {
            return Err(Broken::new(
                "The range contains no byte of the page. Byte N doesn't exist: the \
                 last one is N-1.",
            )
            .sent(format!(
                "GET / with Range: {range} (the page has {} bytes)",
                page.len()
            ))
            .expected(format!("status 416, Content-Range: {wanted}"))
            .received(answer.shown()));
        }
    }
    Ok(())
}

fn ignored(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let page = page(&server)?;
    let strange: &[&[&str]] = &[
        &["lines=6-9"],
        &["bytes=9-6"],
        &["bytes=1-2,4-5"],
        &["bytes=-"],
        &["bytes=six-9"],
        &["bytes=+6-9"],
        &["bytes=6-9", "bytes=1-2"],
    ];
    for ranges in strange {
        let answer = ask(&server, "GET /", ranges)?;
        if answer.status != "200" || answer.body != page {
            return Err(Broken::new(
                "If the server doesn't understand a range, it must not guess. (Rust's \
                 `parse` accepts a plus sign, and returns an error for other things.)",
            )
            .sent(format!("GET / with Range: {}", ranges.join(" and Range: ")))
            .expected("status 200, and the whole page")
            .received(answer.shown()));
        }
    }
    Ok(())
}

/// Checks that a range changes nothing (but the date).
fn unchanged(server: &Server<'_>, line: &str) -> Result<(), Broken> {
    let before = ask(server, line, &[])?;
    let after = ask(server, line, &["bytes=6-9"])?;
    let same = before.status == after.status
        && before.body == after.body
        && before.header("Content-Length") == after.header("Content-Length")
        && before.header("Content-Range") == after.header("Content-Range");
    if same {
        return Ok(());
    }
    Err(Broken::new("Only for a `GET` of the first page, the server sends a part.")
        .sent(format!("{line} with Range: bytes=6-9"))
        .expected(before.shown())
        .received(after.shown()))
}

fn without(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let page = page(&server)?;
    let answer = ask(&server, "GET /", &[])?;
    if answer.header("Content-Range") == "(none)"
        && answer.header("Content-Length") == page.len().to_string()
    {
        return Ok(());
    }
    Err(Broken::new("Content-Range is only for a part of a page.")
        .sent("GET /")
        .expected(format!("Content-Length: {}, and no Content-Range", page.len()))
        .received(answer.shown()))
}

fn others(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    ["HEAD /", "GET /no-such-page", "GET /chunked"]
        .iter()
        .try_for_each(|line| unchanged(&server, line))
}
