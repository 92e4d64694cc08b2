//! `countersign import`: rows of our own files and of other systems' export files, one at a time.
//!
//! `Reader` reads a file of any size in flat memory; `Rejects` keeps what could not go in; `Writer` writes rows that can be
//! read again. None of them knows the database: `command` brings rows and use case together.

mod base32;
mod command;
mod convert;
mod detect;
mod formats;
mod frames;
mod grants;
mod hash_file;
mod hashes;
mod instant;
mod known;
mod object;
mod otpauth;
mod problem;
mod reader;
#[cfg(test)]
mod reader_tests;
mod rejects;
mod row;
#[cfg(test)]
mod systems_tests;
mod writer;

pub(super) use self::{
    command::{Arguments, run},
    row::ImportRow,
    writer::{Shape, Writer, create},
};
use self::{
    formats::Format,
    problem::Problem,
    reader::{Failure, Reader, Row, RowError, Sources},
    rejects::Rejects,
};
