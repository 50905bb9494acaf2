//! Closed sets of things that flags, files and reports name.

/// Gives an enum without fields the names of its variants: `ALL`, `name`, and to be read and written as text.
///
/// ```
/// /// Directions.
/// #[derive(Clone, Copy, Debug, PartialEq)]
/// pub enum Side {
///     /// Of the heart.
///     Left,
///     /// Of the other one.
///     Right,
/// }
/// imle_configs::named!(Side, "side", [Left => "left", Right => "right"]);
///
/// assert_eq!((Side::Left.name(), "right".parse::<Side>()?), ("left", Side::Right));
/// # Ok::<(), imle_configs::Error>(())
/// ```
#[macro_export]
macro_rules! named {
    ($kind:ident, $what:literal, [$($variant:ident => $name:literal),+ $(,)?]) => {
        impl $kind {
            /// All of them.
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$variant),+];

            /// Name in flags, files and reports.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name),+
                }
            }
        }

        impl std::str::FromStr for $kind {
            type Err = $crate::Error;

            fn from_str(name: &str) -> $crate::Result<Self> {
                let found = Self::ALL.into_iter().find(|one| one.name() == name);
                found.ok_or_else(|| $crate::Error::unknown($what, name, Self::ALL.map(Self::name)))
            }
        }

        impl std::fmt::Display for $kind {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }

        $crate::as_text!($kind);
    };
}

/// Converts a type from and into the text that it parses and displays, as `#[serde(try_from = "String", into =
/// "String")]` wants it.
#[macro_export]
macro_rules! as_text {
    ($kind:ty) => {
        impl TryFrom<String> for $kind {
            type Error = $crate::Error;

            fn try_from(text: String) -> $crate::Result<Self> {
                text.parse()
            }
        }

        impl From<$kind> for String {
            fn from(value: $kind) -> Self {
                value.to_string()
            }
        }
    };
}
