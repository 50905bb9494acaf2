//! New tasks, models and checkpoints are embedded by a rebuild: `include_dir!` alone does not notice them.

fn main() {
    for folder in ["tasks", "models", "checkpoints"] {
        println!("cargo:rerun-if-changed={folder}");
    }
}
