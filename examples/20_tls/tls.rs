//! A client's half of TLS, with `rustls`. It talks only to a server with a good certificate.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use rustls::CertificateError::{self, BadSignature, UnknownIssuer};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::support::{PATIENCE, mistake, retry, say};

/// A connection on which everything is encrypted.
pub(crate) type Encrypted = StreamOwned<ClientConnection, TcpStream>;

/// No server says more than this in one line.
const MOST: u64 = 1024 * 1024;

// [encrypted]
/// Encrypts a connection, and makes sure that the server at its other end is `name`. An
/// authority in `trusted`, a text in PEM format, must have signed its certificate.
pub(crate) fn encrypted(
    socket: TcpStream,
    name: &str,
    trusted: &str,
) -> io::Result<Encrypted> {
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_write_timeout(Some(PATIENCE))?;
    let config = ClientConfig::builder()
        .with_root_certificates(authorities(trusted)?)
        .with_no_client_auth(); // the server doesn't ask who we are
    let server = ServerName::try_from(name.to_owned()).map_err(|_| no_name(name))?;
    let session = ClientConnection::new(Arc::new(config), server);
    let session = session.map_err(io::Error::other)?;
    let mut stream = StreamOwned::new(session, socket);
    retry(|| stream.flush()).map_err(|error| in_words(error, name))?; // the handshake
    Ok(stream)
}
// [/encrypted]

fn authorities(trusted: &str) -> io::Result<RootCertStore> {
    let mut authorities = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(trusted.as_bytes()) {
        let certificate = certificate.map_err(io::Error::other)?;
        authorities.add(certificate).map_err(io::Error::other)?;
    }
    Ok(authorities)
}

/// Sends a line and prints the line that comes back, encrypted or not.
pub(crate) fn ask(stream: &mut (impl Read + Write), message: &str) -> io::Result<()> {
    say!("sends    {message}");
    stream.write_all(format!("{message}\n").as_bytes())?;
    stream.flush()?;
    let mut answer = Vec::new();
    if BufReader::new(stream).take(MOST).read_until(b'\n', &mut answer)? == 0 {
        return Err(ErrorKind::UnexpectedEof.into()); // closed without a reply
    }
    say!("received {}", String::from_utf8_lossy(&answer).trim_end());
    Ok(())
}

// [goodbye]
/// Says that this was all, and waits for the server to say it too. The end of a
/// connection alone proves nothing: anybody on the way can cut it.
pub(crate) fn goodbye(mut stream: Encrypted) -> io::Result<()> {
    stream.conn.send_close_notify();
    stream.flush()?;
    match io::copy(&mut stream.take(MOST), &mut io::sink()) {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
            say!("the server left without a goodbye");
            Ok(())
        }
        other => other.map(drop),
    }
}
// [/goodbye]

fn no_name(name: &str) -> io::Error {
    mistake(format!(
        "`{name}` can't be the name of a server.\nA name is like example.org, or an \
         address without a port: --name localhost"
    ))
}

/// Why a handshake failed. (An error of the socket stays as it is.)
fn in_words(error: io::Error, name: &str) -> io::Error {
    let Some(reason) = error.get_ref().and_then(|it| it.downcast_ref()) else {
        return error;
    };
    mistake(match reason {
        rustls::Error::InvalidCertificate(UnknownIssuer | BadSignature) => {
            "Refused: no authority that you trust signed the server's certificate.\n\
             The server makes a new authority at each start: name it with --ca FILE."
                .to_owned()
        }
        rustls::Error::InvalidCertificate(
            CertificateError::NotValidForNameContext { .. },
        ) => format!(
            "Refused: the server's certificate is good, but it isn't for {name}.\nIs it \
             the right server? Use a name in its certificate: --name localhost"
        ),
        rustls::Error::InvalidCertificate(why) => format!(
            "Refused: the server's certificate isn't good: {why}.\nAsk whoever runs \
             the server; and see whether this machine's clock is right."
        ),
        other => format!(
            "What answers there doesn't speak TLS as it should: {other}.\nIs it the \
             server of this lesson? The one of lesson 11 isn't encrypted."
        ),
    })
}
