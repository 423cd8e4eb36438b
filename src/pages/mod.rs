//! The long pages of the documentation. They are files in `lessons/`, so that they can be
//! read in the repository, too. There, the links lead to the source.

pub mod lessons;

/// A page, with the plots that belong to it, and the targets that its links have on the
/// documentation site. The targets come before the page's own definitions, because the
/// first definition of a link counts.
macro_rules! page {
    (
        $name:ident, $file:literal $(with $plots:literal)?
        $(, $link:literal => $target:literal)* $(,)?
    ) => {
        $(#[doc = concat!("[", $link, "]: ", $target)])*
        #[doc = include_str!("labels.md")]
        #[doc = include_str!(concat!("../../lessons/", $file))]
        $(
            #[doc = "\n## Plots\n"]
            #[doc = "<div role='img' aria-label='The results as four bar charts.'>"]
            #[doc = include_str!(concat!("../../lessons/", $plots))]
            #[doc = "</div>"]
        )?
        pub mod $name {}
    };
}

page!(platforms, "platforms.md");

page!(reliability, "reliability.md");

page!(teachers, "teachers.md");

page!(performance, "performance.md" with "performance.svg", "plots" => "#plots");

page!(errors, "errors.md");

page!(socket_api, "socket-api.md");

page!(
    coming_from_python,
    "coming-from-python.md",
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
