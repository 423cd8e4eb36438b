//! What earlier lessons built: the room of lesson 14, which doesn't know about sockets, and
//! the HTTP of lesson 16.

#[path = "../chat/command.rs"]
pub(crate) mod command;
#[allow(dead_code, unused_imports, reason = "lesson 16 uses the rest")]
#[path = "../http/mod.rs"]
pub(crate) mod http;
#[path = "../chat/room.rs"]
pub(crate) mod room;
#[path = "../chat/screen.rs"]
pub(crate) mod screen;
