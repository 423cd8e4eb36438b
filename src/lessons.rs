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
#![doc = "[lesson_01]: lesson_01"]
#![doc = "[lesson_02]: lesson_02"]
#![doc = "[lesson_03]: lesson_03"]
#![doc = ""]
#![doc = include_str!("../lessons/README.md")]

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
        #[doc = include_str!(concat!("../lessons/", $name, ".md"))]
        pub mod $module {
            $(#[doc(no_inline)] pub use super::$before as previous;)?
            $(#[doc(no_inline)] pub use super::$after as next;)?

            #[doc = concat!("The program of lesson ", $name, ".\n\n```rust,ignore")]
            #[doc = include_str!(concat!("../examples/", $name, ".rs"))]
            #[doc = "```"]
            pub mod example {}

            #[doc = concat!("The Python version of lesson ", $name, ".\n\n```python")]
            #[doc = include_str!(concat!("../lessons/python/", $name, ".py"))]
            #[doc = "```"]
            pub mod python {}
        }
    };
}

lessons! {
    lesson_01 "01_greeting";
    lesson_02 "02_echo";
    lesson_03 "03_udp";
}
