//! Lists as a whole: made, looked up in, and broken in every way.

use std::{
    fs::{self, OpenOptions},
    io,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use super::*;
use crate::domain::{Password, Timestamp};

const NOW: Timestamp = Timestamp::from_unix_micros(1_800_000_000_000_000);

/// A folder with a list of these keys.
fn list(keys: &[u64], expected: u64) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("breached");
    let mut builder = Builder::create(&path, expected).unwrap();
    keys.iter().for_each(|key| builder.add(Key(*key)).unwrap());
    let facts = builder.finish(NOW, 1).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().len(), facts.bytes());
    (folder, path)
}

/// Keys that look like hashes, in their order (Knuth's multiplicative hash).
fn keys(count: u64) -> Vec<u64> {
    let mut keys: Vec<_> = (1..=count).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect();
    keys.sort_unstable();
    keys
}

#[test]
fn every_entry_is_found_and_no_neighbour() {
    for (count, expected) in
        [(0, 0), (1, 1), (3, 100_000), (20_000, 20_000), (5_000, 10), (5_000, 1 << 21)]
    {
        let keys = keys(count);
        let (_folder, path) = list(&keys, expected);
        let list = Breached::open(&path).unwrap();
        assert_eq!((list.facts().entries, list.facts().made_at), (count, NOW));
        // The least that a file of so many buckets tells apart.
        let step = 1 << (32 - layout::bits_for(expected));
        for key in &keys {
            assert!(list.has(Key(*key)).unwrap(), "{key:x}");
            for neighbour in [key.wrapping_sub(step), key.wrapping_add(step)] {
                let is_another = keys.binary_search(&neighbour).is_ok();
                assert_eq!(list.has(Key(neighbour)).unwrap(), is_another, "{neighbour:x}");
            }
        }
        assert!(list.check(&mut |_| {}).unwrap());
    }
}

#[test]
fn the_ends_of_buckets_belong_to_them() {
    let bits = 8;
    let edge = 1 << (64 - bits);
    let keys =
        [0, 1 << 40, edge - 1, edge, edge + (1 << 40), 200 * edge, u64::MAX - (1 << 40), u64::MAX];
    let (_folder, path) = list(&keys, 128 << bits);
    let list = Breached::open(&path).unwrap();
    assert_eq!(list.facts().bits, 8);
    assert!(keys.iter().all(|key| list.has(Key(*key)).unwrap()));
    for absent in
        [1 << 41, 2 * edge - 1, 2 * edge, 200 * edge - 1, 201 * edge, u64::MAX - (1 << 41)]
    {
        assert!(!list.has(Key(absent)).unwrap(), "{absent:x}");
    }
}

#[test]
fn a_key_that_comes_twice_is_one_entry_and_one_out_of_order_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("breached");
    let mut builder = Builder::create(&path, 10).unwrap();
    [7 << 40, 7 << 40, 8 << 40].into_iter().for_each(|key| builder.add(Key(key)).unwrap());
    assert_eq!(builder.add(Key(7 << 40)).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    assert_eq!(builder.finish(NOW, 3).unwrap().entries, 2);
    assert_eq!(Breached::open(&path).unwrap().facts().at_least, 3);
}

#[test]
fn a_password_is_looked_up_in_both_of_its_forms() {
    let (nfc, nfd) = ("p\u{e4}sswort", "pa\u{308}sswort");
    let has = |on_the_list: &str, typed: &str| {
        let (_folder, path) = list(&[Key::of(on_the_list).0], 1);
        Breached::open(&path).unwrap().contains(&Password::parse(typed).unwrap()).unwrap()
    };
    assert!(has(nfc, nfc) && has(nfc, nfd) && has(nfd, nfd));
    assert!(!has(nfd, nfc), "what nobody typed");
    assert!(!has(nfc, "passwort"));
}

/// Writes over a file.
fn overwrite(path: &Path, at: u64, bytes: &[u8]) {
    OpenOptions::new().write(true).open(path).unwrap().write_all_at(bytes, at).unwrap();
}

fn refused(path: &Path) -> String {
    Breached::open(path).unwrap_err().to_string()
}

