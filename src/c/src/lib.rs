//! The interface in C: what `imle.h` declares and documents, one file a handle.
//!
//! The functions check what C gives, call the libraries, and turn errors into codes. They are safe to define, since
//! only C can make their arguments: what it must keep to is in `imle.h`.

mod boundary;
mod controller;
mod policy;
mod task;
