"""Tests of the checks, on trees made up here."""
import tempfile
import unittest
from pathlib import Path

import api
import circles
import lines
import prose
import rust
import structure


class Tree(unittest.TestCase):
    def tree(self, **files: str) -> Path:
        """A folder with these files; `__` in a name stands for `/`, and names without a dot end in `.rs`."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        for name, text in files.items():
            path = Path(folder.name) / name.replace("__", "/").replace("_dot_", ".")
            path = path if path.suffix else path.with_suffix(".rs")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return Path(folder.name)

    def circles(self, **files: str) -> list[list[str]]:
        found = circles.circles(circles.imports(self.tree(**files) / "lib.rs"))
        return [[file.stem for file in circle] for circle in found]


class Rust(Tree):
    def test_strings_and_comments_are_no_code(self):
        code = rust.mask('let a = "use crate::b; // \\" {"; // crate::c\n'
                         '/* a /* b */ c */ let d = r#"{"#; let e = \'{\';')
        for word in ("crate", "{", "*/"):
            self.assertNotIn(word, code)
        for word in ("let a", "let d", "let e"):
            self.assertIn(word, code)

    def test_lifetimes_are_no_characters(self):
        self.assertEqual(rust.mask("fn f<'a>(x: &'a str) -> &'a str"), "fn f<'a>(x: &'a str) -> &'a str")

    def test_tests_are_left_out(self):
        code = rust.without_tests("fn a() {}\n#[cfg(test)]\nmod tests { fn b() { c[1] } }\n"
                                  "#[cfg(test)]\nuse x::y;\nfn d() {}")
        self.assertEqual(code.split(), ["fn", "a()", "{}", "fn", "d()", "{}"])
        self.assertEqual(code.count("\n"), 5)

    def test_use_trees(self):
        paths = ["::".join(path) for path in rust.use_paths("crate::a::{self, b::{C, D as E}, f::*}")]
        self.assertEqual(paths, ["crate::a", "crate::a::b::C", "crate::a::b::D", "crate::a::f::*"])

    def test_module_tree(self):
        root = self.tree(lib="pub mod a; mod b { pub mod c; }\n#[cfg(test)]\nmod tests;", a="mod d;", a__d="", b__c="",
                         tests="")
        tree = rust.module_tree(root / "lib.rs")
        self.assertEqual(list(tree), [(), ("a",), ("a", "d"), ("b",), ("b", "c")])
        self.assertEqual([module.public for module in tree.values()], [True, True, False, False, True])


class Circles(Tree):
    def test_one_way_is_no_circle(self):
        self.assertEqual(self.circles(lib="mod a; mod b;", a="use crate::b::B;", b="pub struct B;"), [])

    def test_two_files(self):
        found = self.circles(lib="mod a; mod b;", a="use crate::b::B;", b="fn f() { super::a::g() }")
        self.assertEqual(found, [["a", "b"]])

    def test_grouped_and_indirect(self):
        found = self.circles(lib="mod a; mod b; mod c;", a="use crate::{b::B, c::C};", b="", c="use super::{a::A};")
        self.assertEqual(found, [["a", "c"]])

    def test_a_declaration_is_no_import(self):
        self.assertEqual(self.circles(lib="mod a;", a__mod="mod b; pub struct A;", a__b="use super::A;"), [])

    def test_a_re_export_is_an_import(self):
        found = self.circles(lib="mod a;", a__mod="mod b; pub use b::B; pub struct A;", a__b="use super::A;")
        self.assertEqual(found, [["b", "mod"]])

    def test_a_name_that_a_parent_re_exports_imports_the_parent(self):
        found = self.circles(lib="mod a; mod c;", a__mod="mod b; pub use b::B;", a__b="use crate::c::C;",
                             c="use crate::a::B;")
        self.assertEqual(found, [["b", "mod", "c"]])

    def test_comments_strings_and_tests_import_nothing(self):
        text = '// crate::a\nconst S: &str = "crate::a";\n#[cfg(test)]\nmod tests { use crate::a::A; }'
        self.assertEqual(self.circles(lib="mod a; mod b;", a="use crate::b::B;", b=text), [])

    def test_a_call_of_a_child_is_an_import(self):
        found = self.circles(lib="mod a;", a__mod="mod b;\nfn f() { b::g() }", a__b="use super::f;")
        self.assertEqual(found, [["b", "mod"]])


class Structure(Tree):
    def workspace(self, **files: str) -> dict[str, list[str]]:
        manifest = '[workspace]\nmembers = ["configs", "envs"]\n'
        configs = '[package]\nname = "imle-configs"\n'
        envs = '[package]\nname = "imle-envs"\n[dependencies]\nimle-configs.workspace = true\n'
        given = {"Cargo_dot_toml": manifest, "configs__Cargo_dot_toml": configs, "envs__Cargo_dot_toml": envs,
                 "configs__src__lib": "", "envs__src__lib": ""}
        return structure.check(self.tree(**given | files), {"Allowed"})

    def test_a_clean_workspace(self):
        self.assertEqual([found for found in self.workspace().values() if found], [])

    def test_a_dependency_upward(self):
        upward = '[package]\nname = "imle-configs"\n[dependencies]\nimle-envs.workspace = true\n'
        found = self.workspace(configs__Cargo_dot_toml=upward)["crate_order"]
        self.assertEqual(found, ["imle-configs must not depend on imle-envs"])

    def test_an_unknown_crate(self):
        found = self.workspace(envs__Cargo_dot_toml='[package]\nname = "imle-new"\n')["crate_order"]
        self.assertEqual(len(found), 1)

    def test_files_in_src(self):
        files = {f"envs__src__f{number}": "" for number in range(11)}
        self.assertEqual(len(self.workspace(**files)["files_beyond_ten"]), 2)

    def test_type_names(self):
        found = self.workspace(configs__src__lib="pub struct A;\npub enum Allowed {}\npub(crate) struct B;",
                               envs__src__lib="mod m {\n    pub trait A {}\n}\npub struct Allowed;\npub struct B;")
        self.assertEqual(found["same_type_names"], ["A: configs/src/lib.rs envs/src/lib.rs"])

    def test_a_crate_inside_another(self):
        inner = '[package]\nname = "imle-cli"\n'
        found = self.workspace(Cargo_dot_toml='[package]\nname = "planner"\n[workspace]\nmembers = ["src/cli"]\n',
                               src__main="", src__cli__Cargo_dot_toml=inner, src__cli__src__lib="/// What.\npub struct A;")
        self.assertEqual([len(found["same_type_names"]), len(found["weak_doc_comments"])], [0, 1])

    def test_doc_comments(self):
        text = ("//! How it is.\n/// A thing.\n/// What follows.\nfn f() {}\n"
                "/// Whatever.\n/// Its end.\nfn g() {}\n/// Whose\n")
        found = self.workspace(envs__src__lib=text)["weak_doc_comments"]
        self.assertEqual([line.split(":")[1] for line in found], ["1", "8"])


class Prose(Tree):
    def test_sentences(self):
        text = ("# A heading of words\n\nOne two `three four`. Five 0.5 six!\nSeven\n\n"
                "- eight [nine ten](a.md)\n- eleven\n\n| a b |\n")
        self.assertEqual(prose.sentence_lengths(text + "```\na b c\n```\n"), [3, 3, 1, 3, 1])

    def test_lines(self):
        long = "a" * 121
        text = f"{long}\n| {long}\n```\n{long}\n```\n[a]({long})\n"
        self.assertEqual([line.split(":")[1] for line in prose.long_lines("a.md", text)], ["1"])

    def test_links(self):
        text = ("# One two\n# One two\n[a](#one-two-1) [b](#three) [c](gone.md) [d](https://x.org/y) `[e](f)` "
                "[![g](h.png)](b.md#x)")
        root = self.tree(a_dot_md=text, b_dot_md="<a id='x'></a>")
        found = prose.dead_links(root, "a.md", text)
        self.assertEqual(found, ["a.md: no anchor #three", "a.md: no file gone.md", "a.md: no file h.png"])

    def test_pictures(self):
        root = self.tree(docs__images__a_dot_png="", docs__images__b_dot_png="", docs__images__c_dot_png="")
        shown = {"README.md": "![a](docs/images/a.png)", "docs/guide/x.md": '<img src="../images/b.png">'}
        self.assertEqual(prose.orphan_pictures(root, shown), ["no document shows docs/images/c.png"])


class Lines(unittest.TestCase):
    def test_rust(self):
        text = '//! Doc\n\n/* a\nb */\nfn f() {} // c\nlet s = "a\n\nb";\n#[cfg(test)]\nmod tests {\n}\n'
        self.assertEqual(lines.rust_lines(text), 3)

    def test_python(self):
        text = '"""Doc.\nMore."""\n# a\nx = """a\nb"""\n\ndef f():\n    "doc"\n    return 1\n'
        self.assertEqual(lines.python_lines(text), 4)

    def test_crates(self):
        files = {"Cargo.toml": "", "policy/Cargo.toml": "", "policy/data/Cargo.toml": "", "src/main.rs": "a\nb\n",
                 "policy/src/lib.rs": "#[cfg(test)]\nmod toy;\na\n", "policy/src/toy.rs": "a\n",
                 "policy/data/src/lib.rs": "a\n", "policy/examples/a.rs": "a\n"}
        self.assertEqual(lines.count(files), {".": 2, "policy": 1, "policy/data": 1, "examples": 1})


class Api(Tree):
    def listing(self, **files: str) -> list[str]:
        return [line.strip() for line in api.listing(self.tree(**files) / "lib.rs").splitlines() if line]

    def test_items(self):
        text = ("/// Doc\n#[derive(Clone)]\n#[non_exhaustive]\npub struct A<T> {\n    /// x\n    pub x: Vec<T>,\n"
                "    y: u8,\n}\n"
                "pub struct B(pub f32, u8);\npub enum C { D, E(u8), }\npub const F: [u8; 2] = [1, 2];\nfn hidden() {}\n"
                "pub(crate) fn inside() {}\npub fn g(a: impl Iterator<Item = u8>, b: [u8; 2])\n    -> u8\n{ 1 }\n"
                "pub type H = Vec<u8>;\nimpl<T> A<T> { pub fn new() -> Self { x } fn no() {} }\nimpl Clone for B { }\n"
                "pub trait I { type J; fn k(&self) -> u8; fn l(&self) { } }\n#[cfg(test)]\npub fn test() {}\n")
        self.assertEqual(self.listing(lib=text), [
            "mod crate", "#[non_exhaustive] pub struct A<T> { pub x: Vec<T>, .. }", "pub struct B(pub f32, ..)",
            "pub enum C { D, E(u8) }", "pub const F: [u8; 2]",
            "pub fn g(a: impl Iterator<Item = u8>, b: [u8; 2]) -> u8",
            "pub type H = Vec<u8>", "impl<T> A<T>", "pub fn new() -> Self", "pub trait I", "type J",
            "fn k(&self) -> u8", "fn l(&self) { .. }"])

    def test_private_modules_show_what_is_re_exported(self):
        found = self.listing(lib="mod a; pub mod b;\npub use a::A;", b="pub fn f() {}", a=(
            "pub struct A;\npub struct Hidden;\nimpl A { pub fn g() {} }\nimpl Hidden { pub fn h() {} }"))
        self.assertEqual(found, ["mod crate", "pub use a::A", "mod crate::a", "pub struct A", "impl A", "pub fn g()",
                                 "mod crate::b", "pub fn f()"])


if __name__ == "__main__":
    unittest.main()
