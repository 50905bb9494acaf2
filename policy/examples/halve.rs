//! A checkpoint with its weights in half precision: what is shipped inside the program.
//!
//! ```text
//! cargo run --release -p imle-policy --example halve -- runs/generator configs/checkpoints/stack
//! ```

use imle_policy::checkpoint::Checkpoint;
use imle_policy::checkpoint::weights_file::StoredPrecision;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folders: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [from, to] = folders.as_slice() else { return Err("expected two folders: FROM TO".into()) };
    Checkpoint::load(from)?.save_as(to, StoredPrecision::Half)?;
    println!("{}: weights {}", to.display(), Checkpoint::load(to)?.fingerprint());
    Ok(())
}
