//! Files: what is written appears whole or not at all, what is read is bounded, and each change of the disk is numbered.

#![expect(clippy::disallowed_methods, reason = "this is the place of them")]

mod append;
mod atomic;
mod checked;
mod json_lines;
mod lock;
mod operation;
mod output;
mod read;

pub use append::Appended;
pub use atomic::{target, write_atomic, write_folder, write_text};
pub use checked::{read_checked, write_checked};
pub use json_lines::JsonLines;
pub use lock::FolderLock;
pub use operation::{create_file, create_folder, remove, rename};
pub use output::{create_output_folder, ensure_absent, reopen_output_folder, sweep};
pub use read::{open, read_bytes, read_text};