#[test]
fn what_is_no_whole_list_of_this_version_is_refused() {
    let (folder, path) = list(&keys(1000), 1000);
    let bytes = fs::read(&path).unwrap();
    for length in [0, 8, 79] {
        fs::write(&path, &bytes[..length]).unwrap();
        assert!(refused(&path).contains("is no list"), "{length}");
    }
    for length in [80, 200, bytes.len() - 1] {
        fs::write(&path, &bytes[..length]).unwrap();
        assert!(refused(&path).contains("was not copied to its end"), "{length}");
    }
    fs::write(&path, [&bytes[..], b"\n"].concat()).unwrap();
    assert!(refused(&path).contains("bytes and should have"));
    fs::write(&path, &bytes).unwrap();
    overwrite(&path, 8, &2u32.to_le_bytes());
    assert!(refused(&path).contains("has version 2"));
    overwrite(&path, 0, b"5BAA61E4");
    assert!(refused(&path).contains("is no list"));
    assert!(refused(folder.path()).contains("is no list"), "a folder");
    assert!(refused(&folder.path().join("nowhere")).contains("cannot be read"));
}

#[test]
fn numbers_of_a_header_that_cannot_be_are_refused() {
    let (_folder, path) = list(&keys(1000), 1000);
    for (at, bytes) in [(12, [25, 0, 0, 0]), (12, [255; 4]), (16, [255; 4]), (40, [255; 4])] {
        let before = fs::read(&path).unwrap();
        overwrite(&path, at, &bytes);
        assert!(Breached::open(&path).is_err(), "{at}");
        fs::write(&path, before).unwrap();
    }
}

