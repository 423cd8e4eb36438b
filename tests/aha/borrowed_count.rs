//! Lesson 07: a thread that borrows from the function that started it. The compiler
//! refuses this; `tests/aha/lesson_07.rs` looks at what it says.

use std::thread;

fn main() {
    launch(3);
}

// [launch]
fn launch(count: u32) {
    thread::spawn(|| {
        for number in (1..=count).rev() {
            println!("{number}");
        }
    });
}
// [/launch]
