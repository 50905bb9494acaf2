//! The module finds libtorch and MuJoCo in the packages `torch` and `mujoco` beside it.

fn main() {
    for folder in ["torch/lib", "mujoco"] {
        println!("cargo::rustc-link-arg-cdylib=-Wl,-rpath,$ORIGIN/../{folder}");
    }
}
