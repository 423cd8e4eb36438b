//! The long pages of the documentation. They are files of `lessons/`, to be read in the
//! repository too; there, the links lead to the source.

pub mod lessons;

/// A page, with the plots that belong to it, and the targets that its links have on the
/// documentation site. The targets stand before the page's own definitions, and the first
/// definition of a link is the one that counts.
macro_rules! page {
    (
        $name:ident, $file:literal $(with $plots:literal)?
        $(, $link:literal => $target:literal)* $(,)?
    ) => {
        $(#[doc = concat!("[", $link, "]: ", $target)])*
        #[doc = ""]
        #[doc = include_str!(concat!("../../lessons/", $file))]
        $(
            #[doc = "\n## Plots\n"]
            #[doc = include_str!(concat!("../../lessons/", $plots))]
        )?
        pub mod $name {}
    };
}

/// A page with links to lessons.
macro_rules! page_of_lessons {
    ($name:ident, $file:literal: $($number:literal)*) => {
        $(#[doc = concat!("[lesson_", $number, "]: crate::lessons::lesson_", $number)])*
        #[doc = ""]
        #[doc = include_str!(concat!("../../lessons/", $file))]
        pub mod $name {}
    };
}

page!(platforms, "platforms.md");

page!(reliability, "reliability.md", "platforms" => "crate::platforms");

page!(
    teachers,
    "teachers.md",
    "index" => "crate::lessons",
    "platforms" => "crate::platforms",
);

page!(performance, "performance.md" with "performance.svg");

page_of_lessons!(errors, "errors.md": "01" "02" "03" "04" "05" "06" "17" "18");

page_of_lessons!(socket_api, "socket-api.md": "01" "02" "03" "04" "05" "09" "17" "18");

page!(
    coming_from_python,
    "coming-from-python.md",
    "socket_api" => "crate::socket_api",
    "server" => "crate::ThreadedServer",
    "tcp" => "crate::ThreadedServer::tcp",
    "udp" => "crate::ThreadedServer::udp",
    "unix" => "crate::ThreadedServer::unix",
    "unix_datagram" => "crate::ThreadedServer::unix_datagram",
    "builder" => "crate::ServerBuilder",
    "serve_forever" => "crate::ThreadedServer::serve_forever",
    "spawn" => "crate::ThreadedServer::spawn",
    "shutdown" => "crate::ServerHandle::shutdown",
    "handle_request" => "crate::ThreadedServer::handle_request",
    "handled" => "crate::Handled",
    "from_socket" => "crate::ServerBuilder::from_socket",
    "verify_request" => "crate::ServerBuilder::verify_request",
    "handle_error" => "crate::ServerBuilder::handle_error",
    "service_actions" => "crate::ServerBuilder::service_actions",
    "local_addr" => "crate::ServerHandle::local_addr",
    "backlog" => "crate::ServerBuilder::backlog",
    "reuse_address" => "crate::ServerBuilder::reuse_address",
    "reuse_port" => "crate::ServerBuilder::reuse_port",
    "max_packet_size" => "crate::ServerBuilder::max_packet_size",
    "drain_timeout" => "crate::ServerBuilder::drain_timeout",
    "max_connections" => "crate::ServerBuilder::max_connections",
    "stats" => "crate::ServerHandle::stats",
    "handler" => "crate::RequestHandler",
    "tcp_request" => "crate::TcpRequest",
    "udp_request" => "crate::UdpRequest",
    "handle" => "crate::ServerHandle",
    "read_timeout" => "crate::ServerBuilder::read_timeout",
    "write_timeout" => "crate::ServerBuilder::write_timeout",
    "nodelay" => "crate::ServerBuilder::nodelay",
);

/// The README's program must compile.
#[doc = include_str!("../../README.md")]
#[cfg(doctest)]
mod readme {}
