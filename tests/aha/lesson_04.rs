//! Lesson 04: names, addresses, ports.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, ToSocketAddrs};

use super::course::files::{read, root};
use super::course::programs::{python, run};
use super::*;

/// What a program prints, and its exit status.
fn output(command: &mut Command) -> Result<(String, Option<i32>), String> {
    let (output, _) = run(command, Instant::now() + DEADLINE)?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok((text, output.status.code()))
}

#[test]
fn connect_tries_each_address_in_turn() -> Outcome {
    let (_closed, nobody) = closed_port()?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let somebody = listener.local_addr()?;
    // What a name with two addresses resolves to. Nobody listens at the first one.
    let stream = TcpStream::connect(&[nobody, somebody][..])?;
    assert_eq!(stream.peer_addr()?, somebody);
    Ok(())
}

#[test]
fn parse_rejects_an_address_with_a_leading_zero() -> Outcome {
    assert!("010.0.0.1".parse::<IpAddr>().is_err());
    assert!("10.0.0.256".parse::<IpAddr>().is_err());
    assert!("10.1".parse::<IpAddr>().is_err());
    if let Some(python) = python() {
        let program = "import ipaddress; ipaddress.ip_address('010.0.0.1')";
        let (printed, status) = output(Command::new(python).args(["-c", program]))?;
        assert!(printed.contains("ValueError") && status == Some(1), "{printed}");
    }
    Ok(())
}

#[cfg(unix)]
#[test]
fn a_look_up_takes_a_leading_zero_as_octal() -> Outcome {
    let ip = |text: &str| -> io::Result<Vec<IpAddr>> {
        Ok((text, 80).to_socket_addrs()?.map(|answer| answer.ip()).collect())
    };
    assert_eq!(ip("010.0.0.1")?, [Ipv4Addr::new(8, 0, 0, 1)]);
    assert_eq!(ip("10.0.0.1")?, [Ipv4Addr::new(10, 0, 0, 1)]);
    assert_eq!(ip("127.1")?, [Ipv4Addr::LOCALHOST]);
    Ok(())
}

#[test]
fn text_and_bytes_of_an_address_are_the_same_thing() -> Outcome {
    for (text, bytes) in [("127.0.0.1", [127, 0, 0, 1]), ("0.0.0.0", [0; 4])] {
        let address: Ipv4Addr = text.parse()?; // inet_pton
        assert_eq!(address.octets(), bytes);
        assert_eq!(Ipv4Addr::from(bytes).to_string(), text); // inet_ntop
    }
    let mut bytes = [0; 16];
    bytes[15] = 1;
    assert_eq!("::1".parse::<Ipv6Addr>()?.octets(), bytes);
    // Many texts, one address; it is written in the short form.
    assert_eq!("0:0:0:0:0:0:0:0001".parse::<Ipv6Addr>()?.to_string(), "::1");
    Ok(())
}

#[test]
fn network_byte_order_is_the_same_on_every_machine() {
    assert_eq!(8080_u16.to_be_bytes(), [31, 144]);
    assert_eq!(31 * 256 + 144, 8080);
    // `htons` and `htonl`: the number that this machine keeps as those bytes.
    assert_eq!(8080_u16.to_be().to_ne_bytes(), [31, 144]);
    assert_eq!(0x0a00_0001_u32.to_be().to_ne_bytes(), [10, 0, 0, 1]);
    assert_eq!(8080_u16.to_be() == 8080, cfg!(target_endian = "big"));
    // A port's number stays as it is: std swaps its bytes where it has to.
    assert_eq!(SocketAddr::from(([127, 0, 0, 1], 8080)).port(), 8080);
}

#[test]
fn the_private_ranges_end_where_the_note_says() -> Outcome {
    for (first, last) in [
        ("10.0.0.0", "10.255.255.255"),
        ("172.16.0.0", "172.31.255.255"),
        ("192.168.0.0", "192.168.255.255"),
    ] {
        let (first, last): (Ipv4Addr, Ipv4Addr) = (first.parse()?, last.parse()?);
        assert!(first.is_private() && last.is_private());
        let before = Ipv4Addr::from(u32::from(first) - 1);
        let after = Ipv4Addr::from(u32::from(last) + 1);
        assert!(!before.is_private() && !after.is_private(), "{before}, {after}");
    }
    assert!("fc00::".parse::<Ipv6Addr>()?.is_unique_local());
    assert!("fdff:ffff::".parse::<Ipv6Addr>()?.is_unique_local());
    assert!(!"fe00::".parse::<Ipv6Addr>()?.is_unique_local());
    Ok(())
}

