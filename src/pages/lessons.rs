// The lessons, as pages of this documentation. This module exists only in the
// documentation.
//
// A note ends with definitions such as `[lesson_03]: 03_udp.md`, which a repository
// browser follows. If a label is defined twice, the first definition counts. So
// `labels.md` comes before each note, and makes the same labels lead to this
// documentation's pages. A picture comes before its note in the same way: `pictures/` has
// it as a `data:` address, because this site contains no other files.

#![doc = include_str!("labels.md")]
#![doc = include_str!("../../lessons/README.md")]

/// Makes a page of each lesson, with a page for its example and one for its Python
/// version. `in` names the example's folder, if it has its own.
macro_rules! lessons {
    ($($module:ident $name:literal $(in $folder:literal)? $($picture:literal)?;)*) => { $(
        #[doc = concat!("[example]: crate::lessons::", stringify!($module), "::example")]
        #[doc = concat!("[python]: crate::lessons::", stringify!($module), "::python")]
        $(#[doc = include_str!(concat!("pictures/", $picture))])?
        #[doc = include_str!("labels.md")]
        #[doc = include_str!(concat!("../../lessons/", $name, ".md"))]
        pub mod $module {
            #[doc = concat!("The program of lesson ", $name, ".\n")]
            #[doc = "\nComments such as `// [serve]` and `// [/serve]` mark what the note shows."]
            #[doc = "\n```rust"]
            #[doc = include_str!(concat!("../../examples/", $($folder,)? $name, ".rs"))]
            #[doc = "```"]
            pub mod example {}

            #[doc = concat!("The Python version of lesson ", $name, ".\n\n```python")]
            #[doc = include_str!(concat!("../../lessons/python/", $name, ".py"))]
            #[doc = "```"]
            pub mod python {}
        }
    )* };
}

lessons! {
    lesson_01 "01_greeting";
    lesson_02 "02_echo";
    lesson_03 "03_udp";
    lesson_04 "04_addresses";
    lesson_05 "05_closing";
    lesson_06 "06_one_at_a_time";
    lesson_07 "07_lift_off" "07_lift_off.md";
    lesson_08 "08_named_threads";
    lesson_09 "09_reverse";
    lesson_10 "10_print_lock" "10_print_lock.md";
    lesson_11 "11_threaded_server";
    lesson_12 "12_threaded_udp";
    lesson_13 "13_graceful_shutdown" "13_graceful_shutdown.md";
    lesson_14 "14_chat";
    lesson_15 "15_support_bot";
    lesson_16 "16_http_get";
    lesson_17 "17_nonblocking";
    lesson_18 "18_select";
    lesson_19 "19_websocket" in "19_websocket/";
    lesson_20 "20_tls" in "20_tls/";
    lesson_21 "21_limits" in "21_limits/" "21_limits.md";
    lesson_22 "22_many_machines" in "22_many_machines/";
    lesson_23 "23_your_own";
}
