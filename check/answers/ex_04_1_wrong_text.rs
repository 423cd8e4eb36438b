//! WRONG: private addresses are accepted, public ones rejected
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
    address.to_string().starts_with("172.")
}
