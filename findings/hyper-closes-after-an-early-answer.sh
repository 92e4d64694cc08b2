#!/usr/bin/env bash
# A server on hyper answers a POST before its body has come (it is refused by its path or its token, say). What becomes of the HTTP/1.1
# connection, which pools of clients go on using?
#
# Guess: the answer says `connection: close`, or the rest of the body is read and dropped; either way a client knows.
#
# Seen: neither. The answer says nothing, and the connection is closed behind it. A client that sends the rest of its body and its next
# request, as a pool may, gets no second answer, only the end of the connection or a reset. Where the body came with the head, or the handler read
# it to its end, the connection stays. So a server must read bodies that it refuses, or say by itself that the connection ends.
#
#   body later, unread:   connection header: none    a second answer: no
#   body later, read:     connection header: none    a second answer: yes
#   body at once, unread: connection header: none    a second answer: yes
#
# Versions: hyper 1.12.0, hyper-util 0.1.21, tokio 1.54.1. Seen on 2026-11-29.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/probe/src"
cat >"$work/probe/Cargo.toml" <<'TOML'
[package]
name = "probe"
version = "0.0.0"
edition = "2024"
[dependencies]
hyper = { version = "=1.12.0", features = ["http1", "server"] }
hyper-util = { version = "=0.1.21", features = ["tokio"] }
http-body-util = "=0.1.5"
tokio = { version = "=1.54.1", features = ["io-util", "macros", "net", "rt", "time"] }
[workspace]
TOML
cat >"$work/probe/src/main.rs" <<'RUST'
use std::{convert::Infallible, time::Duration};

use http_body_util::{BodyExt as _, Full};
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::timeout,
};

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    if request.uri().path() == "/read" {
        let _whole = request.into_body().collect().await;
    }
    Ok(Response::new(Full::from("answer")))
}

/// An answer, in lower case; what there was until the connection ended, if it did.
async fn read(socket: &mut TcpStream) -> String {
    let mut text = Vec::new();
    while !text.ends_with(b"answer") {
        let mut bytes = [0; 1024];
        match timeout(Duration::from_secs(10), socket.read(&mut bytes)).await.expect("an answer, or the end") {
            Ok(0) | Err(_) => break,
            Ok(read) => text.extend(&bytes[..read]),
        }
    }
    String::from_utf8(text).unwrap().to_lowercase()
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            let connection = http1::Builder::new().serve_connection(TokioIo::new(socket), service_fn(answer));
            tokio::spawn(connection);
        }
    });
    for (what, path, later) in [("later, unread", "/", true), ("later, read", "/read", true), ("at once, unread", "/", false)] {
        let mut socket = TcpStream::connect(address).await.unwrap();
        let head = format!("POST {path} HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\n");
        let body = "body";
        let mut first = String::new();
        if !later {
            socket.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
        } else {
            socket.write_all(head.as_bytes()).await.unwrap();
            if path == "/" {
                first = read(&mut socket).await;
            }
            let _ = socket.write_all(body.as_bytes()).await;
        }
        if first.is_empty() {
            first = read(&mut socket).await;
        }
        let _ = socket.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
        let second = read(&mut socket).await;
        let says = if first.contains("\r\nconnection:") { "some" } else { "none" };
        let again = if second.ends_with("answer") { "yes" } else { "no" };
        println!("body {what}: {says} {again}");
    }
}
RUST
CARGO_TARGET_DIR=$work/target cargo build --quiet --manifest-path "$work/probe/Cargo.toml"
seen=$(timeout 60 "$work/target/debug/probe")
echo "$seen"
[[ $seen == "body later, unread: none no
body later, read: none yes
body at once, unread: none yes" ]] || {
    echo "that has changed" >&2
    exit 1
}
