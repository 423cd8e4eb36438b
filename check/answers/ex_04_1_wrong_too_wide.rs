//! WRONG: 172.16/12 ends at 172.31.255.255
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
        any if any.is_loopback() => true,
        IpAddr::V4(v4) => matches!(v4.octets(), [10, ..] | [172, 16..=31, ..] | [192, 168, ..] | [11, 0, ..]),
        IpAddr::V6(v6) => v6.is_unique_local(),
    }
}
