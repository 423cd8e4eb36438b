//! Tests lesson 16's server and its Python version with well-known clients, and the
//! clients with well-known servers. It says so if one isn't installed, and skips it.

use super::http_client::all_fetch;
use super::http_server::each_server;
use super::*;

/// What a program prints with these arguments; `None`, with a message, if there is no
/// such program.
fn tool(program: &str, args: &[&str]) -> Result<Option<String>, String> {
    let mut command = Command::new(program);
    match run(command.args(args), Instant::now() + DEADLINE) {
        Ok((output, _)) => {
            Ok(Some(String::from_utf8_lossy(&output.stdout).into_owned()))
        }
        Err(_) if Command::new(program).arg("--version").output().is_err() => {
            skipped(&format!("no {program} here, so lesson 16 was not tested with it"));
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn curl(args: &[&str]) -> Result<Option<String>, String> {
    let always = ["--silent", "--show-error", "--max-time", "9", "--noproxy", ""];
    tool("curl", &[&always, args].concat())
}

/// Reports what was not tested, in a way that the test harness doesn't capture.
fn skipped(what: &str) {
    let _ = writeln!(io::stderr().lock(), "SKIPPED: {what}");
}

/// An empty directory for a test.
fn directory(name: &str) -> io::Result<std::path::PathBuf> {
    let dir = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&dir)?;
    Ok(dir)
}

/// A file that is large enough for an upload.
fn large_file(name: &str) -> io::Result<String> {
    let file = directory("lesson_16")?.join(name);
    std::fs::write(&file, vec![b'x'; 3_000_000])?;
    Ok(file.display().to_string())
}

#[test]
fn curl_is_answered_like_our_own_client() -> Outcome {
    each_server(|addr| {
        for (path, body) in [
            ("/", "Hello from lesson 16.\n"),
            ("/chunked", "one, two, three\n"),
            ("/until-close", "it is over when it is over\n"),
            ("/no-such-page", "no such page\n"),
        ] {
            let url = format!("http://{addr}{path}");
            for version in ["--http1.1", "--http1.0", "-0", "--http2"] {
                let Some(printed) = curl(&[version, &url])? else { return Ok(()) };
                assert!(printed.starts_with(body.trim_end()), "{path}: {printed}");
            }
            let (printed, _) = fetch(&[&url])?;
            assert!(printed.contains(body), "{path}: {printed}");
        }
        Ok(())
    })
}

#[test]
fn curl_gets_what_it_asks_for() -> Outcome {
    let upload = large_file("curl")?;
    each_server(|addr| {
        let home = format!("http://{addr}/");
        let page = |path: &str| format!("http://{addr}{path}");
        let proxy = format!("http://{addr}");
        let put = format!("@{upload}");
        for (args, printed) in [
            (vec![&home as &str], "200 125"),
            (vec!["-I", &home], "200 0"),
            (vec!["-0", "-I", &home], "200 0"),
            (vec!["-I", &page("/chunked")], "200 0"),
            (vec!["-I", &page("/bytes/10000000000")], "200 0"),
            (vec![&page("/bytes/3000000")], "200 3000000"),
            (vec![&page("/?x=1#part")], "200 125"),
            (vec!["-x", &proxy, "http://example.org/chunked"], "200 16"),
            (vec!["-x", &proxy, "-I", "http://example.org"], "200 0"),
            (vec!["--path-as-is", &page("/a/../chunked")], "404 13"),
            (vec![&page("/a/../chunked")], "200 16"),
            (vec!["-H", "Host:", &home], "400 17"),
            (vec!["-H", "Host: two words", &home], "400 35"),
            (vec!["-H", "A: b", "-H", "B;", &home], "200 125"),
            (vec!["-r", "0-3", &page("/bytes/125")], "200 125"),
            (vec!["-X", "BREW", &home], "501 15"),
            (vec!["-X", "OPTIONS", "--request-target", "*", &home], "405 31"),
            (vec!["--data-binary", &put, &home], "405 31"),
            (vec!["-T", &upload, &home], "405 31"),
            (vec!["-T", &upload, "-H", "Expect: 100-continue", &home], "405 31"),
            (vec!["-T", &upload, "-H", "Expect:", &home], "405 31"),
            (vec!["-T", &upload, "-H", "Transfer-Encoding: chunked", &home], "405 31"),
            (
                vec!["-T", &upload, "--limit-rate", "3M", "-H", "Expect:", &home],
                "405 31",
            ),
            (vec!["-X", "GET", "-T", &upload, &home], "413 13"),
        ] {
            let size = ["-o", "/dev/null", "-w", "%{http_code} %{size_download}"];
            let Some(found) = curl(&[&size[..], &args].concat())? else { return Ok(()) };
            if args.contains(&"Host:") || args.contains(&"Host: two words") {
                assert!(found.starts_with("400 "), "{args:?}: {found}");
            } else {
                assert_eq!(found, printed, "{args:?}");
            }
        }
        Ok(())
    })
}

#[test]
fn wget_gets_what_it_asks_for() -> Outcome {
    each_server(|addr| {
        for (args, expected) in [
            (vec!["/chunked"], "one, two, three"),
            (vec!["/until-close"], "it is over when it is over"),
            (vec!["-S", "/no-such-page"], "404 Not Found"),
            (vec!["-S", "--spider", "/bytes/10"], "Content-Length: 10"),
            (vec!["-S", "--post-data=abc", "/"], "405 Method Not Allowed"),
        ] {
            let (path, options) = args.split_last().ok_or("no path")?;
            let url = format!("http://{addr}{path}");
            let always = ["--no-proxy", "-t", "1", "-T", "9", "-O", "-"];
            let args = [&always[..], options, &[&url]].concat();
            let Some(printed) = tool("wget", &args)? else { return Ok(()) };
            assert!(printed.contains(expected), "{args:?}: {printed}");
        }
        Ok(())
    })
}

/// Python's clients send the whole body before they read the response.
const PYTHONS_CLIENTS: &str = "\
import http.client, sys, time, urllib.error, urllib.request
host = sys.argv[1]

def asked(method, path, *more):
    client = http.client.HTTPConnection(host, timeout=9)
    client.request(method, path, *more)
    response = client.getresponse()
    print(method, path, response.status, len(response.read()), flush=True)

def slowly():
    for _ in range(10):
        yield b'x' * 1000
        time.sleep(0.05)

asked('GET', '/')
asked('GET', '/chunked')
asked('GET', '/until-close')
asked('HEAD', '/bytes/1000')
asked('POST', '/', b'x' * 5_000_000)
asked('PUT', '/', slowly(), {'Content-Length': '10000'})
asked('PUT', '/', slowly())
asked('GET', '/', b'x' * 5_000_000)
print('urllib', len(urllib.request.urlopen(f'http://{host}/bytes/70000').read()))
try:
    urllib.request.urlopen(f'http://{host}/no-such-page')
except urllib.error.HTTPError as error:
    print('urllib', error.code)
";

#[test]
fn pythons_own_clients_get_what_they_ask_for() -> Outcome {
    let Some(python) = python() else { return Ok(()) };
    each_server(|addr| {
        let mut command = Command::new(python);
        command.args(["-c", PYTHONS_CLIENTS, &addr.to_string()]).env("no_proxy", "*");
        let (output, _) = run(&mut command, Instant::now() + DEADLINE)?;
        let printed = String::from_utf8_lossy(&output.stdout);
        let lines: Vec<&str> = printed.lines().collect();
        assert_eq!(
            lines,
            [
                "GET / 200 125",
                "GET /chunked 200 16",
                "GET /until-close 200 27",
                "HEAD /bytes/1000 200 0",
                "POST / 405 31",
                "PUT / 405 31",
                "PUT / 405 31",
                "GET / 413 13",
                "urllib 70000",
                "urllib 404",
            ],
        );
        Ok(())
    })
}

/// A browser opens more connections than it needs. The servers don't complain.
#[test]
fn a_browser_shows_the_page() -> Outcome {
    let browsers = ["chromium", "chromium-browser", "google-chrome"];
    let is_here = |name: &&&str| Command::new(name).arg("--version").output().is_ok();
    let Some(browser) = browsers.iter().find(is_here) else {
        skipped("no Chromium here, so lesson 16's server was not tested with a browser");
        return Ok(());
    };
    let profile = directory("browser")?.display().to_string();
    each_server(|addr| {
        let url = format!("http://{addr}/chunked?x=1");
        let profile = format!("--user-data-dir={profile}-{}", addr.port());
        let args = ["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"];
        let printed = tool(browser, &[&args[..], &[&profile, &url]].concat())?;
        assert!(printed.is_some_and(|page| page.contains("one, two, three")));
        Ok(())
    })
}

#[test]
fn pythons_web_server_is_read_like_any_other() -> Outcome {
    let Some(python) = python() else { return Ok(()) };
    let dir = directory("lesson_16")?;
    std::fs::write(dir.join("file.txt"), "written by a test\n".repeat(10))?;
    let mut command = Command::new(python);
    command.args(["-m", "http.server", "0", "--bind", "127.0.0.1", "--directory"]);
    let mut server = Program::start(command.arg(&dir))?;
    let line = server.line(Instant::now() + DEADLINE)?.unwrap_or_default();
    let port = line.split_whitespace().skip_while(|word| *word != "port").nth(1);
    let port = port.ok_or_else(|| format!("no port in: {line}"))?;
    for printed in all_fetch(&format!("http://127.0.0.1:{port}/file.txt"))? {
        assert!(printed.contains("written by a test\n180 bytes in "), "{printed}");
    }
    for printed in all_fetch(&format!("http://127.0.0.1:{port}/missing"))? {
        assert!(printed.contains("< HTTP/1.0 404 File not found\n"), "{printed}");
    }
    for printed in all_fetch(&format!("http://127.0.0.1:{port}?a=b#c"))? {
        assert!(printed.contains("file.txt"), "{printed}"); // the files in the directory
    }
    Ok(())
}

/// Writes a server's files and configuration, with the port where it listens.
fn nginx_in(dir: &std::path::Path, port: u16) -> io::Result<()> {
    std::fs::write(dir.join("file.txt"), "served by nginx\n".repeat(10_000))?;
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {name};\n"))
        .concat();
    let configuration = format!(
        "daemon off;\nmaster_process off;\npid nginx.pid;\nerror_log stderr;\nevents {{}}\n\
         http {{\naccess_log off;\n{temporary}server {{\nlisten 127.0.0.1:{port};\n\
         root .;\ndefault_type text/plain;\n}}\n}}\n"
    );
    std::fs::write(dir.join("nginx.conf"), configuration)
}

#[test]
fn nginx_is_read_like_any_other() -> Outcome {
    if Command::new("nginx").arg("-v").output().is_err() {
        skipped("no nginx here, so lesson 16's client was not tested against it");
        return Ok(());
    }
    let dir = directory("nginx")?;
    // It can't choose a port by itself. A port that is free now might be taken a moment
    // later.
    for _ in 0..5 {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        nginx_in(&dir, port)?;
        let mut command = Command::new("nginx");
        command.args(["-e", "stderr", "-c", "nginx.conf", "-p"]).arg(&dir);
        let mut server = Program::start(&mut command)?;
        let end = Instant::now() + DEADLINE;
        while !server.has_ended() && Instant::now() < end {
            let Ok(stream) = TcpStream::connect(("127.0.0.1", port)) else {
                // It doesn't say when it listens.
                thread::sleep(Duration::from_millis(5));
                continue;
            };
            drop(stream);
            let page = |path: &str| all_fetch(&format!("http://127.0.0.1:{port}{path}"));
            for printed in page("/file.txt?a=b")? {
                assert!(printed.contains("< HTTP/1.1 200 OK\n< Server: nginx"));
                assert!(printed.contains("\n160000 bytes in "), "{printed}");
            }
            for printed in page("/missing")? {
                assert!(printed.contains("< HTTP/1.1 404 Not Found\n"), "{printed}");
            }
            return Ok(());
        }
    }
    Err("nginx did not start".into())
}
