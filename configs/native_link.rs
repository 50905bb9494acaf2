//! Build script of every package that links libtorch or MuJoCo: binaries, tests, examples and benches
//! find the libraries where the linker did, whatever the target folder or the user's RUSTFLAGS.

fn main() {
    for (variable, folder) in [("LIBTORCH", "lib"), ("MUJOCO_DYNAMIC_LINK_DIR", "")] {
        println!("cargo::rerun-if-env-changed={variable}");
        if let Some(path) = std::env::var_os(variable) {
            let path = std::path::Path::new(&path).join(folder);
            println!("cargo::rustc-link-arg=-Wl,-rpath,{}", path.display());
        }
    }
}
