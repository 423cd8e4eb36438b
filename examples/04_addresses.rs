//! Lesson 04: what this machine makes of names, addresses and ports.

use std::io;
use std::net::{IpAddr, Ipv4Addr, TcpListener, TcpStream, ToSocketAddrs};
use std::process::ExitCode;

use support::{Args, Lesson, NAME, host_name, mistake, show};

mod support;

fn main() -> ExitCode {
    Lesson::new("what this machine makes of a name", demonstration)
        .words("[NAMES...]")
        .run()
}

fn demonstration(args: &Args) -> io::Result<()> {
    if !args.words().is_empty() {
        return args.words().iter().try_for_each(|name| show_name(name));
    }
    show!("this machine is called {}", host_name()?);
    show_name("localhost")?;
    show!("kinds of addresses");
    for text in ["10.1.2.3", "172.31.0.1", "172.32.0.1", "192.168.1.10", "fd00::7"] {
        show_address(text.parse().map_err(io::Error::other)?);
    }
    show_bytes();
    show_ports()
}

// [name]
fn show_name(name: &str) -> io::Result<()> {
    let answers = (name, 80).to_socket_addrs().map_err(|error| unknown(name, &error))?;
    let mut addresses: Vec<IpAddr> = answers.map(|answer| answer.ip()).collect();
    addresses.dedup();
    show!("{name}");
    for address in &addresses {
        show_address(*address);
    }
    if !addresses.iter().any(IpAddr::is_ipv6) {
        show!("  IPv6  none");
    }
    Ok(())
}
// [/name]

fn unknown(name: &str, error: &io::Error) -> io::Error {
    mistake(format!(
        "No host called `{name}` can be found ({error}).\nCheck the spelling, or try a \
         name that every machine knows: cargo run --example {NAME} localhost"
    ))
}

fn show_address(address: IpAddr) {
    let family = if address.is_ipv4() { "IPv4" } else { "IPv6" };
    show!("  {family}  {:<15} {}", address.to_string(), kind(address));
}

// [kind]
fn kind(address: IpAddr) -> &'static str {
    match address.to_canonical() {
        any if any.is_loopback() => "loopback: this machine",
        any if any.is_unspecified() => "unspecified: to listen on every address",
        any if any.is_multicast() => "multicast: a group of machines",
        IpAddr::V4(v4) if v4.is_private() => "private: not routed on the internet",
        IpAddr::V4(v4) if v4.is_link_local() => "link-local: this network, no router",
        IpAddr::V4(v4) if v4.is_broadcast() => "broadcast: all of this network",
        IpAddr::V6(v6) if v6.is_unique_local() => "private: not routed on the internet",
        IpAddr::V6(v6) if v6.is_unicast_link_local() => {
            "link-local: this network, no router"
        }
        _ => "none of these: most are public",
    }
}
// [/kind]

// [bytes]
fn show_bytes() {
    let address = Ipv4Addr::from([192, 168, 1, 10]);
    show!("the bytes {:?} are written {address}", address.octets());
    let port: u16 = 8080;
    let [first, second] = port.to_be_bytes(); // big end first: network byte order
    show!("the port {port} is sent as the bytes {first}, {second}");
    let swapped = u16::from_le_bytes([first, second]);
    show!("  read in the other order, they are {swapped}");
}
// [/bytes]

fn show_ports() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?; // port 0: any free one
    for number in [1, 2] {
        let stream = TcpStream::connect(listener.local_addr()?)?;
        let (other_end, own_end) = (stream.peer_addr()?, stream.local_addr()?);
        show!("client {number} of {other_end} is {own_end}");
    }
    Ok(())
}