#[test]
fn a_file_that_is_cut_or_changed_under_the_process_is_an_error_and_no_panic() {
    let keys = keys(1000);
    let (_folder, path) = list(&keys, 1000);
    let list = Breached::open(&path).unwrap();
    let in_the_last_bucket = Key(*keys.last().unwrap());
    assert!(list.has(in_the_last_bucket).unwrap());
    let index_of_the_last = 80 + 8 * 7;
    for (at, bytes) in [
        // Ends before it begins, in too wide a bucket, and behind all entries.
        (index_of_the_last, [255; 8]),
        (index_of_the_last, [0; 8]),
        (index_of_the_last + 8, [255; 8]),
    ] {
        let before = fs::read(&path).unwrap();
        overwrite(&path, at, &bytes);
        assert_eq!(list.has(in_the_last_bucket).unwrap_err().kind(), io::ErrorKind::InvalidData);
        overwrite(&path, 0, &before);
    }
    assert!(list.has(in_the_last_bucket).unwrap());
    for length in [500, 100, 0] {
        OpenOptions::new().write(true).open(&path).unwrap().set_len(length).unwrap();
        assert_eq!(list.has(in_the_last_bucket).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        assert!(list.check(&mut |_| {}).is_err());
    }
}

#[test]
fn a_check_sees_each_bit_that_is_not_as_it_was_written() {
    let (_folder, path) = list(&keys(100), 1000);
    let list = Breached::open(&path).unwrap();
    let before = fs::read(&path).unwrap();
    let mut read = 0;
    assert!(list.check(&mut |bytes| read += bytes).unwrap());
    assert_eq!(read, before.len() as u64 - 80);
    for at in 0..before.len() {
        overwrite(&path, at as u64, &[before[at] ^ 4]);
        assert!(!list.check(&mut |_| {}).unwrap(), "byte {at}");
        overwrite(&path, at as u64, &before[at..=at]);
    }
}

#[test]
fn a_list_that_is_replaced_stays_what_it_was_for_those_who_have_it_open() {
    let (folder, path) = list(&[1 << 60], 1);
    let before = Breached::open(&path).unwrap();
    let mut builder = Builder::create(&path, 1).unwrap();
    builder.add(Key(2 << 60)).unwrap();
    assert!(Builder::create(&path, 1).is_err(), "two make it at once");
    builder.finish(NOW, 1).unwrap();
    let after = Breached::open(&path).unwrap();
    for (list, has) in [(before, 1 << 60), (after, 2 << 60)] {
        for key in [1 << 60, 2 << 60] {
            assert_eq!(list.has(Key(key)).unwrap(), key == has);
        }
    }
    drop(Builder::create(&path, 1).unwrap());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no draft is left");
}

/// `password`, 123456 and two others, as Pwned Passwords has them.
const LINES: [&str; 4] = [
    "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8:52256179",
    "7C4A8D09CA3762AF61E59520943DC26494F8941B:209972844",
    "7C4A8D09CA3762AF61E59520943DC26494F8941C:0",
    "F7C3BC1D808E04732ADF679965CCC34CA7AE3441:2",
];

/// Makes a list of a source.
fn made(source: &Path, out: &Path, at_least: u64) -> Result<Facts, String> {
    let source = Source::find(source, true).map_err(|error| error.to_string())?;
    let request = Request { out, source: &source, at_least, now: NOW };
    let mut read = 0;
    let made = build(&request, &mut |bytes| read += bytes).map_err(|error| error.to_string());
    assert!(made.is_err() || source.bytes() == Some(read));
    made
}

fn has(out: &Path, password: &str) -> bool {
    Breached::open(out).unwrap().has(Key::of(password)).unwrap()
}

#[test]
fn a_list_in_one_file_or_in_ranges_gives_the_same_and_padding_is_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let [one, ranges, a, b] = ["one.txt", "ranges", "a", "b"].map(|name| folder.path().join(name));
    fs::write(&one, LINES.join("\r\n")).unwrap();
    fs::create_dir(&ranges).unwrap();
    for (name, lines) in
        [("5BAA6.txt", &LINES[..1]), ("7c4a8", &LINES[1..3]), ("F7C3B.txt", &LINES[3..])]
    {
        let rests: Vec<_> = lines.iter().map(|line| &line[5..]).collect();
        fs::write(ranges.join(name), rests.join("\n")).unwrap();
    }
    fs::write(ranges.join("README"), "no range").unwrap();
    assert_eq!(made(&one, &a, 1).unwrap().entries, 3);
    made(&ranges, &b, 1).unwrap();
    assert_eq!(fs::read(&a).unwrap(), fs::read(&b).unwrap());
    assert!(
        has(&a, "password") && has(&a, "123456") && has(&a, "123456789") && !has(&a, "1234567")
    );
    // One that is there is replaced.
    assert_eq!(made(&one, &a, 3).unwrap().entries, 2);
    assert!(has(&a, "password") && !has(&a, "123456789"));
    fs::write(&one, LINES.map(|line| &line[..16]).join("\n")).unwrap();
    assert_eq!(made(&one, &a, 1).unwrap().entries, 3, "without counts, and two that begin alike");
}

#[test]
fn a_list_that_is_not_as_it_should_be_is_refused_and_what_was_there_stays() {
    let folder = tempfile::tempdir().unwrap();
    let [source, out] = ["list.txt", "out"].map(|name| folder.path().join(name));
    fs::write(&source, LINES[0]).unwrap();
    made(&source, &out, 1).unwrap();
    for (text, at_least, why) in [
        ([LINES[1], LINES[0]].join("\n"), 1, "line 2 of"),
        ([LINES[1], LINES[0]].join("\n"), 1, "belongs further up: get the list that is ordered"),
        ([LINES[1], LINES[0]].join("\n"), 1 << 40, "no hash that was seen so often"),
        (LINES[0][..32].to_owned(), 1, "NTLM"),
        (LINES[0][..40].to_owned(), 2, "leave out --at-least"),
        (format!("{}\npassword", LINES[0]), 1, "line 2 of"),
        (LINES[2].to_owned(), 1, "no hash that was seen so often"),
        (String::new(), 1, "no hash"),
    ] {
        fs::write(&source, &text).unwrap();
        let told = made(&source, &out, at_least).unwrap_err();
        assert!(told.contains(why), "{text}: {told}");
        assert!(has(&out, "password") && !has(&out, "123456"));
    }
    let told = made(&source, &source, 1).unwrap_err();
    assert!(
        told.contains("is there, and no list of breached passwords: it is left alone"),
        "{told}"
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "no draft is left");
}