#[test]
fn python_calls_more_addresses_private() -> Outcome {
    assert!(!Ipv4Addr::new(127, 0, 0, 1).is_private());
    assert!(!Ipv4Addr::new(192, 0, 2, 1).is_private()); // for examples in books
    let Some(python) = python() else { return Ok(()) };
    let program = "import ipaddress as ip; \
                   print(*(ip.ip_address(a).is_private for a in ('127.0.0.1', '192.0.2.1')))";
    let (printed, _) = output(Command::new(python).args(["-c", program]))?;
    assert_eq!(printed.trim(), "True True");
    Ok(())
}

#[test]
fn ipv4_within_ipv6_is_loopback_only_when_it_is_taken_out() -> Outcome {
    let mapped: IpAddr = "::ffff:127.0.0.1".parse()?;
    assert!(!mapped.is_loopback());
    assert!(mapped.to_canonical().is_loopback());
    Ok(())
}

#[cfg(target_os = "linux")] // elsewhere, often no machine has 127.0.0.2
#[test]
fn a_listener_is_found_at_its_own_address_only() -> Outcome {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    let other = SocketAddr::from(([127, 0, 0, 2], port));
    let error = TcpStream::connect(other).expect_err("somebody answered");
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    connect(listener.local_addr()?)?;
    Ok(())
}

#[test]
fn a_client_gets_an_ephemeral_port() -> Outcome {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let server = listener.local_addr()?;
    let clients = [connect(server)?, connect(server)?];
    let ports = [clients[0].local_addr()?.port(), clients[1].local_addr()?.port()];
    assert_ne!(ports[0], ports[1]);
    // Linux shows the range that it takes them from.
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range");
    let range = range.unwrap_or("1024 65535".to_owned());
    let range: Vec<u16> = range.split_whitespace().flat_map(str::parse).collect();
    assert!(ports.iter().all(|port| (range[0]..=range[1]).contains(port)), "{ports:?}");
    Ok(())
}

#[test]
fn the_note_s_ports_are_the_system_s() -> Outcome {
    // Name (or another name) and port, as in /etc/services: `http  80/tcp  www`.
    let Ok(services) = std::fs::read_to_string("/etc/services") else { return Ok(()) };
    let mut known: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for line in services.lines() {
        let line = line.split('#').next().unwrap_or_default();
        let words: Vec<&str> = line.split_whitespace().collect();
        let Some((port, _)) = words.get(1).and_then(|word| word.split_once('/')) else {
            continue;
        };
        known.entry(port).or_default().extend([&words[..1], &words[2..]].concat());
    }
    let note = read(&root().join("lessons/04_addresses.md"))?;
    let mut count = 0;
    for line in note.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        if cells[1].parse::<u16>().is_err() {
            continue; // the heading
        }
        count += 1;
        let Some(names) = known.get(cells[1]) else { continue }; // a short list
        let name = cells[2].trim_matches('`');
        assert!(names.contains(&name), "port {} is {names:?}, not {name}", cells[1]);
    }
    assert!(count >= 10, "the table has {count} rows");
    Ok(())
}

#[test]
fn a_name_that_cannot_be_found_is_explained() -> Outcome {
    // No name has an empty part, so no name server is asked.
    for name in ["no..host", ""] {
        let mut command = Command::new(example("04_addresses"));
        let (printed, status) = output(command.args(["localhost", name]))?;
        let words = format!("No host called `{name}` can be found");
        assert!(printed.contains(&words) && printed.contains("Check the"), "{printed}");
        assert_eq!(status, Some(2));
    }
    Ok(())
}

#[test]
fn rust_and_python_make_the_same_of_an_address() -> Outcome {
    let Some(python) = python() else { return Ok(()) };
    let names = "localhost 127.0.0.1 ::1 0.0.0.0 :: 10.1.2.3 172.15.0.1 172.16.0.1 \
                 172.31.0.1 172.32.0.1 192.168.1.10 192.167.0.1 169.254.1.1 fe80::1 \
                 fd00::7 224.0.0.1 ff02::1 255.255.255.255 100.64.0.1 192.0.2.1 8.8.8.8 \
                 2001:db8::1 ::ffff:10.0.0.1 ::ffff:127.0.0.1";
    let names: Vec<&str> = names.split_whitespace().collect();
    let rust = output(Command::new(example("04_addresses")).args(&names))?;
    let script = ["lessons/python/04_addresses.py"];
    let python = output(Command::new(python).args(script).args(&names))?;
    assert_eq!(rust, python);
    assert!(rust.0.lines().count() > 2 * names.len() && rust.1 == Some(0), "{}", rust.0);
    Ok(())
}
