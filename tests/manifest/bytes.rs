//! Bytes that are no text, or too many. They stand here and not in files, where editors and git would mend them.

use std::time::{Duration, Instant};

use super::{told, told_of};

#[test]
fn an_empty_file() {
    insta::assert_snapshot!(told("empty.yaml"), @"empty.yaml:1:1: the file is empty; see README.md for a first fleet.yaml");
    insta::assert_snapshot!(told("only-comments.yaml"), @"only-comments.yaml:1:1: the file is empty; see README.md for a first fleet.yaml");
    insta::assert_snapshot!(told_of(b"---\n...\n"), @"fleet.yaml:1:1: the file is empty; see README.md for a first fleet.yaml");
    insta::assert_snapshot!(told_of(b"\xef\xbb\xbf~\n"), @"fleet.yaml:1:1: the file is empty; see README.md for a first fleet.yaml");
}

#[test]
fn bytes_that_are_no_utf_8() {
    insta::assert_snapshot!(told_of(b"schema: 1\napp: caf\xe9\ndomain: \xff\n"), @"fleet.yaml:2:9: no UTF-8 from byte 18 on; save it as UTF-8");
    insta::assert_snapshot!(told_of(b"\xff\xfes\0c\0"), @"fleet.yaml:1:1: this is UTF-16; save it as UTF-8");
}

#[test]
fn control_characters_are_told_each() {
    insta::assert_snapshot!(told_of(b"schema: 1\napp: sh\0op\ndomain: \x1b[31mred\n"), @r"
    fleet.yaml:2:8: a control character (\u{0}); remove it
    fleet.yaml:3:9: a control character (\u{1b}); remove it
    ");
}

#[test]
fn a_file_larger_than_is_read() {
    insta::assert_snapshot!(told_of(&vec![b'#'; 10 << 20]), @"fleet.yaml:1:1: larger than the 1048576 bytes that are read; put tenants into files of their own: tenants.include");
}

/// Each line doubles the one before it: expanded, a billion values.
#[test]
fn inv_33_bombs_are_refused_at_once() {
    let mut bomb = "a0: &a0 x\n".to_owned();
    for n in 1..=30 {
        bomb += &format!("a{n}: &a{n} [*a{0}, *a{0}]\n", n - 1);
    }
    let told = quickly(bomb.as_bytes());
    for line in ["fleet.yaml:1:5: anchors are not read", "fleet.yaml:31:12: aliases are not read"] {
        assert!(told.contains(line), "{told}");
    }
    let told = quickly(b"a: &a [*a]\n");
    assert!(told.contains("fleet.yaml:1:8: aliases are not read"), "{told}");
    insta::assert_snapshot!(quickly(("a: ".to_owned() + &"[".repeat(100_000)).as_bytes()), @"fleet.yaml:1:259: this is no YAML: recursion limit exceeded; look at the quotes, brackets and indentation here and in the line before");
}

/// Half as much of one thing as a file can hold: reading stays bounded in time and in what it tells.
#[test]
fn inv_33_a_file_full_of_problems_is_refused_at_once() {
    let many = |line: &dyn Fn(usize) -> String| {
        let mut text = String::new();
        (0..)
            .map(line)
            .take_while(|line| {
                text += line;
                text.len() < 1 << 19
            })
            .for_each(drop);
        quickly(text.as_bytes())
    };
    let shop = include_str!("shop.yaml");
    let keys = many(&|n| format!("k{n}:\n"));
    let same = many(&|_| "a: 1\n".to_owned());
    let tenants = many(&|n| if n == 0 { shop.to_owned() } else { format!("    - {{ id: t{n}, flet: x }}\n") });
    let services =
        many(&|n| if n == 0 { "services:\n".to_owned() } else { format!("  s{n}: {{ build: x, after: [s{n}] }}\n") });
    for told in [&keys, &same, &tenants, &services] {
        assert!((1..1100).contains(&told.lines().count()), "{}", told.lines().count());
    }
    assert!(same.contains("too many problems to read on"));
    assert!(services.contains("at most 100 are read"));
    assert!(tenants.contains("at most 10000 are read"));
}

fn quickly(bytes: &[u8]) -> String {
    let began = Instant::now();
    let told = told_of(bytes);
    // Most of a second; the bound is for busy machines and far below what a squared length would take.
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    told
}

#[test]
fn a_comment_that_ends_the_file_adds_no_line() {
    let told = crate::told_of(b"a: [ \n#");
    assert!(told.starts_with("fleet.yaml:2:2: this is no YAML"), "{told}");
}
