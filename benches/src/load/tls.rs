//! Encrypted clients. They don't check the certificate: that would only cost client
//! time.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use rustls::client::danger::ServerCertVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned,
};

use super::message::Message;
use super::{PATIENCE, Tally, Timing, workers, wrong};
use crate::sample::{Metric, Sample};
use crate::server::Server;

type Stream = StreamOwned<ClientConnection, TcpStream>;

/// The size of a long message.
const LONG: usize = 64 * 1024;

/// Measures `loops` clients that connect, do the handshake, have a message echoed, and
/// close.
pub fn visits(server: &mut Server, loops: usize, timing: Timing) -> io::Result<Sample> {
    let address = server.address;
    workers::run(server, loops, timing, |number, phase| {
        let mut tally = Tally::default();
        let mut message = Message::first_of(number);
        while !phase.is_over() {
            let begin = Instant::now();
            let mut stream = connect(address, message)?;
            stream.conn.send_close_notify();
            stream.flush()?;
            if phase.counts() {
                tally.count(begin.elapsed());
            }
            message = message.next();
        }
        Ok(tally)
    })
}

/// Measures `connections` clients with a connection each: short messages, or long ones,
/// there and back. The rate of long ones is in megabytes (10⁶ bytes) a second.
pub fn talk(
    server: &mut Server,
    connections: usize,
    is_long: bool,
    timing: Timing,
) -> io::Result<Sample> {
    let address = server.address;
    let size = if is_long { LONG } else { Message::SIZE };
    let mut sample = workers::run(server, connections, timing, |number, phase| {
        let mut stream = connect(address, Message::first_of(number))?;
        let message: Vec<u8> =
            (0..size).map(|place| (place * 31 + number) as u8).collect();
        let mut reply = vec![0; size];
        let mut tally = Tally::default();
        while !phase.is_over() {
            let begin = Instant::now();
            stream.write_all(&message)?;
            stream.read_exact(&mut reply)?;
            if reply != message {
                return Err(wrong("the reply is wrong"));
            }
            if phase.counts() {
                tally.count(begin.elapsed());
            }
        }
        Ok(tally)
    })?;
    if let (true, Some(rate)) = (is_long, sample.get(Metric::Rate)) {
        sample.set(Metric::Rate, rate * LONG as f64 / 1e6);
    }
    Ok(sample)
}

/// Measures what each of `connections` idle ones costs the server.
pub fn idle(server: &mut Server, connections: usize) -> io::Result<Sample> {
    drop(connect(server.address, Message::first_of(0))?);
    let before = server.memory()?;
    let idle = (0..connections)
        .map(|number| connect(server.address, Message::first_of(number)))
        .collect::<io::Result<Vec<_>>>()?;
    let memory = (server.memory()? as f64 - before as f64) / connections as f64;
    drop(idle);
    let mut sample = Sample::default();
    sample.set(Metric::Memory, memory);
    Ok(sample)
}

/// A connection that has had its first message echoed.
fn connect(server: SocketAddr, message: Message) -> io::Result<Stream> {
    static CONFIG: LazyLock<Arc<ClientConfig>> = LazyLock::new(|| {
        let provider = Arc::new(ring::default_provider());
        let verifier = Arc::new(Anybody(Arc::clone(&provider)));
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(rustls::DEFAULT_VERSIONS)
            .map(|config| config.dangerous().with_custom_certificate_verifier(verifier));
        let mut config = config.expect("ring has them").with_no_client_auth();
        config.resumption = rustls::client::Resumption::disabled();
        Arc::new(config)
    });
    let socket = TcpStream::connect_timeout(&server, PATIENCE)?;
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_write_timeout(Some(PATIENCE))?;
    let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
    let tls =
        ClientConnection::new(Arc::clone(&CONFIG), name).map_err(io::Error::other)?;
    let mut stream = StreamOwned::new(tls, socket);
    stream.write_all(&message.bytes())?;
    let mut reply = [0; Message::SIZE];
    stream.read_exact(&mut reply)?;
    message.compare(&reply)?;
    Ok(stream)
}

/// Trusts any server.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
