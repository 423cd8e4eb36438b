//! WRONG: this machine is accepted
use std::io;
use std::net::IpAddr;

pub(crate) fn main() -> io::Result<()> {
    for word in crate::words() {
        let address: IpAddr = word.parse().map_err(io::Error::other)?;
        println!("  {address}  {}", if is_own(address) { "accepted" } else { "rejected" });
    }
    Ok(())
}

fn is_own(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.is_private(),
        IpAddr::V6(v6) => v6.is_unique_local(),
    }
}
