//! WRONG: private addresses are let in, public ones kept out
use std::io;
use std::net::IpAddr;

pub(crate) fn main() -> io::Result<()> {
    for word in crate::words() {
        let address: IpAddr = word.parse().map_err(io::Error::other)?;
        println!("  {address}  {}", if is_own(address) { "let in" } else { "kept out" });
    }
    Ok(())
}

fn is_own(address: IpAddr) -> bool {
    address.to_string().starts_with("172.")
}
