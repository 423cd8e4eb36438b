//! WRONG: an IPv4 address inside an IPv6 one is what it is
use std::io;
use std::net::IpAddr;

pub(crate) fn main() -> io::Result<()> {
    for word in crate::words() {
        let address: IpAddr = word.parse().map_err(io::Error::other)?;
        println!("  {address}  {}", kind(address));
    }
    Ok(())
}

fn kind(address: IpAddr) -> &'static str {
    match address {
        IpAddr::V4(v4) if v4.is_private() => "private: not routed on the internet",
        IpAddr::V4(v4) if matches!(v4.octets(), [100, 64..=127, ..]) => {
            "shared: behind the provider's NAT"
        }
        _ => "none of these: most are public",
    }
}
