//! What a server proves its identity with: its certificate, and the private key to it.

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// A server's certificate and private key, for
/// [`ServerBuilder::tls`](crate::ServerBuilder::tls) (feature `tls`).
///
/// It is what Python's `SSLContext` is after `load_cert_chain`. It agrees on TLS 1.2 and
/// 1.3, with `rustls`'s safe defaults, and asks clients for no certificates.
///
/// ```no_run
/// use std::io::{self, Write};
/// use socketserver::{Certificate, TcpRequest, ThreadedServer};
///
/// fn greet(request: &mut TcpRequest) -> io::Result<()> {
///     writeln!(request, "Nobody else can read this.")
/// }
///
/// let certificate = Certificate::from_files("certificate.pem", "key.pem")?;
/// ThreadedServer::builder().tls(certificate).tcp("127.0.0.1:8443", greet)?.serve_forever()?;
/// # io::Result::Ok(())
/// ```
///
/// For everything else (client certificates, several names, a certificate that is renewed
/// while the server runs) make a `rustls::ServerConfig`: an `Arc` of one becomes a
/// `Certificate` by `into()`. Here, clients need a certificate, too:
///
/// ```no_run
/// // `cargo add rustls@0.23 --no-default-features --features ring,std,tls12`
/// use rustls::pki_types::pem::PemObject;
/// use rustls::pki_types::{CertificateDer, PrivateKeyDer};
/// use rustls::server::WebPkiClientVerifier;
/// use rustls::{RootCertStore, ServerConfig};
/// use socketserver::Certificate;
/// use std::sync::Arc;
///
/// fn for_known_clients() -> Result<Certificate, Box<dyn std::error::Error>> {
///     let mut issuers = RootCertStore::empty();
///     issuers.add(CertificateDer::from_pem_file("issuer.pem")?)?;
///     let verifier = WebPkiClientVerifier::builder(Arc::new(issuers)).build()?;
///     let chain = CertificateDer::pem_file_iter("certificate.pem")?;
///     let key = PrivateKeyDer::from_pem_file("key.pem")?;
///     let mut config = ServerConfig::builder()
///         .with_client_cert_verifier(verifier)
///         .with_single_cert(chain.collect::<Result<_, _>>()?, key)?;
///     config.send_tls13_tickets = 0; // see below
///     Ok(Arc::new(config).into())
/// }
/// ```
///
/// Send no tickets, unless your clients need them to shake hands faster. A client that
/// closes its connection and hasn't read its tickets resets it, and the end of what it sent
/// is lost. ([`from_files`](Self::from_files) and [`from_pem`](Self::from_pem) see to that.)
/// The handler isn't told which certificate its client has.
///
/// A `Certificate` is cheap to clone.
#[derive(Clone)]
pub struct Certificate(Arc<ServerConfig>);

impl Certificate {
    /// Reads two files in PEM format: the certificate, with those of its issuers behind it,
    /// and its private key (which must not be encrypted).
    ///
    /// # Errors
    ///
    /// Fails when a file cannot be read, and with
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) when it doesn't hold what it should, or
    /// the key belongs to another certificate. The message names the file.
    pub fn from_files(
        certificate: impl AsRef<Path>,
        key: impl AsRef<Path>,
    ) -> io::Result<Self> {
        let (certificate, key) = (certificate.as_ref(), key.as_ref());
        let read = |path: &Path| {
            fs::read(path).map_err(|error| named(path.display(), error.kind(), error))
        };
        let (chain, private) = (read(certificate)?, read(key)?);
        Self::new(&chain, &certificate.display(), &private, &key.display())
    }

    /// The same from two texts in PEM format.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput), as for
    /// [`from_files`](Self::from_files).
    pub fn from_pem(certificate: &str, key: &str) -> io::Result<Self> {
        let names = ("the certificate", "the key");
        Self::new(certificate.as_bytes(), &names.0, key.as_bytes(), &names.1)
    }

    /// `chain_name` and `key_name` are for messages.
    fn new(
        chain: &[u8],
        chain_name: &dyn fmt::Display,
        key: &[u8],
        key_name: &dyn fmt::Display,
    ) -> io::Result<Self> {
        let invalid = |name: &dyn fmt::Display, what: String| {
            named(name, io::ErrorKind::InvalidInput, what)
        };
        let certificates: Vec<_> = CertificateDer::pem_slice_iter(chain)
            .collect::<Result<_, _>>()
            .map_err(|error| invalid(chain_name, error.to_string()))?;
        if certificates.is_empty() {
            let what =
                "there is no certificate in it (in PEM format, -----BEGIN CERTIFICATE)";
            return Err(invalid(chain_name, what.to_owned()));
        }
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| {
            let what =
                format!("there is no private key in it that can be read: {error}");
            invalid(key_name, what)
        })?;
        // The program might have chosen another provider of cryptography for itself.
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map(|config| config.with_no_client_auth())
            .and_then(|config| config.with_single_cert(certificates, key))
            .map(|mut config| {
                // Tickets, to shake hands faster next time, go out without being asked for.
                // When a client that hasn't read them closes its connection, the system
                // resets it, and what the client sent last is lost.
                config.send_tls13_tickets = 0;
                Self(Arc::new(config))
            })
            .map_err(|error| invalid(chain_name, error.to_string()))
    }

    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.0)
    }
}

fn named(
    name: impl fmt::Display,
    kind: io::ErrorKind,
    what: impl fmt::Display,
) -> io::Error {
    io::Error::new(kind, format!("{name}: {what}"))
}

impl From<Arc<ServerConfig>> for Certificate {
    fn from(config: Arc<ServerConfig>) -> Self {
        Self(config)
    }
}

/// Doesn't show the key.
impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate").finish_non_exhaustive()
    }
}
