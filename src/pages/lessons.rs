//! The lessons, as pages of this documentation.
//!
//! They are the files in `lessons/`, with the example and the Python version of each on
//! pages of their own. This module exists in the documentation only.
//!
//! # How the links work
//!
//! A note ends with definitions such as `[lesson_03]: 03_udp.md`, which a repository
//! browser follows. Of two definitions of a label, the first one counts: the lines that
//! stand before a note here make the same labels lead to this documentation's pages.

#![doc = ""]
#![doc = "[errors]: crate::errors"]
#![doc = "[socket_api]: crate::socket_api"]
#![doc = "[coming]: crate::coming_from_python"]
#![doc = "[reliability]: crate::reliability"]
#![doc = "[platforms]: crate::platforms"]
#![doc = "[teachers]: crate::teachers"]
#![doc = "[performance]: crate::performance"]
#![doc = "[lesson_01]: lesson_01"]
#![doc = "[lesson_02]: lesson_02"]
#![doc = "[lesson_03]: lesson_03"]
#![doc = "[lesson_04]: lesson_04"]
#![doc = "[lesson_05]: lesson_05"]
#![doc = "[lesson_06]: lesson_06"]
#![doc = "[lesson_07]: lesson_07"]
#![doc = "[lesson_08]: lesson_08"]
#![doc = "[lesson_09]: lesson_09"]
#![doc = "[lesson_10]: lesson_10"]
#![doc = "[lesson_11]: lesson_11"]
#![doc = "[lesson_12]: lesson_12"]
#![doc = "[lesson_13]: lesson_13"]
#![doc = "[lesson_14]: lesson_14"]
#![doc = "[lesson_15]: lesson_15"]
#![doc = "[lesson_16]: lesson_16"]
#![doc = "[lesson_17]: lesson_17"]
#![doc = "[lesson_18]: lesson_18"]
#![doc = "[lesson_23]: lesson_23"]
#![doc = ""]
#![doc = include_str!("../../lessons/README.md")]

/// Makes the lessons' pages from the list of all of them, in order.
macro_rules! lessons {
    ($($module:ident $name:literal;)*) => {
        lessons!(@page [] [$($module)*] $($module $name;)*);
    };

    // One lesson after the other; the one before it (if any) stands in the brackets.
    (@page [$($before:ident)?] [$($all:ident)*] $module:ident $name:literal; $($rest:tt)*) => {
        lessons!(@with [$($before)?] [$($all)*] $module $name; $($rest)*);
        lessons!(@page [$module] [$($all)*] $($rest)*);
    };
    (@page [$($before:ident)?] [$($all:ident)*]) => {};

    (@with [$($before:ident)?] [$($all:ident)*] $module:ident $name:literal;
     $($after:ident $other:literal; $($rest:tt)*)?) => {
        #[doc = "[index]: crate::lessons"]
        #[doc = concat!("[example]: crate::lessons::", stringify!($module), "::example")]
        #[doc = concat!("[python]: crate::lessons::", stringify!($module), "::python")]
        #[doc = "[picture]: #picture"]
        $(#[doc = concat!("[", stringify!($all), "]: crate::lessons::", stringify!($all))])*
        #[doc = ""]
        #[doc = include_str!(concat!("../../lessons/", $name, ".md"))]
        pub mod $module {
            $(#[doc(no_inline)] pub use super::$before as previous;)?
            $(#[doc(no_inline)] pub use super::$after as next;)?

            #[doc = concat!("The program of lesson ", $name, ".\n\n```rust,ignore")]
            #[doc = include_str!(concat!("../../examples/", $name, ".rs"))]
            #[doc = "```"]
            pub mod example {}

            #[doc = concat!("The Python version of lesson ", $name, ".\n\n```python")]
            #[doc = include_str!(concat!("../../lessons/python/", $name, ".py"))]
            #[doc = "```"]
            pub mod python {}
        }
    };
}

lessons! {
    lesson_01 "01_greeting";
    lesson_02 "02_echo";
    lesson_03 "03_udp";
    lesson_04 "04_addresses";
    lesson_05 "05_closing";
    lesson_06 "06_one_at_a_time";
    lesson_07 "07_lift_off";
    lesson_08 "08_named_threads";
    lesson_09 "09_reverse";
    lesson_10 "10_print_lock";
    lesson_11 "11_threaded_server";
    lesson_12 "12_threaded_udp";
    lesson_13 "13_graceful_shutdown";
    lesson_14 "14_chat";
    lesson_15 "15_support_bot";
    lesson_16 "16_http_get";
    lesson_17 "17_nonblocking";
    lesson_18 "18_select";
    lesson_23 "23_your_own";
}
