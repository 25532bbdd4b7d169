//! What holds for every file: reading ends in an application or in problems, never in a panic, and line ends and a
//! byte order mark mean nothing.

use proptest::prelude::*;
use proptest::sample::Index;
use tidegate::domain::fleet::Application;
use tidegate::domain::manifest::{Problems, Source, includes, read};

const VALID: [&str; 3] =
    [include_str!("shop.yaml"), include_str!("../../fleet.yaml"), include_str!("../schema/design.yaml")];

/// Pieces that change what YAML around them means.
const PIECES: [&str; 22] = [
    "\n", "\r", "\t", " ", ":", ": ", "- ", "[", "]", "{", "}", ",", "\"", "'", "#", "&a ", "*a", "<<: ", "!x ",
    "---\n", "|\n", "é",
];

fn source(bytes: Vec<u8>) -> Source {
    Source { name: "fleet.yaml".to_owned(), bytes }
}

/// Reads bytes as `check` does, tells the problems in both forms, and makes sure that they are places in the file.
fn read_and_tell(bytes: Vec<u8>) -> Result<Application, Problems> {
    let sources = [source(bytes)];
    includes(&sources[0]);
    let result = read(&sources);
    if let Err(problems) = &result {
        let lines = String::from_utf8_lossy(&sources[0].bytes).lines().count().max(1);
        assert!(problems.iter().count() > 0);
        for problem in problems.iter() {
            assert!((1..=lines + 1).contains(&problem.line) && problem.column >= 1, "{problem}");
            assert!(!problem.what.is_empty() && !problem.help.is_empty(), "{problem}");
        }
        assert!(!problems.with_excerpts(&sources).is_empty());
    }
    result
}

/// What a mutation does at a place of the text.
#[derive(Clone, Debug)]
enum Mutation {
    Insert(Index, usize),
    Remove(Index, usize),
    Repeat(Index, usize),
    Replace(Index, u8),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    prop_oneof![
        (any::<Index>(), 0..PIECES.len()).prop_map(|(at, piece)| Mutation::Insert(at, piece)),
        (any::<Index>(), 1usize..40).prop_map(|(at, length)| Mutation::Remove(at, length)),
        (any::<Index>(), 1usize..40).prop_map(|(at, length)| Mutation::Repeat(at, length)),
        (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Mutation::Replace(at, byte)),
    ]
}

fn mutate(mut bytes: Vec<u8>, mutation: &Mutation) -> Vec<u8> {
    let place = |at: &Index, length: usize| {
        let start = at.index(bytes.len().max(1)).min(bytes.len());
        start..(start + length).min(bytes.len())
    };
    match mutation {
        Mutation::Insert(at, piece) => drop(bytes.splice(place(at, 0), PIECES[*piece].bytes())),
        Mutation::Remove(at, length) => drop(bytes.drain(place(at, *length))),
        Mutation::Repeat(at, length) => {
            let range = place(at, *length);
            let piece = bytes[range.clone()].to_vec();
            bytes.splice(range.start..range.start, piece);
        }
        Mutation::Replace(at, byte) => {
            let range = place(at, 1);
            bytes[range].fill(*byte);
        }
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn inv_33_any_bytes_end_in_problems(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(read_and_tell(bytes).is_err());
    }

    #[test]
    fn inv_33_any_text_ends_in_problems(text in "[ -~\n\té\u{feff}]{0,400}") {
        prop_assert!(read_and_tell(text.into_bytes()).is_err());
    }

    #[test]
    fn inv_33_a_mutated_file_is_read_or_refused(which in 0..VALID.len(), mutations in proptest::collection::vec(mutation(), 1..6)) {
        let bytes = mutations.iter().fold(VALID[which].as_bytes().to_vec(), mutate);
        let _either = read_and_tell(bytes);
    }

    /// Whatever is done to a file, its line ends do not decide what it means.
    #[test]
    fn carriage_returns_change_nothing(which in 0..VALID.len(), mutations in proptest::collection::vec(mutation(), 0..3)) {
        let bytes = mutations.iter().fold(VALID[which].as_bytes().to_vec(), mutate);
        prop_assume!(!bytes.contains(&b'\r'));
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let with_returns = text.replace('\n', "\r\n");
        let places = |result: Result<Application, Problems>| {
            result.map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        prop_assert_eq!(places(read_and_tell(with_returns.into_bytes())), places(read_and_tell(text.into_bytes())));
    }
}

/// Tenants can stand in any order: what the file means is the same value, and so is every plan.
#[test]
fn inv_23_the_order_of_entries_changes_nothing() {
    let (before, entries) = VALID[0].split_once("  entries:\n").unwrap();
    let turned: Vec<&str> = entries.lines().rev().collect();
    let turned = format!("{before}  entries:\n{}\n", turned.join("\n"));
    assert_ne!(turned, VALID[0]);
    assert_eq!(read_and_tell(turned.into_bytes()), read_and_tell(VALID[0].as_bytes().to_vec()));
}

#[test]
fn a_byte_order_mark_changes_nothing() {
    for text in VALID {
        let marked = [b"\xef\xbb\xbf".as_slice(), text.as_bytes()].concat();
        assert_eq!(read_and_tell(marked), read_and_tell(text.as_bytes().to_vec()));
    }
}
