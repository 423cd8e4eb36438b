//! `Certificate`: what it accepts, and how it reports anything else.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rcgen::generate_simple_self_signed;
use socketserver::{Certificate, TcpRequest, ThreadedServer, UdpRequest};

/// A certificate for `localhost`, and its key.
fn pem() -> (String, String) {
    let made = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    (made.cert.pem(), made.signing_key.serialize_pem())
}

fn file(name: &str, text: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, text).unwrap();
    path
}

#[test]
fn a_certificate_comes_from_files_or_from_text() {
    let (certificate, key) = pem();
    Certificate::from_pem(&certificate, &key).unwrap();
    let (certificate, key) = (file("good.pem", &certificate), file("key.pem", &key));
    Certificate::from_files(&certificate, &key).unwrap();
    // Both in one file, as many programs keep them.
    let both =
        fs::read_to_string(certificate).unwrap() + &fs::read_to_string(key).unwrap();
    let both = file("both.pem", &both);
    Certificate::from_files(&both, &both).unwrap();
}

#[test]
fn what_is_wrong_with_a_file_is_said_with_its_name() {
    let ((certificate, key), (_, other)) = (pem(), pem());
    let good = file("named.pem", &certificate);
    let key_file = file("named-key.pem", &key);
    let wrong = |certificate: &Path, key: &Path| {
        let error = Certificate::from_files(certificate, key).unwrap_err();
        (error.kind(), error.to_string())
    };
    let cases = [
        (wrong(Path::new("no-such.pem"), &key_file), "no-such.pem: "),
        (wrong(&good, Path::new("no-such.pem")), "no-such.pem: "),
        (wrong(&key_file, &key_file), "named-key.pem: there is no certificate"),
        (wrong(&good, &good), "named.pem: there is no private key"),
        (wrong(&file("empty.pem", ""), &key_file), "empty.pem: there is no certificate"),
        (
            wrong(&good, &file("noise.pem", "\0\u{ff}")),
            "noise.pem: there is no private key",
        ),
        (wrong(&good, &file("other.pem", &other)), "named.pem: "),
        (wrong(Path::new("."), &key_file), ".: "),
    ];
    for ((_, message), begin) in &cases {
        assert!(message.starts_with(begin) || message.contains(begin), "{message}");
    }
    assert_eq!(cases[0].0.0, io::ErrorKind::NotFound);
    assert_eq!(cases[2].0.0, io::ErrorKind::InvalidInput);
}

#[test]
fn a_server_for_datagrams_refuses_it_with_a_sentence() {
    let (certificate, key) = pem();
    let options = || {
        let certificate = Certificate::from_pem(&certificate, &key).unwrap();
        ThreadedServer::builder().tls(certificate)
    };
    let handler = |_: &mut UdpRequest| Ok(());
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let errors = [
        options().udp("127.0.0.1:0", handler).unwrap_err(),
        options().from_socket(socket, handler).unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        assert!(error.to_string().contains("TLS encrypts streams"), "{error}");
    }
    let zero = options().handshake_timeout(std::time::Duration::ZERO);
    let error = zero.tcp("127.0.0.1:0", |_: &mut TcpRequest| Ok(())).unwrap_err();
    assert!(error.to_string().contains("handshake_timeout must not be zero"), "{error}");
}

#[test]
fn a_certificate_shows_no_key() {
    let (certificate, key) = pem();
    let shown = format!("{:?}", Certificate::from_pem(&certificate, &key).unwrap());
    assert_eq!(shown, "Certificate { .. }");
}
