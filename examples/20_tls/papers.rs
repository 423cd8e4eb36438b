//! What a server needs so that clients trust it: its private key, its certificate, and the
//! certificate of the authority that signed it. A real server gets these from others.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rcgen::{ExtendedKeyUsagePurpose, KeyUsagePurpose};
use socketserver::Certificate;

use crate::support::{mistake, show};

/// The names of the server: every machine has them, and they always mean itself.
const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// How long a certificate is valid.
const VALID: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Three texts in PEM format.
pub(crate) struct Papers {
    /// The authority's certificate. Anyone can have it.
    pub(crate) authority: String,
    /// The server's certificate. Every client gets it.
    certificate: String,
    /// The server's private key. Nobody else must ever have it.
    key: String,
}

impl Papers {
    /// Makes an authority, and lets it sign one certificate.
    pub(crate) fn new() -> io::Result<Self> {
        Self::signed().map_err(io::Error::other)
    }

    // [signed]
    fn signed() -> Result<Self, rcgen::Error> {
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        authority
            .distinguished_name
            .push(DnType::CommonName, "The authority of lesson 20");
        let authority_key = KeyPair::generate()?;
        let root = authority.self_signed(&authority_key)?; // nobody is above it
        let authority = Issuer::new(authority, authority_key);

        let mut server = CertificateParams::new(NAMES.map(str::to_owned))?;
        server.distinguished_name.push(DnType::CommonName, "The server of lesson 20");
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        server.use_authority_key_identifier_extension = true;
        server.not_before = (SystemTime::now() - Duration::from_secs(3600)).into();
        server.not_after = (SystemTime::now() + VALID).into();
        let key = KeyPair::generate()?;
        let certificate = server.signed_by(&key, &authority)?.pem();
        Ok(Self { authority: root.pem(), certificate, key: key.serialize_pem() })
    } // the authority's own key ends here: it will never sign another one
    // [/signed]

    /// What the server shows to its clients, and the key to it.
    pub(crate) fn certificate(&self) -> io::Result<Certificate> {
        Certificate::from_pem(&self.certificate, &self.key)
    }

    /// Writes all three to files, for other programs.
    pub(crate) fn save(&self, server: SocketAddr) -> io::Result<()> {
        let folder = folder(&server.to_string());
        let save = || {
            fs::create_dir_all(&folder)?;
            write(&folder.join("authority.pem"), &self.authority)?;
            write(&folder.join("certificate.pem"), &self.certificate)?;
            write(&folder.join("key.pem"), &self.key)
        };
        save().map_err(|error: io::Error| {
            mistake(format!(
                "The files in {} can't be written: {error}.\nStart the server in a folder \
                 that is yours, such as that of the course.",
                folder.display()
            ))
        })
    }
}

/// The certificate of the authority to trust: from this file, or from the one that the
/// server at `addr` wrote, if it runs on this machine.
pub(crate) fn authority(file: Option<&str>, addr: &str) -> io::Result<String> {
    let file = file.map_or_else(|| folder(addr).join("authority.pem"), PathBuf::from);
    let read = fs::read_to_string(&file).and_then(|text| {
        let found = text.contains("-----BEGIN CERTIFICATE-----");
        found.then_some(text).ok_or(io::Error::other("no certificate is in it"))
    });
    read.map_err(|error| {
        mistake(format!(
            "`{}` can't be used: {error}.\nThe server of this lesson writes such a file \
             when it starts: name it with --ca FILE.",
            file.display()
        ))
    })
}

/// Shows how other programs can talk to a server.
pub(crate) fn show_other_clients(server: SocketAddr) {
    let (folder, port) = (folder(&server.to_string()), server.port());
    let ca = folder.join("authority.pem");
    let ca = ca.display();
    show!(
        "or: curl --cacert {ca} --http0.9 --max-time 1 \
         https://localhost:{port}/hello"
    );
    show!(
        "or: openssl s_client -verify_return_error -CAfile {ca} \
         -quiet -connect localhost:{port}"
    );
    show!("or: python3 lessons/python/20_tls.py client --addr localhost:{port}");
}

/// Where the papers of the server at this address are: each port has its folder.
pub(crate) fn folder(addr: &str) -> PathBuf {
    let port = addr.rsplit(':').next().unwrap_or_default();
    Path::new("target/20_tls").join(port)
}

// [write]
/// Writes a file that nobody but its owner can read, from its first byte on.
fn write(path: &Path, text: &str) -> io::Result<()> {
    if path.exists() {
        fs::remove_file(path)?; // the old one might be readable to others
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(text.as_bytes())
}
// [/write]
